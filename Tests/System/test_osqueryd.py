"""The Debian package under a real osqueryd, which OSQUERYD names. Not run where it was written, for want of one."""

import json
import os
import subprocess

import pytest
from test_system import DEB, SOCKETS, run, wait_until

UNIT = f"""[Unit]
Description=The osquery Daemon

[Service]
TimeoutStartSec=0
ExecStart={os.environ["OSQUERYD"]} --flagfile=/etc/osquery/real.flags --config_path=/etc/osquery/real.conf
KillMode=control-group
TimeoutStopSec=15
CPUQuota=20%
"""
FLAGS = """--extensions_autoload=/etc/osquery/extensions.load
--extensions_socket=/var/osquery/real.em
--database_path=/var/osquery/real.db
--pidfile=/var/osquery/real.pid
--logger_plugin=journal
--extensions_require=tutorial-extension
--extensions_timeout=10
--schedule_splay_percent=0
"""
CONFIGURATION = {
    "schedule": {
        "clock": {"query": "SELECT unix_time FROM time", "interval": 1},
        "unit": {"query": "SELECT name, pid FROM systemd WHERE name = 'real.service'", "interval": 1, "snapshot": True},
    }
}


@pytest.fixture(scope="module", autouse=True)
def osqueryd():
    run("dpkg", "--install", DEB)
    os.makedirs("/var/osquery", exist_ok=True)
    for path, text in (("/etc/osquery/real.flags", FLAGS), ("/etc/osquery/real.conf", json.dumps(CONFIGURATION)), ("/etc/systemd/system/real.service", UNIT)):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "real.service")
    yield
    run("systemctl", "stop", "real.service")


def entries(*matches):
    subprocess.run(["journalctl", "--sync"], check=True)
    output = run("journalctl", "-q", "-o", "json", "--all", "_SYSTEMD_UNIT=real.service", *matches)
    return [json.loads(line) for line in output.splitlines()]


def test_status_lines_and_results_are_those_of_the_unit():
    wait_until(lambda: entries("OSQUERY_LOG_TYPE=status"), 60)
    wait_until(lambda: len(entries("OSQUERY_QUERY_NAME=clock", "OSQUERY_ACTION=added")) > 3, 60)


def test_the_table_systemd_has_its_unit():
    wait_until(lambda: entries("OSQUERY_QUERY_NAME=unit"), 60)
    [row] = json.loads(entries("OSQUERY_QUERY_NAME=unit")[-1]["MESSAGE"])["snapshot"]
    assert row == {"name": "real.service", "pid": run("systemctl", "show", "--value", "-p", "MainPID", "real.service").strip()}


def test_check_finds_no_error():
    found = run("tutorial-extension", "check", "--flagfile", "/etc/osquery/real.flags", check=False)
    assert "error" not in found and "It logs to journal." in found, found


def test_no_second_is_missing_while_journald_is_away():
    first = len(entries("OSQUERY_QUERY_NAME=clock", "OSQUERY_ACTION=added"))
    run("systemctl", "stop", *SOCKETS, "systemd-journald.service")
    subprocess.run(["sleep", "10"], check=True)
    run("systemctl", "start", *SOCKETS, "systemd-journald.service")
    wait_until(lambda: len(entries("OSQUERY_QUERY_NAME=clock", "OSQUERY_ACTION=added")) >= first + 10, 60)
    counters = [int(entry["OSQUERY_COUNTER"]) for entry in entries("OSQUERY_QUERY_NAME=clock", "OSQUERY_ACTION=added")]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
