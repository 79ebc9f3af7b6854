"""`check`: each fault planted by itself is found, and said with what mends it."""

import json
import os
import shutil
import subprocess

import pytest
from conftest import EXTENSION
from osquery.extensions.ttypes import ExtensionResponse, ExtensionStatus
from osqueryd import Manager
from worker import WorkerProcess


class Osqueryd(Manager):
    """A manager that says of its logger what osqueryd would: of several, none is active (seen on osqueryd 5.23)."""

    is_known = True

    def query(self, sql):
        assert "osquery_registry" in sql
        rows = [{"name": "journal", "active": str(int(self.logger_plugin == "journal"))}]
        return ExtensionResponse(ExtensionStatus(0, "OK", 0), rows if self.is_known else [])


class System:
    """All that `check` looks at, and nothing wrong with it."""

    def __init__(self, folder):
        self.folder = folder / "extensions"
        self.folder.mkdir(mode=0o755)
        self.executable = self.folder / "tutorial-extension.ext"
        shutil.copy(EXTENSION, self.executable)
        self.executable.chmod(0o755)
        self.list = folder / "extensions.load"
        self.flags = {"logger_plugin": "journal", "extensions_autoload": self.list, "extensions_socket": folder / "em"}
        self.spool = folder / "spool"
        self.spool.mkdir(mode=0o700)
        self.flagfile = folder / "osquery.flags"
        self.write_list(f"# extensions\n{self.executable}\n")

    def write_list(self, text):
        self.list.write_text(text)

    def check(self, *options, **variables):
        """Variables whose value is None are not set."""
        environment = os.environ | {"OSQUERY_JOURNAL_SPOOL": str(self.spool)} | variables
        self.flagfile.write_text("".join(f"--{name}={value}\n" for name, value in self.flags.items()))
        return subprocess.run(
            [EXTENSION, "check", "--flagfile", self.flagfile, "--executable", self.executable, *options], capture_output=True, text=True,
            timeout=30, env={name: value for name, value in environment.items() if value is not None})

    def findings(self, **variables):
        result = self.check("--json", **variables)
        findings = json.loads(result.stdout)
        assert result.returncode == any(finding["level"] == "error" for finding in findings), result.stderr
        return findings


@pytest.fixture
def system(tmp_path, journal):
    return System(tmp_path)


def of(findings, *levels):
    return [finding["text"] for finding in findings if finding["level"] in levels]


# What hangs on where the tests run: whether the journal is kept on disk, and who owns the folders above.
SURROUNDINGS = ("kept in memory", "osqueryd was not asked", "its environment is unknown", "MiB are free", "The folder /")


def faults(system):
    return [text for text in of(system.findings(), "warning", "error") if not any(part in text for part in SURROUNDINGS)]


def test_nothing_is_said_where_nothing_is_wrong(system):
    assert faults(system) == []
    texts = of(system.findings(), "ok")
    for part in ("osqueryd may run", "lists it", "names journal", "found there", "Nothing waits"):
        assert any(part in text for text in texts), part
    lines = system.check().stdout.splitlines()
    assert any(line.startswith("ok      osqueryd may run") for line in lines)


def test_an_executable_may_be_listed_by_its_directory(system):
    for line in (system.folder, f"{system.folder}/", system.folder.parent):
        system.write_list(f"{line}\r\n")
        assert faults(system) == []


def test_flags_may_have_one_dash(system):
    system.check()
    system.flagfile.write_text(system.flagfile.read_text().replace("--", "-"))
    result = subprocess.run(
        [EXTENSION, "check", "--flagfile", system.flagfile, "--executable", system.executable, "--json"], stdout=subprocess.PIPE, timeout=30,
        env=os.environ | {"OSQUERY_JOURNAL_SPOOL": str(system.spool)}, check=True)
    assert "--logger_plugin names journal." in of(json.loads(result.stdout), "ok")


def rename(system):
    system.executable = system.executable.rename(system.folder / "tutorial-extension")
    system.write_list(f"{system.executable}\n")


def move_below_a_sticky_folder(system):
    system.folder.chmod(0o1777)


#: What version 0.1.0 has left.
KEPT = os.path.join(os.path.dirname(__file__), "fixtures/spool-0.1.0/spool-0000000000000003.export")


def break_the_spool(system):
    system.spool.rmdir()
    system.spool.write_text("")


@pytest.mark.parametrize(
    "plant, level, says, remedy",
    [
        (rename, "error", "ends in .ext", "mv "),
        (lambda s: s.executable.chmod(0o757), "error", "written to by everybody", "chmod 0755"),
        (lambda s: s.executable.chmod(0o775), "warning", "written to by its group", "chmod 0755"),
        (lambda s: s.executable.chmod(0o644), "error", "may not be executed", "chmod 0755"),
        (lambda s: os.chown(s.executable, 12345, 0), "error", "belongs to user 12345", "chown root:root"),
        (lambda s: s.executable.unlink(), "error", "Cannot look at", "install"),
        (move_below_a_sticky_folder, "error", "sticky bit", "/usr/lib/osquery/extensions"),
        (lambda s: s.folder.chmod(0o777), "warning", "may be written to by others", "chmod go-w"),
        (lambda s: s.list.unlink(), "error", "told of no extension", "tee -a"),
        (lambda s: s.write_list("/opt/other.ext\n"), "error", "does not list", "tee -a"),
        (lambda s: s.write_list(f"{s.executable}\n/opt/other.ext\n"), "warning", "names /opt/other.ext, which is not there", "editor"),
        (lambda s: s.write_list(f"{s.executable}\n{s.list}\n"), "warning", "which does not end in .ext", "editor"),
        (lambda s: s.write_list(f"# {s.executable}\n"), "error", "commented out", "tee -a"),
        (lambda s: s.flags.update(logger_plugin="filesystem"), "error", "no log comes into the journal", "--logger_plugin=journal"),
        (lambda s: s.flags.pop("logger_plugin"), "error", "is not set, and", "--logger_plugin=journal"),
        (lambda s: s.flags.update(disable_logging="true"), "error", "osqueryd logs nothing", "--disable_logging=false"),
        (lambda s: s.flags.update(disable_extensions="true"), "error", "runs no extension", "--disable_extensions=false"),
        (lambda s: s.flags.update(logger_plugin="filesystem,journal"), "warning", "status lines go to its files", "--logger_plugin=journal"),
        (lambda s: s.flags.update(logger_plugin="journal,filesystem"), "warning", "status lines go to its files", "--logger_plugin=journal"),
        (lambda s: s.flags.update(extensions_timeout="0"), "error", "waits 0.2 s", "--extensions_timeout=10"),
        (lambda s: s.flags.update(extensions_timeout="soon"), "error", "waits 0.2 s", "--extensions_timeout=10"),
        (lambda s: s.flags.update(extensions_timeout="1"), "warning", "waits 1 s", "--extensions_timeout=10"),
        (lambda s: s.flags.update(extensions_require="journal"), "warning", "--extensions_require names journal", "tutorial-extension"),
        (lambda s: s.flags.update(extensions_require="other,tutorial-extension"), "warning", "waits for the first", "tutorial-extension"),
        (lambda s: s.flags.update(allow_unsafe="true"), "warning", "others may have replaced", "--allow_unsafe=false"),
        (break_the_spool, "error", "is not a directory", "mv "),
        (lambda s: s.spool.chmod(0o755), "error", "its mode is 0755", "mode 0700"),
        (lambda s: shutil.copy(KEPT, s.spool), "warning", "8 entries are kept", "systemctl status"),
        (lambda s: (s.spool / "spool-0000000000000001.export").write_text("x" * 99), "error", "1 entry that is kept", "dmesg"),
    ],
)
def test_a_fault_is_found_and_its_remedy_named(system, plant, level, says, remedy):
    plant(system)
    found = [finding for finding in system.findings() if says in finding["text"]]
    assert [finding["level"] for finding in found] == [level], system.findings()
    assert remedy in found[0]["remedy"]


@pytest.mark.parametrize("flags", [{"logger_plugin": "stdout,journal"}, {"extensions_timeout": "3"}, {"extensions_timeout": "10"}])
def test_of_what_works_nothing_is_said(system, flags):
    system.flags.update(flags)
    assert faults(system) == []


def test_a_journald_that_is_away(system, journald):
    os.rename(journald.SOCKET, journald.SOCKET + ".away")
    try:
        assert of(system.findings(), "error") == [f"There is no systemd-journald at {journald.SOCKET}: logs are kept on disk."]
    finally:
        os.rename(journald.SOCKET + ".away", journald.SOCKET)


def test_a_flag_file_that_is_not_there(system):
    system.check()
    result = subprocess.run([EXTENSION, "check", "--flagfile", "/nowhere"], capture_output=True, text=True, timeout=30)
    assert result.returncode == 1
    assert "Cannot read /nowhere" in result.stdout


@pytest.mark.parametrize("loggers, known, registered, says", [
    ("journal", True, True, None), ("stdout,journal", True, True, None), ("tls", True, True, "does not log to it"),
    ("journal", False, True, "knows no logger"), ("journal", True, False, "no extension tutorial-extension")])
def test_a_running_osqueryd_is_asked(system, start, loggers, known, registered, says):
    manager = Osqueryd(str(system.flags["extensions_socket"]), logger_plugin=loggers).start()
    manager.is_known = known
    try:
        if registered:
            process = subprocess.Popen(
                [system.executable, "--socket", manager.path], env=os.environ | {"OSQUERY_JOURNAL_SPOOL": f"{system.spool}-own"})
            manager.wait_for_registration()
        errors = [text for text in of(system.findings(), "error") if not text.startswith("--logger_plugin")]
        assert len(errors) == (says is not None)
        assert says is None or says in errors[0]
        assert any("osqueryd answers" in text for text in of(system.findings(), "ok"))
    finally:
        if registered:
            manager.shutdown()
            process.wait(5)
        manager.stop()


@pytest.fixture
def osqueryd(system, monkeypatch):
    """Starts an osqueryd that has variables of its own."""
    started = []

    def start(**variables):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, str(value))
            started.append(WorkerProcess(str(system.flags["extensions_socket"])))

    yield start
    for worker in started:
        worker.stop()


def test_variables_that_are_not_set_are_those_of_osqueryd(system, osqueryd, tmp_path):
    osqueryd(OSQUERY_JOURNAL_SPOOL=tmp_path / "osquerys", OSQUERY_JOURNAL_SPOOL_MAX="much")
    findings = system.findings(OSQUERY_JOURNAL_SPOOL=None)
    assert any(f"there is no {tmp_path}/osquerys," in text for text in of(findings, "ok"))
    assert any("OSQUERY_JOURNAL_SPOOL_MAX=much" in text for text in of(findings, "error"))
    # Those that are set count.
    assert f"Nothing waits at {system.spool}." in of(system.findings(OSQUERY_JOURNAL_SPOOL_MAX="1M"), "ok")
    assert not any("much" in finding["text"] for finding in system.findings(OSQUERY_JOURNAL_SPOOL_MAX="1M"))


def test_without_an_osqueryd_its_variables_are_unknown(system):
    assert any("its environment is unknown" in text for text in of(system.findings(), "warning"))


@pytest.mark.parametrize("is_started", [True, False])
def test_a_companion_that_is_listed_has_to_be_registered(system, is_started):
    companion = system.folder / "tutorial-extension-plugins.ext"
    companion.symlink_to(system.executable.name)
    system.write_list(f"{system.executable}\n{companion}\n")
    manager = Osqueryd(str(system.flags["extensions_socket"])).start()
    manager.flags["extensions_autoload"] = str(system.list)
    processes = []
    try:
        for path in [system.executable, companion][: 2 if is_started else 1]:
            processes.append(
                subprocess.Popen([path, "--socket", manager.path], env=os.environ | {"OSQUERY_JOURNAL_SPOOL": f"{system.spool}-own"}))
            manager.wait_for_registration()
        errors = [] if is_started else ["It has no extension tutorial-extension-plugins, but tutorial-extension."]
        assert of(system.findings(), "error") == errors
    finally:
        manager.stop()
        for process in processes:
            process.wait(10)


@pytest.mark.parametrize("shell, part", [("bash", "complete"), ("zsh", "#compdef tutorial-extension"), ("fish", "complete -c")])
def test_completions_are_printed(shell, part):
    result = subprocess.run([EXTENSION, "print-completion", shell], capture_output=True, text=True, timeout=10, check=True)
    assert part in result.stdout and "journalctl" not in result.stderr
    wrong = subprocess.run([EXTENSION, "print-completion", "csh"], capture_output=True, text=True, timeout=10)
    assert wrong.returncode == 64 and "bash, zsh and fish" in wrong.stderr
