"""The RPM package, with Debian's rpm in a clean system of Debian's: its files, and what its scripts do. What it depends on is not looked
at there; no system of Fedora's or SUSE's was to be had.

Run with `make test-rpm`. SYSTEM is a system that debootstrap has made, RPM the package.
"""

import os
import subprocess

import pytest

RPM = os.environ["RPM"]
EXTENSION = "/usr/lib/osquery/extensions/tutorial-extension.ext"
COMPANION = "/usr/lib/osquery/extensions/tutorial-extension-plugins.ext"
LIST = "/etc/osquery/extensions.load"
SPOOL = "/var/lib/tutorial-extension"
DATABASE = f"{SPOOL}/spool-0123456789abcdef.db"
DROP_IN = "/usr/lib/systemd/system/osqueryd.service.d/tutorial-extension.conf"


def rpm(system, *arguments):
    return subprocess.run(
        ["rpm", f"--root={system.root}", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True).stdout


def install(system):
    rpm(system, "--install", "--nodeps", RPM)


def files(system):
    output = system.run("find", "/usr", "/etc", "/var/lib", "-not", "-path", "/var/lib/rpm*", "-not", "-path", "/usr/lib/sysimage*")
    return set(output.splitlines())


def test_the_files_are_those_that_make_install_puts_there():
    """Under the names that distributions with RPM have for some."""
    listed = set(subprocess.run(["rpm", "-qlp", RPM], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines())
    version = subprocess.run(["rpm", "-qp", "--queryformat", "%{VERSION}", RPM], stdout=subprocess.PIPE, text=True, check=True).stdout
    doc, licences = f"/usr/share/doc/tutorial-extension-{version}", f"/usr/share/licenses/tutorial-extension-{version}"
    assert listed == {
        "/usr/lib/osquery", "/usr/lib/osquery/extensions", EXTENSION, COMPANION, "/usr/bin/tutorial-extension",
        "/usr/share/osquery", "/usr/share/osquery/packs", "/usr/share/osquery/packs/journal-logger.conf",
        "/usr/share/man/man1/tutorial-extension.1.gz", "/usr/share/bash-completion/completions/tutorial-extension",
        "/usr/share/zsh/site-functions/_tutorial-extension", "/usr/share/fish/vendor_completions.d",
        "/usr/share/fish/vendor_completions.d/tutorial-extension.fish", os.path.dirname(DROP_IN), DROP_IN,
        doc, f"{doc}/README.md", f"{doc}/CHANGELOG.md", f"{doc}/extensions.load.example", licences, f"{licences}/LICENSE",
        f"{licences}/copyright"}


def test_a_fresh_system_has_what_osqueryd_demands(system):
    before = files(system)
    install(system)
    assert system.read(LIST) == EXTENSION + "\n"
    status = os.stat(system.path(EXTENSION))
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o755)
    assert rpm(system, "--query", "--queryformat", "%{VERSION}", "tutorial-extension") in system.run("tutorial-extension", "--version")
    assert rpm(system, "--verify", "--nodeps", "tutorial-extension") == ""
    assert "LogRateLimitBurst=100000000" in system.read(DROP_IN)
    [licences] = [name for name in files(system) - before if name.endswith("/copyright")]
    assert "SQLite 3." in system.read(licences) and "async-http-client" in system.read(licences)


@pytest.mark.parametrize("before", ["# ours\n/opt/other.ext\n", "/opt/other.ext"])
def test_an_administrators_lines_are_kept(system, before):
    system.write(LIST, before)
    install(system)
    wanted = before if before.endswith("\n") else before + "\n"
    assert system.read(LIST) == wanted + EXTENSION + "\n"
    rpm(system, "--upgrade", "--nodeps", "--force", RPM)
    assert system.read(LIST) == wanted + EXTENSION + "\n"
    system.write(LIST, f"{wanted}{EXTENSION}\n{COMPANION}\n")
    rpm(system, "--erase", "tutorial-extension")
    assert system.read(LIST) == wanted


@pytest.mark.parametrize("line", [EXTENSION, f"# {EXTENSION}"])
def test_a_line_that_is_there_is_not_doubled(system, line):
    system.write(LIST, line + "\n")
    install(system)
    assert system.read(LIST) == line + "\n"


def test_removal_keeps_the_spool(system):
    before = files(system)
    install(system)
    system.write(DATABASE, "line")
    rpm(system, "--erase", "tutorial-extension")
    assert system.read(DATABASE) == "line"
    left = files(system) - before
    # Folders that are other packages' there.
    assert {name for name in left if not os.path.isdir(system.path(name))} == {DATABASE}
    assert not [name for name in left if "osquery" in name]
