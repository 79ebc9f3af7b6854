"""What needs a whole systemd: units, their limits, the bus. Runs in a container that with-systemd boots."""

import json
import os
import subprocess
import time

import pytest
from conftest import EXTENSION
from osqueryd import wait_until
from worker import WorkerProcess

pytestmark = pytest.mark.systemd

UNIT = "/run/systemd/system/osqueryd.service"
RESULT = '{"name":"flood","action":"added","columns":{"a":"%d"}}'


@pytest.fixture
def unit(tmp_path):
    """Starts the extension as the unit osqueryd.service, with properties of a test's choosing."""
    manager = WorkerProcess(str(tmp_path / "em"))

    def start(*properties):
        lines = [
            "[Service]", f"ExecStart={EXTENSION} --socket {manager.path} --interval 1", f"Environment=OSQUERY_JOURNAL_SPOOL={tmp_path}/spool",
            *properties]
        with open(UNIT, "w") as file:
            file.write("\n".join(lines) + "\n")
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "start", "osqueryd.service"], check=True)
        manager.wait_for_registration()
        return manager

    yield start
    # Which the extension serves to its end.
    manager.stop()
    subprocess.run(["systemctl", "stop", "osqueryd.service"], check=True)
    os.unlink(UNIT)
    subprocess.run(["systemctl", "daemon-reload"], check=True)


class Configuration:
    """Files that a test writes, and that are there for as long as it runs."""

    def __init__(self):
        self.paths = []

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        self.paths.append(path)

    def remove(self):
        for path in self.paths:
            os.unlink(path)


@pytest.fixture
def configuration():
    configuration = Configuration()
    yield configuration
    configuration.remove()


def journal(*matches, namespace=""):
    command = ["journalctl", f"--namespace={namespace}"]
    subprocess.run([*command, "--sync"], check=True)
    output = subprocess.run([*command, "-q", "-o", "json", "--all", *matches], stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("namespace", ["", "audit"])
def test_what_the_rate_limit_drops_is_noticed_and_said(unit, namespace):
    manager = unit("LogRateLimitIntervalSec=2", "LogRateLimitBurst=100", f"LogNamespace={namespace}")
    since = f"--since=@{int(time.time())}"
    count = 3000
    for number in range(count):
        manager.result(RESULT % number)
    time.sleep(2.5)
    # journald says what it dropped with the first entry that it takes again.
    manager.result(RESULT % count)
    wait_until(lambda: int(manager.generate("journal_logger")[0]["suppressed"]) > 0)
    there = len(journal("OSQUERY_QUERY_NAME=flood", "_SYSTEMD_UNIT=osqueryd.service", since, namespace=namespace))
    assert there < count
    (row,) = manager.generate("journal_logger")
    assert int(row["suppressed"]) == count + 1 - there
    assert int(row["entries_sent"]) == count + 1
    said = [entry["MESSAGE"] for entry in journal("SYSLOG_IDENTIFIER=tutorial-extension", since, namespace=namespace)]
    assert any(f"dropped {count + 1 - there} entries of osqueryd.service" in text for text in said), said


@pytest.mark.parametrize("properties, lines", [((), 1), (("SyslogLevel=debug", "LogLevelMax=info"), 0)])
def test_what_osqueryd_writes_to_stderr_can_be_left_out(unit, properties, lines):
    manager = unit(*properties, 'ExecStartPre=/bin/sh -c "echo E1125 03:11:48.071444 152 scheduler.cpp:128] Error >&2"')
    manager.status(json.dumps([{"s": 0, "f": "a.cpp", "i": 1, "m": "kept"}]))
    of_unit = ("_SYSTEMD_UNIT=osqueryd.service", f"_SYSTEMD_INVOCATION_ID={invocation('osqueryd.service')}")
    assert len(journal("OSQUERY_LOG_TYPE=status", *of_unit)) == 1
    assert any("begins." in entry["MESSAGE"] for entry in journal("SYSLOG_IDENTIFIER=tutorial-extension", *of_unit))
    assert len(journal("_TRANSPORT=stdout", *of_unit)) == lines


def invocation(name):
    return subprocess.run(
        ["systemctl", "show", "--value", "-p", "InvocationID", name], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_the_drop_in_turns_the_rate_limit_off(unit, configuration):
    drop_in = os.path.join(os.path.dirname(__file__), "../../packaging/osqueryd.service.d/tutorial-extension.conf")
    with open(drop_in) as file:
        configuration.write(f"{UNIT}.d/tutorial-extension.conf", file.read())
    manager = unit()
    # More than journald lets through by itself, however large the disk.
    count = 100_000
    lines = json.dumps([{"s": 0, "f": "a.cpp", "i": 1, "m": "flood"}] * 100)
    for _ in range(count // 100):
        manager.status(lines)
    output = subprocess.run(
        ["journalctl", "-q", "OSQUERY_LOG_TYPE=status", f"_SYSTEMD_INVOCATION_ID={invocation('osqueryd.service')}", "-o", "cat",
         "--output-fields=PRIORITY"], stdout=subprocess.PIPE, check=True).stdout
    assert output.count(b"\n") == count
    assert manager.generate("journal_logger")[0]["suppressed"] == "0"


def check(*wrapper):
    command = [*wrapper, EXTENSION, "check", "--json", "--flagfile", "/dev/null"]
    return [finding["text"] for finding in json.loads(subprocess.run(command, stdout=subprocess.PIPE).stdout)]


def bounds(texts):
    return [text for text in texts if "osqueryd.service" in text and ("bound" in text or "drops" in text)]


def test_check_sends_its_line_to_the_units_namespace_and_finds_it_there(unit):
    unit("LogNamespace=audit")
    message = "MESSAGE=A line to see whether it can be found."
    before = {name: len(journal(message, namespace=name)) for name in ("", "audit")}
    assert "A test line was sent to the journal's namespace audit, and found there." in check()
    after = {name: len(journal(message, namespace=name)) for name in ("", "audit")}
    assert after == {"": before[""], "audit": before["audit"] + 1}


def test_check_does_not_take_another_namespaces_journald_for_the_default_one(unit):
    unit()
    texts = check("systemd-run", "--quiet", "--wait", "--pipe", "-p", "LogNamespace=audit")
    assert [text for text in texts if "test line" in text] == [
        "No test line was sent: osqueryd.service logs to the default namespace of the journal, which cannot be reached from the namespace "
        "audit that this process is in."]


def test_check_reads_the_variables_of_the_units_process(unit):
    unit("Environment=OSQUERY_JOURNAL_SPOOL_MAX=much")
    assert any("OSQUERY_JOURNAL_SPOOL_MAX=much is not a number of bytes" in text for text in check())


def test_check_says_that_systemd_has_not_loaded_the_unit():
    assert "systemd has not loaded osqueryd.service." in check()


OFF = "does not bound osqueryd.service"


@pytest.mark.parametrize("namespace, other", [("", "@audit"), ("audit", "")])
@pytest.mark.parametrize("files, says", [
    ({}, "10000 entries in 30 s"),
    ({"/etc/systemd/journald{}.conf.d/a.conf": "RateLimitIntervalSec = 0"}, OFF),
    ({"/run/systemd/journald{}.conf.d/a.conf": "RateLimitIntervalSec=0min"}, OFF),
    ({"/usr/local/lib/systemd/journald{}.conf.d/a.conf": "RateLimitIntervalSec=0h 0s"}, OFF),
    ({"/usr/lib/systemd/journald{}.conf.d/a.conf": "RateLimitBurst=0"}, OFF),
    ({"/usr/lib/systemd/journald{}.conf.d/a.conf": "RateLimitBurst=0", "/run/systemd/journald{}.conf.d/b.conf": "RateLimitBurst=7"}, " 7 entries"),
    ({"/run/systemd/journald{}.conf.d/a.conf": "RateLimitBurst=0", "/etc/systemd/journald{}.conf.d/a.conf": "RateLimitBurst=7"}, " 7 entries"),
    ({"/etc/systemd/journald{other}.conf.d/a.conf": "RateLimitBurst=0"}, "10000 entries in 30 s"),
])
def test_check_reads_what_journald_reads(unit, configuration, namespace, other, files, says):
    for path, text in files.items():
        configuration.write(path.format(f"@{namespace}" if namespace else "", other=other), f"[Journal]\n{text}\n")
    unit(f"LogNamespace={namespace}")
    (bound,) = bounds(check())
    assert says in bound


@pytest.mark.parametrize("setting, says", [("volatile", "Storage=volatile"), ("none", "stores nothing"), ("persistent", "is kept on disk")])
def test_check_tells_where_the_journal_is_kept(unit, configuration, setting, says):
    configuration.write("/run/systemd/journald@audit.conf.d/a.conf", f"[Journal]\nStorage={setting}\n")
    os.makedirs("/var/log/journal", exist_ok=True)
    unit("LogNamespace=audit")
    assert [text for text in check() if says in text]
