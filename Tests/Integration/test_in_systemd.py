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

RESULT = '{"name":"flood","action":"added","columns":{"a":"%d"}}'


@pytest.fixture
def unit(tmp_path):
    """Starts the extension as the unit osqueryd.service, with properties of a test's choosing."""
    manager = WorkerProcess(str(tmp_path / "em"))

    def start(*properties, stderr=""):
        command = ["systemd-run", "--quiet", "--unit=osqueryd.service", f"--setenv=OSQUERY_JOURNAL_SPOOL={tmp_path}/spool"]
        command += [f"--property={text}" for text in properties]
        script = f'echo -n "{stderr}" >&2; exec "$$@"'
        subprocess.run(
            [*command, "sh", "-c", script, "sh", EXTENSION, "--socket", manager.path, "--interval", "1", "--verbose"], check=True)
        manager.wait_for_registration()
        return manager

    yield start
    # Which the extension serves to its end.
    manager.stop()
    subprocess.run(["systemctl", "stop", "osqueryd.service"], check=True)


def journal(*matches):
    subprocess.run(["journalctl", "--sync"], check=True)
    output = subprocess.run(
        ["journalctl", "-q", "-o", "json", "--all", *matches], stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def test_what_the_rate_limit_drops_is_noticed_and_said(unit):
    manager = unit("LogRateLimitIntervalSec=2", "LogRateLimitBurst=100")
    count = 3000
    for number in range(count):
        manager.result(RESULT % number)
    time.sleep(2.5)
    # journald says what it dropped with the first entry that it takes again.
    manager.result(RESULT % count)
    wait_until(lambda: int(manager.generate("journal_logger")[0]["suppressed"]) > 0)
    there = len(journal("OSQUERY_QUERY_NAME=flood", "_SYSTEMD_UNIT=osqueryd.service"))
    assert there < count
    (row,) = manager.generate("journal_logger")
    assert int(row["suppressed"]) == count + 1 - there
    assert int(row["entries_sent"]) == count + 1
    said = [entry["MESSAGE"] for entry in journal("SYSLOG_IDENTIFIER=tutorial-extension")]
    assert any(f"dropped {count + 1 - there} entries of osqueryd.service" in text for text in said), said


@pytest.mark.parametrize("properties, lines", [((), 1), (("SyslogLevel=debug", "LogLevelMax=info"), 0)])
def test_what_osqueryd_writes_to_stderr_can_be_left_out(unit, properties, lines):
    manager = unit(*properties, stderr="E1125 03:11:48.071444 152 scheduler.cpp:128] Error\n")
    manager.status(json.dumps([{"s": 0, "f": "a.cpp", "i": 1, "m": "kept"}]))
    of_unit = ("_SYSTEMD_UNIT=osqueryd.service", f"_SYSTEMD_INVOCATION_ID={invocation('osqueryd.service')}")
    assert len(journal("OSQUERY_LOG_TYPE=status", *of_unit)) == 1
    assert any("Registered with osqueryd." in entry["MESSAGE"] for entry in journal("SYSLOG_IDENTIFIER=tutorial-extension", *of_unit))
    assert len(journal("_TRANSPORT=stdout", *of_unit)) == lines


def invocation(name):
    return subprocess.run(
        ["systemctl", "show", "--value", "-p", "InvocationID", name], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_the_drop_in_turns_the_rate_limit_off(unit):
    drop_in = os.path.join(os.path.dirname(__file__), "../../packaging/osqueryd.service.d/tutorial-extension.conf")
    os.makedirs("/run/systemd/system/osqueryd.service.d", exist_ok=True)
    with open(drop_in) as source, open("/run/systemd/system/osqueryd.service.d/tutorial-extension.conf", "w") as target:
        target.write(source.read())
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    manager = unit()
    # More than journald lets through by itself, however large the disk.
    count = 100_000
    lines = json.dumps([{"s": 0, "f": "a.cpp", "i": 1, "m": "flood"}] * 100)
    for _ in range(count // 100):
        manager.status(lines)
    output = subprocess.run(
        ["journalctl", "-q", "OSQUERY_LOG_TYPE=status", "_SYSTEMD_UNIT=osqueryd.service", "-o", "cat", "--output-fields=PRIORITY"],
        stdout=subprocess.PIPE, check=True).stdout
    assert output.count(b"\n") == count
    assert manager.generate("journal_logger")[0]["suppressed"] == "0"
