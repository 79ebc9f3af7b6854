"""The Debian package on a system that systemd has booted: a unit osqueryd.service shaped like osquery's own, journald restarted, processes
killed. Run with `make test-system`, in a container.
"""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

DEB = os.environ["DEB"]
FOLDER = "/run/osquery-test"
EXTENSION = "/usr/lib/osquery/extensions/tutorial-extension.ext"
STAND_IN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "osqueryd_stand_in.py")
# As osquery's package has it (osquery: tools/deployment/osqueryd.service), with a stand-in for osqueryd.
UNIT = f"""[Unit]
Description=The osquery Daemon
After=network.service syslog.service

[Service]
TimeoutStartSec=0
ExecStart={sys.executable} {STAND_IN} --flagfile=/etc/osquery/osquery.flags
Restart=on-failure
KillMode=control-group
KillSignal=SIGTERM
TimeoutStopSec=20
CPUQuota=20%
"""


def run(*command, check=True):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=check).stdout


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, run("journalctl", "-n", "40", "--no-pager")
        time.sleep(0.1)


def acknowledged():
    try:
        with open(f"{FOLDER}/acknowledged") as file:
            return int(file.read())
    except FileNotFoundError:
        return 0


def send(count):
    """Has the worker send so many lines more; how many it will have sent in all."""
    total = acknowledged() + count
    with open(f"{FOLDER}/LINES.new", "w") as file:
        file.write(str(total))
    os.rename(f"{FOLDER}/LINES.new", f"{FOLDER}/LINES")
    return total


def numbers():
    """The numbers of the lines that are in the journal, each as often as it is there."""
    run("journalctl", "--sync")
    output = run("journalctl", "-q", "OSQUERY_LOG_TYPE=status", "CODE_FILE=load.cpp", "-o", "json", "--output-fields=CODE_LINE")
    return sorted(int(json.loads(line)["CODE_LINE"]) for line in output.splitlines())


def pids():
    """The processes of the unit: the watcher and its children, by their command lines."""
    main = run("systemctl", "show", "--value", "-p", "MainPID", "osqueryd.service").strip()
    commands = {}
    try:
        with open(f"/proc/{main}/task/{main}/children") as file:
            children = file.read().split()
        for pid in [main, *children]:
            with open(f"/proc/{pid}/cmdline") as file:
                commands[file.read()] = pid
    except FileNotFoundError:
        # One has just ended.
        return {}
    return commands


def pid_of(part):
    found = []
    wait_until(lambda: found.extend(pid for command, pid in pids().items() if part in command) or found, 20)
    return found[0]


@pytest.fixture(scope="module", autouse=True)
def system():
    os.makedirs("/etc/osquery", exist_ok=True)
    os.makedirs(FOLDER, exist_ok=True)
    with open("/etc/osquery/osquery.flags", "w") as file:
        file.write(f"--extensions_autoload=/etc/osquery/extensions.load\n--extensions_socket={FOLDER}/em\n--logger_plugin=journal\n")
    with open("/etc/systemd/system/osqueryd.service", "w") as file:
        file.write(UNIT)
    run("dpkg", "--install", DEB)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "osqueryd.service")
    wait_until(lambda: any(".ext" in command for command in pids()), 20)


def test_lines_are_those_of_the_unit():
    total = send(200)
    wait_until(lambda: acknowledged() >= total)
    output = run("journalctl", "-q", "CODE_FILE=load.cpp", "_SYSTEMD_UNIT=osqueryd.service", "-o", "cat")
    assert output.count("\n") == total


def test_check_finds_no_error():
    # The stand-in has no table osquery_registry.
    findings = [f for f in json.loads(run("tutorial-extension", "check", "--json", check=False)) if f["level"] == "error"]
    assert [f["text"] for f in findings] in ([], ["It knows the logger journal, and does not log to it."]), findings


def test_check_tells_of_an_osqueryd_that_lacked_its_logger():
    run("systemctl", "stop", "osqueryd.service")
    drop_in = "/run/systemd/system/osqueryd.service.d/fails.conf"
    os.makedirs(os.path.dirname(drop_in), exist_ok=True)
    with open(drop_in, "w") as file:
        file.write("[Service]\nRestart=no\nExecStart=\nExecStart=/bin/sh -c 'exit 78'\n")
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "start", "osqueryd.service", check=False)
        wait_until(lambda: "code 78" in run("tutorial-extension", "check", check=False), 20)
    finally:
        os.unlink(drop_in)
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "osqueryd.service")


def test_the_packaged_drop_in_lets_100_000_lines_through():
    assert "LogRateLimitBurst=100000000" in run("systemctl", "cat", "osqueryd.service")
    total = send(100_000)
    wait_until(lambda: acknowledged() >= total, 400)
    assert numbers() == list(range(total))


def test_journald_restarted_ten_times_under_load_loses_nothing():
    total = send(2_000)
    for _ in range(10):
        # systemd would not start it again so often.
        run("systemctl", "reset-failed", "systemd-journald")
        total = send(2_000)
        run("systemctl", "restart", "systemd-journald")
        wait_until(lambda: acknowledged() >= total, 60)
    wait_until(lambda: len(numbers()) >= total, 30)
    assert numbers() == list(range(total))


@pytest.mark.parametrize("part", ["--worker", ".ext"])
def test_a_killed_process_costs_no_acknowledged_line(part):
    total = send(4_000)
    time.sleep(1)
    killed = pid_of(part)
    os.kill(int(killed), 9)
    wait_until(lambda: acknowledged() >= total, 200)
    assert pid_of(part) != killed
    # What was sent and not acknowledged may be there twice: it was sent again.
    assert sorted(set(numbers())) == list(range(total))


def test_without_journald_lines_wait_on_disk_and_come_later():
    sockets = ["systemd-journald.socket", "systemd-journald-dev-log.socket"]
    before = acknowledged()
    run("systemctl", "stop", *sockets, "systemd-journald.service")
    try:
        total = send(2_000)
        wait_until(lambda: acknowledged() >= total)
        run("systemctl", "stop", "osqueryd.service")
        assert any(name.startswith("spool-") for name in os.listdir("/var/lib/tutorial-extension"))
    finally:
        run("systemctl", "start", *sockets, "systemd-journald.service")
    run("systemctl", "start", "osqueryd.service")
    wait_until(lambda: set(numbers()) >= set(range(before, total)), 30)


def sockets(answering):
    """The sockets at which somebody answers, or nobody: one whose process was killed leaves its file."""
    found = set()
    for name in os.listdir(FOLDER):
        with socket.socket(socket.AF_UNIX) as client:
            if name.startswith("em") and (client.connect_ex(f"{FOLDER}/{name}") == 0) == answering:
                found.add(name)
    return found


def test_stop_leaves_no_process_and_no_socket():
    wait_until(lambda: len(pids()) == 3 and len(sockets(answering=True)) == 2, 20)
    found, dead = set(pids().values()), sockets(answering=False)
    run("systemctl", "stop", "osqueryd.service")
    assert run("systemctl", "show", "--value", "-p", "Result", "osqueryd.service").strip() == "success"
    assert not [pid for pid in found if os.path.exists(f"/proc/{pid}")]
    assert sockets(answering=True) == set() and sockets(answering=False) == dead
