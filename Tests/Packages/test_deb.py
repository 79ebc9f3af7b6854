"""The Debian package, with dpkg in a clean system: nothing of an administrator's is lost, and nothing of ours is left.

Run with `make test-deb`. SYSTEM is a system that debootstrap has made, DEB the package.
"""

import os
import re
import shutil
import subprocess

import pytest

DEB = os.environ["DEB"]
EXTENSION = "/usr/lib/osquery/extensions/tutorial-extension.ext"
COMPANION = "/usr/lib/osquery/extensions/tutorial-extension-plugins.ext"
LIST = "/etc/osquery/extensions.load"
SPOOL = "/var/lib/tutorial-extension"
DATABASE = f"{SPOOL}/spool-0123456789abcdef.db"


def install(system, deb=DEB):
    shutil.copy(deb, system.path("/package.deb"))
    system.run("dpkg", "--install", "/package.deb")


@pytest.fixture(scope="session")
def newer(tmp_path_factory):
    """The same package with a higher version."""
    folder = tmp_path_factory.mktemp("newer")
    subprocess.run(["dpkg-deb", "--raw-extract", DEB, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9."))
    subprocess.run(["dpkg-deb", "--build", "-Znone", folder / "tree", folder / "newer.deb"], check=True, stdout=subprocess.DEVNULL)
    return str(folder / "newer.deb")


def files(system):
    """All files of the system that the package could have to do with."""
    output = system.run("find", "/usr", "/etc", "/lib", "/var/lib", "-not", "-path", "*/dpkg/*", "-not", "-name", "*-old")
    return set(output.splitlines())


def test_a_fresh_system_has_what_osqueryd_demands(system):
    install(system)
    assert system.read(LIST) == EXTENSION + "\n"
    status = os.stat(system.path(EXTENSION))
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o755)
    assert os.stat(system.path(LIST)).st_mode & 0o022 == 0
    for command in (EXTENSION, COMPANION, "tutorial-extension"):
        assert system.run(command, "--version").startswith(system.run("dpkg-query", "-W", "-f", "${Version}", "tutorial-extension"))
    assert "LogRateLimitBurst=100000000" in system.read("/lib/systemd/system/osqueryd.service.d/tutorial-extension.conf")
    assert system.exists("/usr/share/man/man1/tutorial-extension.1.gz")
    licence = system.read("/usr/share/doc/tutorial-extension/copyright")
    for name in ("SQLite 3.", "async-http-client", "swift-nio-ssl", "Runtime Library Exception"):
        assert name in licence


def test_the_executable_is_hardened(system):
    install(system)
    said = subprocess.run(["readelf", "-W", "-h", "-l", "-d", system.path(EXTENSION)], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "Position-Independent Executable" in said and "GNU_RELRO" in said and "BIND_NOW" in said
    assert re.search(r"GNU_STACK .* RW ", said) and "RPATH" not in said and "RUNPATH" not in said


def test_sqlite_is_linked_statically(system):
    install(system)
    needed = subprocess.run(["readelf", "-W", "-d", system.path(EXTENSION)], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "libsystemd.so" in needed and "sqlite" not in needed
    with open(system.path(EXTENSION), "rb") as file:
        assert b"SQLite format 3\0" in file.read()


def test_the_executable_does_not_tell_where_it_was_built(system):
    """So that two builds in two folders are the same."""
    install(system)
    with open(system.path(EXTENSION), "rb") as file:
        assert os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))).encode() not in file.read()


@pytest.mark.parametrize("before", ["# ours\n/opt/other.ext\n", "/opt/other.ext"])
def test_an_administrators_lines_are_kept(system, newer, before):
    system.write(LIST, before)
    install(system)
    wanted = before if before.endswith("\n") else before + "\n"
    assert system.read(LIST) == wanted + EXTENSION + "\n"
    install(system, newer)
    assert system.read(LIST) == wanted + EXTENSION + "\n"
    system.write(LIST, f"{wanted}{EXTENSION}\n{COMPANION}\n")
    system.run("dpkg", "--remove", "tutorial-extension")
    assert system.read(LIST) == wanted


@pytest.mark.parametrize("line", [EXTENSION, f"# {EXTENSION}", f"  {EXTENSION}"])
def test_a_line_that_is_there_is_not_doubled(system, line):
    system.write(LIST, line + "\n")
    install(system)
    assert system.read(LIST) == line + "\n"


def test_a_line_that_was_taken_away_does_not_come_back_with_an_upgrade(system, newer):
    install(system)
    system.write(LIST, "/opt/other.ext\n")
    install(system, newer)
    assert system.read(LIST) == "/opt/other.ext\n"


def test_removal_keeps_the_spool_and_purge_takes_it(system):
    before = files(system)
    install(system)
    system.write(DATABASE, "line")
    system.run("dpkg", "--remove", "tutorial-extension")
    assert system.read(DATABASE) == "line"
    assert files(system) - before == {SPOOL, DATABASE}
    system.run("dpkg", "--purge", "tutorial-extension")
    assert files(system) == before


def test_a_mode_of_the_list_survives_removal(system):
    system.write(LIST, "/opt/other.ext\n")
    os.chmod(system.path(LIST), 0o640)
    install(system)
    system.run("dpkg", "--remove", "tutorial-extension")
    assert os.stat(system.path(LIST)).st_mode & 0o777 == 0o640


def test_it_replaces_what_make_install_has_put_there(system):
    subprocess.run(
        ["make", "--no-print-directory", "install-files", f"EXECUTABLE={os.environ['EXTENSION']}", f"DESTDIR={system.root}"],
        check=True, stdout=subprocess.DEVNULL)
    system.write(LIST, EXTENSION + "\n")
    drop_in = "/etc/systemd/system/osqueryd.service.d/tutorial-extension.conf"
    system.write(drop_in, "[Service]\nEnvironment=OSQUERY_JOURNAL_WAIT=9\n")
    install(system)
    assert system.read(LIST) == EXTENSION + "\n"
    assert "WAIT=9" in system.read(drop_in)
    assert system.run("dpkg", "--verify", "tutorial-extension") == ""
    system.run("dpkg", "--purge", "tutorial-extension")
    assert not system.exists(EXTENSION) and not system.exists("/usr/bin/tutorial-extension")
    assert "WAIT=9" in system.read(drop_in)
