"""The Debian package on a system that systemd has booted: a unit osqueryd.service shaped like osquery's own, journald restarted, processes
killed. Run with `make test-system`, in a container.
"""

import json
import os
import time

import pytest
from unit import FOLDER, IS_UNIFIED, LIMITED, OSQUERYD, acknowledged, entries, install, is_complete, lines, numbers, pids, run, send
from unit import set_in_unit, sockets, start_journald, stop_journald, wait_until

BATCH = 20
with_the_stand_in = pytest.mark.skipif(
    bool(OSQUERYD), reason="NOT SHOWN WITH AN OSQUERYD: it loses what a killed process had, and takes more memory than the stand-in")


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
    install()
    yield


def test_lines_are_those_of_the_unit():
    total = send(200)
    wait_until(lambda: acknowledged() >= total)
    assert len(entries(*lines.match, "_SYSTEMD_UNIT=osqueryd.service")) == total


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


@with_the_stand_in
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


@with_the_stand_in
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


def fill_the_spool(count):
    """Has journald leave, and so many lines sent; where their numbers begin and end."""
    before = acknowledged()
    stop_journald()
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
        start_journald()
    run("systemctl", "start", "osqueryd.service")
    wait_until(lambda: set(numbers()) >= set(range(before, total)), 30)
    wait_until(lambda: not kept(), 10)


def test_restarts_lose_nothing_of_the_query_under_way():
    restarts = 5
    open(f"{FOLDER}/QUERY", "w").close()
    try:
        for _ in range(restarts):
            wait_until(is_complete, 20)
            if OSQUERYD:
                before = len(under_way())
                wait_until(lambda: len(under_way()) > before)
                # The next run begins within a second.
                time.sleep(2)
            # systemd starts nothing that was started five times in 10 s.
            run("systemctl", "reset-failed", "osqueryd.service")
            run("systemctl", "restart", "osqueryd.service")
            assert run("systemctl", "show", "--value", "-p", "Result", "osqueryd.service").strip() == "success"
    finally:
        os.unlink(f"{FOLDER}/QUERY")
    rows = under_way()
    if OSQUERYD:
        # Ten rows a run, and each run has a number of its own, which is on osqueryd's disk before its rows are logged.
        runs = list(dict.fromkeys(run for run, _ in rows))
        said = run("journalctl", "-q", "SYSLOG_IDENTIFIER=tutorial-extension", "-o", "short-precise", "-n", "60")
        assert len(runs) > restarts and runs == list(range(runs[0], runs[0] + len(runs))), said
        assert rows == [(run, part) for run in runs for part in range(1, 11)]
    else:
        with open(f"{FOLDER}/recorded") as file:
            recorded = int(file.read())
        assert recorded == restarts * 20
        assert [counter for counter, _ in rows] == list(range(recorded))


def under_way():
    """The rows of the query under way, by the counter of the run and their own number."""
    found = entries("OSQUERY_QUERY_NAME=under_way", fields=["OSQUERY_COUNTER", "MESSAGE"])
    return sorted((int(entry["OSQUERY_COUNTER"]), int(json.loads(entry["MESSAGE"])["columns"].get("part", 0))) for entry in found)


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
    os.makedirs(os.path.dirname(mask), exist_ok=True)
    os.symlink("/dev/null", mask)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "systemd-journald", "osqueryd.service")
    # Whatever is started while journald is away starts it.
    wait_until(is_complete, 20)
    try:
        # What an earlier test has left unlogged goes straight to journald, which may drop it.
        before = send(0)
        wait_until(lambda: acknowledged() >= before)
        stop_journald()
        total = send(60_000)
        wait_until(lambda: acknowledged() >= total, 400)
        start_journald()
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
    found = entries(*lines.match, fields=[lines.field, "OSQUERY_RECEIVED_TIMESTAMP"])
    replayed = [lines.number(entry) for entry in found if "OSQUERY_RECEIVED_TIMESTAMP" in entry]
    assert replayed[: total - before] == list(range(before, total))
