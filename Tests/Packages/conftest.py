"""A clean system to install packages in, thrown away afterwards."""

import os
import subprocess

import pytest

SYSTEM = os.environ["SYSTEM"]


class System:
    def __init__(self, root):
        self.root = root

    def path(self, name):
        return self.root + name

    def run(self, *command):
        return subprocess.run(
            ["chroot", self.root, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}).stdout

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def exists(self, name):
        return os.path.lexists(self.path(name))


@pytest.fixture
def system(tmp_path):
    """A copy of the one that debootstrap has made."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], check=True)
    for name in ("upper", "work", "root"):
        (tmp_path / name).mkdir()
    root = str(tmp_path / "root")
    subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={SYSTEM},upperdir={tmp_path}/upper,workdir={tmp_path}/work", root],
        check=True)
    # Swift's library reads the command line there.
    subprocess.run(["mount", "-t", "proc", "proc", f"{root}/proc"], check=True)
    yield System(root)
    subprocess.run(["umount", "-l", f"{root}/proc", root, str(tmp_path)], check=True)
