"""The command line: each mistake its exit code of sysexits.h and a sentence that says what to do."""

import os
import socket
import subprocess

import pytest
from conftest import EXTENSION
from version import VERSION

USAGE, UNAVAILABLE, NOT_PERMITTED = 64, 69, 77


def run(*flags, **options):
    return subprocess.run([EXTENSION, *flags], capture_output=True, text=True, timeout=10, **options)


@pytest.mark.parametrize(
    "flags, says",
    [
        ([], "--socket"),
        (["--socket", ""], "--socket is empty"),
        (["--socket", "/tmp/" + "x" * 195], "200 bytes"),
        (["--socket", "/tmp/s", "--timeout", "soon"], "soon"),
        (["--socket", "/tmp/s", "--timeout", "-1"], "--timeout"),
        (["--socket", "/tmp/s", "--interval=-1"], "--interval is -1"),
        (["--socket", "/tmp/s", "--interval=86401"], "from 0 to 86400"),
        (["--socket", "/tmp/s", "--interval=1.5"], "1.5"),
        (["--socket", "/tmp/s", "--loudly"], "--loudly"),
        (["--socket", "/tmp/s", "more"], "more"),
    ],
)
def test_mistakes_are_usage_errors(flags, says):
    result = run(*flags)
    assert result.returncode == USAGE
    assert says in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["nothing", "folder", "stale"])
def test_a_socket_that_never_comes(tmp_path, name):
    path = tmp_path / name
    if name == "stale":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    result = run("--socket", str(path if name != "folder" else path / "em"), "--timeout", "1")
    assert result.returncode == UNAVAILABLE
    assert "osqueryd was not reached within 1 s" in result.stderr
    assert "--extensions_socket" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_socket_that_may_not_be_used(manager):
    os.chmod(manager.path, 0o600)
    folder = os.path.dirname(manager.path)
    while folder != "/":
        os.chmod(folder, os.stat(folder).st_mode | 0o011)
        folder = os.path.dirname(folder)
    # A copy that the other user may run, wherever the build is.
    copy = os.path.join(os.path.dirname(manager.path), "copy.ext")
    subprocess.run(["install", "-m", "755", EXTENSION, copy], check=True)
    result = subprocess.run(
        [copy, "--socket", manager.path, "--timeout", "1"], capture_output=True, text=True, user=65534, timeout=10)
    assert result.returncode == NOT_PERMITTED
    assert "Permission denied" in result.stderr
    assert "as the user that osqueryd runs as" in result.stderr


def test_help_and_version():
    result = run("--help")
    assert result.returncode == 0
    for flag in ("--socket", "--timeout", "--interval", "--verbose"):
        assert flag in result.stdout
    assert run("--version").stdout in (f"{VERSION} (package traits: Gist)\n", f"{VERSION} (package traits: none)\n")


def registered_plugins(manager):
    return {(kind, name) for kind, plugins in manager.registries[manager.uuid].items() for name in plugins}


def test_a_variable_chooses_plugins(manager, start):
    extension = start(env={"OSQUERY_EXTENSION_PLUGINS": "systemd, journal,nonsense"})
    assert registered_plugins(manager) == {("logger", "journal"), ("table", "systemd")}
    assert "names “nonsense”, which there is not; there are journal, journal_logger, systemd, directory" in extension.words()


def test_without_the_variable_all_are_registered(manager, extension):
    assert registered_plugins(manager) >= {
        ("logger", "journal"), ("table", "journal_logger"), ("table", "systemd"), ("distributed", "directory")}
