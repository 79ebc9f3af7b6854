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
FOLDER = "/var/osquery"
BATCH = 20
EXTENSION = "/usr/lib/osquery/extensions/tutorial-extension.ext"
HERE = os.path.dirname(os.path.abspath(__file__))
STAND_IN = os.path.join(HERE, "osqueryd_stand_in.py")
# Whether systemd can bound what a unit takes (cgroups(7)).
IS_UNIFIED = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
LIMITED = "" if IS_UNIFIED else os.path.join(HERE, "limited") + " "
# As osquery's package has it (osquery: tools/deployment/osqueryd.service), with a stand-in for osqueryd.
UNIT = f"""[Unit]
Description=The osquery Daemon
After=network.service syslog.service

[Service]
TimeoutStartSec=0
ExecStart={LIMITED}{sys.executable} {STAND_IN} --flagfile=/etc/osquery/osquery.flags
Restart=on-failure
KillMode=control-group
KillSignal=SIGTERM
TimeoutStopSec=15
CPUQuota=20%

[Install]
WantedBy=multi-user.target
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


def values(field, *matches):
    """The numbers in a field of the entries that match, each as often as it is there."""
    run("journalctl", "--sync")
    output = run("journalctl", "-q", *matches, "-o", "json", f"--output-fields={field}")
    return sorted(int(json.loads(line)[field]) for line in output.splitlines())


def numbers():
    """The numbers of the lines that are in the journal."""
    return values("CODE_LINE", "OSQUERY_LOG_TYPE=status", "CODE_FILE=load.cpp")


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
    if os.path.exists(REBOOT):
        yield
        run("systemctl", "stop", "osqueryd.service")
        for controller in ["cpu", "memory"] if LIMITED else []:
            os.rmdir(f"/sys/fs/cgroup/{controller}/osquery-test")
        return
    os.makedirs("/etc/osquery", exist_ok=True)
    os.makedirs(FOLDER, exist_ok=True)
    with open("/etc/osquery/osquery.flags", "w") as file:
        file.write(f"--extensions_autoload=/etc/osquery/extensions.load\n--extensions_socket={FOLDER}/em\n--logger_plugin=journal\n")
    with open("/etc/systemd/system/osqueryd.service", "w") as file:
        file.write(UNIT)
    run("dpkg", "--install", DEB)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--now", "osqueryd.service")
    wait_until(lambda: any(".ext" in command for command in pids()), 20)
    yield


def test_lines_are_those_of_the_unit():
    total = send(200)
    wait_until(lambda: acknowledged() >= total)
    output = run("journalctl", "-q", "CODE_FILE=load.cpp", "_SYSTEMD_UNIT=osqueryd.service", "-o", "cat")
    assert output.count("\n") == total


def test_check_finds_no_error():
    findings = json.loads(run("tutorial-extension", "check", "--json"))
    assert not [finding for finding in findings if finding["level"] == "error"], findings
    assert "It logs to journal." in [finding["text"] for finding in findings]
    assert "journald's rate limit does not bound osqueryd.service" in run("tutorial-extension", "check", check=False)


def test_check_tells_of_an_osqueryd_that_lacked_its_logger():
    run("systemctl", "stop", "osqueryd.service")
    set_in_unit("fails", "Restart=no", "ExecStart=", "ExecStart=/bin/sh -c 'exit 78'")
    try:
        run("systemctl", "start", "osqueryd.service", check=False)
        wait_until(lambda: "code 78" in run("tutorial-extension", "check", check=False), 20)
    finally:
        set_in_unit("fails")
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


@pytest.mark.parametrize("part", ["--worker", ".ext", "all"])
def test_a_killed_process_costs_no_acknowledged_line(part):
    total = send(4_000)
    time.sleep(1)
    killed = pid_of(".ext" if part == "all" else part)
    if part == "all":
        run("systemctl", "kill", "-s", "KILL", "osqueryd.service")
        wait_until(lambda: any(".ext" in command for command in pids()), 20)
    else:
        os.kill(int(killed), 9)
    wait_until(lambda: acknowledged() >= total, 200)
    assert pid_of(".ext" if part == "all" else part) != killed
    # What was sent and not acknowledged may be there twice: it was sent again.
    assert sorted(set(numbers())) == list(range(total))


def properties(*names):
    return run("systemctl", "show", "--value", *(f"--property={name}" for name in names), "osqueryd.service").split()


def oom_kills():
    path = f"/sys/fs/cgroup{properties('ControlGroup')[0]}/memory.events" if IS_UNIFIED else "/sys/fs/cgroup/memory/osquery-test/memory.oom_control"
    with open(path) as file:
        return dict(line.split() for line in file)["oom_kill"]


def test_with_little_memory_nothing_is_killed():
    """Two Pythons take most of it; the extension idle a few MiB."""
    before = "0" if IS_UNIFIED else oom_kills()
    set_in_unit("memory", "MemoryMax=64M", "MemorySwapMax=0", f"Environment=MEMORY={64 << 20}")
    try:
        run("systemctl", "restart", "osqueryd.service")
        total = send(10_000)
        wait_until(lambda: acknowledged() >= total, 200)
        assert (oom_kills(), properties("NRestarts")) == (before, ["0"])
    finally:
        set_in_unit("memory")
        run("systemctl", "restart", "osqueryd.service")
    assert sorted(set(numbers())) == list(range(total))


def set_in_unit(name, *settings):
    """A drop-in with these settings, or none."""
    path = f"/etc/systemd/system/osqueryd.service.d/{name}.conf"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if settings:
        with open(path, "w") as file:
            file.write("\n".join(["[Service]", *settings, ""]))
    else:
        os.unlink(path)
    run("systemctl", "daemon-reload")


SOCKETS = ["systemd-journald.socket", "systemd-journald-dev-log.socket"]


def fill_the_spool(count):
    """Has journald leave, and so many lines sent; where their numbers begin and end."""
    before = acknowledged()
    run("systemctl", "stop", *SOCKETS, "systemd-journald.service")
    total = send(count)
    wait_until(lambda: acknowledged() >= total)
    return before, total


def kept():
    return "Nothing is kept" not in run("tutorial-extension", "spool", "list")


def test_without_journald_lines_wait_on_disk_and_come_later():
    try:
        before, total = fill_the_spool(2_000)
        run("systemctl", "stop", "osqueryd.service")
        assert kept()
    finally:
        run("systemctl", "start", *SOCKETS, "systemd-journald.service")
    run("systemctl", "start", "osqueryd.service")
    wait_until(lambda: set(numbers()) >= set(range(before, total)), 30)
    wait_until(lambda: not kept(), 10)


def sockets(answering):
    """The sockets at which somebody answers, or nobody: one whose process was killed leaves its file."""
    found = set()
    for name in os.listdir(FOLDER):
        with socket.socket(socket.AF_UNIX) as client:
            if name.startswith("em") and (client.connect_ex(f"{FOLDER}/{name}") == 0) == answering:
                found.add(name)
    return found


def is_complete():
    """Whether all of osqueryd runs, and the extension has registered."""
    return len(pids()) == 3 and len(sockets(answering=True)) == 2


def test_restarts_lose_nothing_of_the_query_under_way():
    restarts = 5
    open(f"{FOLDER}/QUERY", "w").close()
    try:
        for _ in range(restarts):
            wait_until(is_complete, 20)
            run("systemctl", "restart", "osqueryd.service")
            assert run("systemctl", "show", "--value", "-p", "Result", "osqueryd.service").strip() == "success"
    finally:
        os.unlink(f"{FOLDER}/QUERY")
    with open(f"{FOLDER}/recorded") as file:
        recorded = int(file.read())
    assert recorded == restarts * 20
    assert values("OSQUERY_COUNTER", "OSQUERY_QUERY_NAME=under_way") == list(range(recorded))


def test_stop_leaves_no_process_and_no_socket():
    wait_until(is_complete, 20)
    found, dead = set(pids().values()), sockets(answering=False)
    begin = time.monotonic()
    run("systemctl", "stop", "osqueryd.service")
    # Nobody waits for anybody: well below the 10 s for which the extension would serve an osqueryd that does not end.
    assert time.monotonic() - begin < 5
    assert run("systemctl", "show", "--value", "-p", "Result", "osqueryd.service").strip() == "success"
    assert not [pid for pid in found if os.path.exists(f"/proc/{pid}")]
    # The worker has removed those that killed processes had left, too.
    assert sockets(answering=True) == set() and sockets(answering=False) <= dead
    run("systemctl", "start", "osqueryd.service")


def test_without_the_drop_in_what_journald_drops_is_noticed_and_said():
    mask = "/etc/systemd/system/osqueryd.service.d/tutorial-extension.conf"
    os.makedirs(os.path.dirname(mask), exist_ok=True)
    os.symlink("/dev/null", mask)
    os.makedirs("/etc/systemd/journald.conf.d", exist_ok=True)
    # So that it does not take minutes to reach.
    with open("/etc/systemd/journald.conf.d/burst.conf", "w") as file:
        file.write("[Journal]\nRateLimitBurst=100\nRateLimitIntervalSec=5s\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "systemd-journald", "osqueryd.service")
    try:
        before = acknowledged()
        total = send(10_000)
        wait_until(lambda: acknowledged() >= total)
        assert len([number for number in numbers() if number >= before]) < total - before
        said = ["journalctl", "-q", "SYSLOG_IDENTIFIER=tutorial-extension", "-o", "cat", "--grep=dropped .* entries of osqueryd.service"]
        # It is looked for every 30 s.
        wait_until(lambda: send(BATCH) and run(*said, check=False), 90)
        assert "drops what osqueryd.service logs" in run("tutorial-extension", "check", check=False)
    finally:
        os.unlink(mask)
        os.unlink("/etc/systemd/journald.conf.d/burst.conf")
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "systemd-journald", "osqueryd.service")


def test_default_limits_let_60_000_spooled_lines_through():
    """10,000 entries in 30 s, and some more where the disk is large, is what journald takes of a unit: the replay stays below it."""
    mask = "/etc/systemd/system/osqueryd.service.d/tutorial-extension.conf"
    os.symlink("/dev/null", mask)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "systemd-journald", "osqueryd.service")
    try:
        before = acknowledged()
        run("systemctl", "stop", *SOCKETS, "systemd-journald.service")
        total = send(60_000)
        wait_until(lambda: acknowledged() >= total, 400)
        run("systemctl", "start", *SOCKETS, "systemd-journald.service")
        assert kept()
        wait_until(lambda: not kept(), 600)
        assert [number for number in numbers() if number >= before] == list(range(before, total))
        said = run("journalctl", "-q", "SYSLOG_IDENTIFIER=tutorial-extension", "-o", "cat")
        assert "half of journald's rate limit" in said
        assert "not in the journal" not in said
    finally:
        os.unlink(mask)
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "systemd-journald", "osqueryd.service")


REBOOT = "/var/osquery/reboot.json"


def test_before_a_reboot_the_spool_is_filled():
    range_ = fill_the_spool(2_000)
    assert kept()
    with open(REBOOT, "w") as file:
        json.dump(range_, file)


@pytest.mark.rebooted
def test_after_the_reboot_it_is_replayed():
    with open(REBOOT) as file:
        before, total = json.load(file)
    wait_until(lambda: set(numbers()) >= set(range(before, total)), 60)
    wait_until(lambda: not kept(), 10)
    # In order.
    output = run("journalctl", "-q", "CODE_FILE=load.cpp", "-o", "json", "--output-fields=CODE_LINE,OSQUERY_RECEIVED_TIMESTAMP")
    entries = [json.loads(line) for line in output.splitlines()]
    replayed = [int(entry["CODE_LINE"]) for entry in entries if "OSQUERY_RECEIVED_TIMESTAMP" in entry]
    assert replayed[: total - before] == list(range(before, total))
