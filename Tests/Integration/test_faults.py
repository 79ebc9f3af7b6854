"""journald, the disk, osqueryd and we ourselves fail: nothing is lost, nothing doubled, the order kept, no call refused."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import EXTENSION, RunningExtension, is_running
from load import FAST, Load, all_there, entries_of, small_disk, text
from osqueryd import Manager, connect, wait_until

def test_the_socket_is_away_for_10_s_under_50_lines_a_second(manager, start, journal, journald):
    journald.leave()
    extension = start()
    load = Load(manager, pause=0.02)
    time.sleep(10)
    assert extension.spooled_bytes() > 0
    journald.come_back()
    time.sleep(1)
    load.stop()
    all_there(journal, load)
    replayed = [e for e in journal.entries("OSQUERY_QUERY_NAME=line0") if "OSQUERY_RECEIVED_TIMESTAMP" in e]
    assert len(replayed) >= 400
    for entry in replayed:
        assert 0 <= int(entry["__REALTIME_TIMESTAMP"]) - int(entry["OSQUERY_RECEIVED_TIMESTAMP"]) < 12e6
    wait_until(lambda: extension.spooled_bytes() == 0)
    words = extension.words()
    assert words.count("kept on disk, and come") == 1
    assert words.count("All that was kept on disk is in the journal") == 1


def test_a_socket_that_loses_its_name_is_still_that_of_a_journald_that_lives(manager, start, journal, journald):
    extension = start()
    load = Load(manager, pause=0.005)
    time.sleep(0.5)
    os.rename(journald.SOCKET, journald.SOCKET + ".away")
    try:
        before = load.acknowledged[0]
        wait_until(lambda: len(entries_of(journal, "line", 0)) > before + 50, 10, 0.2)
        assert extension.spooled_bytes() == 0
    finally:
        os.rename(journald.SOCKET + ".away", journald.SOCKET)
    load.stop()
    all_there(journal, load)


def test_journald_stands_still_for_20_s_under_4_callers(manager, start, journal, journald):
    start()
    load = Load(manager, callers=4, pause=0.002)
    time.sleep(0.5)
    os.kill(journald.pid, signal.SIGSTOP)
    worst, begin = 0, time.monotonic()
    while time.monotonic() - begin < 20:
        ping = time.monotonic()
        with connect(manager.extension_path) as client:
            client.ping()
        worst = max(worst, time.monotonic() - ping)
        time.sleep(0.02)
    os.kill(journald.pid, signal.SIGCONT)
    time.sleep(0.5)
    load.stop()
    all_there(journal, load)
    assert worst < 0.1, worst


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_journald_ends_and_is_started_again_10_times_under_load(manager, start, journal, journald, number):
    """As under systemd, which holds the socket while journald is away. (What stands in the queue of a socket that dies with its
    journald is lost, and no sender can know of it.)"""
    journald.hold_socket()
    start(env=FAST)
    load = Load(manager, callers=4, pause=0.002)
    for _ in range(10):
        time.sleep(0.3)
        journald.kill(number)
        time.sleep(0.4)
        journald.start()
    time.sleep(0.5)
    load.stop()
    if number == signal.SIGTERM:
        return all_there(journal, load)
    # A journald that is killed takes the entry with it that it has read and not yet written: one a kill at the most.
    wait_until(lambda: all(entries_of(journal, "line", c)[-1:] == [n - 1] for c, n in enumerate(load.acknowledged)), 30, 0.3)
    missing = 0
    for caller, count in enumerate(load.acknowledged):
        numbers = entries_of(journal, "line", caller)
        assert numbers == sorted(set(numbers)), "doubled or out of order"
        missing += count - len(numbers)
    assert load.failures == []
    assert missing <= 10


def test_200_000_lines_while_journald_is_down(manager, start, journal, journald):
    extension = start(env=FAST)
    manager.status('[{"s":0,"i":-1,"h":"before"}]')
    journald.kill()
    count, batch = 200_000, 500
    begin = time.monotonic()
    for first in range(0, count, batch):
        manager.status("[" + ",".join(f'{{"s":0,"i":{n},"h":"down"}}' for n in range(first, first + batch)) + "]")
    spooling = time.monotonic() - begin
    journald.start()
    begin = time.monotonic()
    wait_until(lambda: extension.spooled_bytes() == 0, 120, 0.1)
    print(f"spooled {count / spooling:.0f} lines/s, replayed {count / (time.monotonic() - begin):.0f} lines/s")
    wait_until(lambda: len(journal.entries("OSQUERY_HOST_IDENTIFIER=down")) >= count, 60, 2)
    numbers = [int(e["CODE_LINE"]) for e in journal.entries("OSQUERY_HOST_IDENTIFIER=down")]
    assert numbers == list(range(count))
    assert extension.memory()["RssAnon"] < 12 * 1024


@pytest.mark.long
def test_a_million_lines_in_one_run(manager, start, journal):
    extension = start()
    count, batch = 1_000_000, 1000
    memory = []
    for first in range(0, count, batch):
        manager.status("[" + ",".join(f'{{"s":0,"i":{n},"h":"million"}}' for n in range(first, first + batch)) + "]")
        if first % 100_000 == 0:
            memory.append(extension.memory()["RssAnon"])
    command = ["journalctl", "-q", "OSQUERY_HOST_IDENTIFIER=million", "-o", "cat", "--output-fields=CODE_LINE"]
    subprocess.run(["journalctl", "--sync"], check=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        for number, line in enumerate(reader.stdout):
            assert int(line) == number
    assert number == count - 1
    print(f"anonymous memory after each 100,000 lines, KiB: {memory}")
    assert max(memory[1:]) - memory[1] < 512


def test_it_is_killed_at_200_random_moments(manager, journal, journald):
    """Every acknowledged line is there, once: those that were being replayed are looked for before they are sent again."""
    kills = 200
    generator = random.Random(7100)
    acknowledged = 0
    unanswered = set()
    for kill in range(kills):
        extension = RunningExtension(manager, env={"OSQUERY_JOURNAL_WAIT": "0"})
        manager.wait_for_registration()
        if kill % 4 == 0:
            journald.leave()
        if kill % 4 == 2:
            journald.come_back()
        moment = time.monotonic() + generator.uniform(0.001, 0.06)
        timer = threading.Timer(moment - time.monotonic(), extension.process.kill)
        timer.start()
        try:
            while True:
                manager.result(text("kill", 0, acknowledged))
                acknowledged += 1
        except Exception:
            # Perhaps taken, perhaps not: its number is not used again.
            unanswered.add(acknowledged)
            acknowledged += 1
        extension.process.wait(5)
        timer.join()
    last = RunningExtension(manager)
    manager.wait_for_registration()
    manager.result(text("kill", 0, acknowledged))
    wait_until(lambda: last.spooled_bytes() == 0, 60, 0.05)
    assert last.end() == 0
    numbers = entries_of(journal, "kill", 0)
    assert numbers[-1] == acknowledged
    missing = set(range(acknowledged + 1)) - set(numbers)
    assert missing <= unanswered
    assert len(numbers) == len(set(numbers))
    print(f"{acknowledged} lines, {kills} kills, none doubled, {len(missing)} unacknowledged ones missing")


def test_clean_stops_double_nothing(manager, journal, journald):
    total = 0
    for round in range(10):
        # Before the start: libsystemd does not tell what it sends to a socket that goes in that very moment.
        if round % 2 == 0:
            journald.leave()
        extension = RunningExtension(manager, env={"OSQUERY_JOURNAL_WAIT": "0"})
        manager.wait_for_registration()
        if round % 2 == 1:
            journald.come_back()
        for _ in range(300):
            manager.result(text("clean", 0, total))
            total += 1
        assert extension.end() == 0
    last = RunningExtension(manager)
    manager.wait_for_registration()
    wait_until(lambda: last.spooled_bytes() == 0, 30)
    assert last.end() == 0
    assert entries_of(journal, "clean", 0) == list(range(total))


def test_what_a_predecessor_leaves_when_it_ends_late_is_taken_up(manager, journal, journald):
    journald.leave()
    first = RunningExtension(manager, env=FAST)
    manager.wait_for_registration()
    manager.result(text("late", 0, 0))
    second = RunningExtension(manager)
    manager.wait_for_registration()
    wait_until(lambda: "Another process uses the spool's directory" in second.words())
    assert first.end() == 0
    journald.come_back()
    wait_until(lambda: entries_of(journal, "late", 0) == [0], pause=0.1)
    assert second.end() == 0


def test_a_full_disk_holds_the_call_until_there_is_room(manager, start, journal, journald, tmp_path):
    with small_disk(tmp_path) as disk:
        extension = start(env={**FAST, "OSQUERY_JOURNAL_SPOOL": str(disk / "spool")})
        manager.result(text("full", 0, 0))
        journald.leave()
        load = Load(manager, name="full", pause=0)
        padding = disk / "padding"
        padding.write_bytes(b"x" * (7 << 20))
        wait_until(lambda: "No space left on device" in extension.words(), 60, 0.05)
        # A call that was answered in that moment.
        time.sleep(0.5)
        held = load.acknowledged[0]
        time.sleep(0.5)
        assert load.acknowledged[0] == held, "the disk was not full"
        assert "osqueryd has to wait" in extension.words()
        padding.unlink()
        wait_until(lambda: load.acknowledged[0] > held)
        journald.come_back()
        time.sleep(0.5)
        load.stop()
        wait_until(lambda: extension.spooled_bytes() == 0, 30)
        # The first line was sent by the test itself.
        assert entries_of(journal, "full", 0) == [0] + list(range(load.acknowledged[0]))
        assert load.failures == []
        extension.end()


def test_a_disk_that_is_read_only_for_a_while(manager, start, journal, journald, tmp_path):
    with small_disk(tmp_path, "ro") as disk:
        extension = start(env={**FAST, "OSQUERY_JOURNAL_SPOOL": str(disk / "spool")})
        journald.leave()
        load = Load(manager, name="readonly", pause=0.01)
        time.sleep(1)
        assert load.acknowledged == [0]
        assert "Read-only file system" in extension.words()
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        wait_until(lambda: load.acknowledged[0] > 10)
        journald.come_back()
        time.sleep(0.5)
        load.stop()
        all_there(journal, load)
        extension.end()


def test_a_spool_at_its_bound_holds_the_call(manager, start, journal, journald):
    extension = start(env={**FAST, "OSQUERY_JOURNAL_SPOOL_MAX": "64K"})
    journald.leave()
    load = Load(manager, name="bound")
    time.sleep(2)
    assert extension.spooled_bytes() <= 64 << 10
    assert "reached its bound" in extension.words()
    journald.come_back()
    time.sleep(2)
    load.stop()
    all_there(journal, load)


@pytest.mark.parametrize("sandbox", ["1", "0"])
def test_the_spools_directory_is_removed_while_it_is_in_use(manager, start, journal, journald, sandbox):
    extension = start(env={**FAST, "OSQUERY_EXTENSION_SANDBOX": sandbox})
    journald.leave()
    load = Load(manager, name="gone", pause=0.005)
    time.sleep(1)
    subprocess.run(["rm", "-r", extension.spool], check=True)
    time.sleep(1)
    # A sandbox does not let it make the directory anew.
    assert os.path.exists(extension.spool) == (sandbox == "0")
    journald.come_back()
    time.sleep(1)
    load.stop()
    all_there(journal, load)
    assert ("The spool's directory was moved or removed" in extension.words()) == (sandbox == "1")


def test_the_spools_directory_is_removed_before_and_between_its_uses(manager, start, journal, journald):
    extension = start(env=FAST)
    subprocess.run(["rm", "-r", extension.spool], check=True)
    for name in ("before", "between"):
        journald.leave()
        load = Load(manager, name=name, pause=0.005)
        time.sleep(0.5)
        journald.come_back()
        time.sleep(0.5)
        load.stop()
        wait_until(lambda: manager.generate("journal_logger")[0]["spool_bytes"] == "0")
        all_there(journal, load)
    assert extension.words().count("The spool's directory was moved or removed") == 1


def test_the_spool_is_nobody_elses_business(manager, start, journald, tmp_path):
    extension = start(env=FAST)
    journald.leave()
    manager.result("{}")
    assert os.stat(extension.spool).st_mode & 0o777 == 0o700
    for name in os.listdir(extension.spool):
        assert os.stat(os.path.join(extension.spool, name)).st_mode & 0o777 == 0o600
    link = tmp_path / "link"
    link.symlink_to(extension.spool)
    second = RunningExtension(manager, env={**FAST, "OSQUERY_JOURNAL_SPOOL": str(link)})
    manager.wait_for_registration()
    time.sleep(0.3)
    assert second.end() == 0
    assert "There is no spool" in second.words()


def test_the_manager_closes_and_opens_again_20_times(manager, extension, monkeypatch):
    monkeypatch.setenv("OSQUERY_EXTENSION", "1")
    times = []
    for _ in range(20):
        manager.stop()
        manager.extensions_by_uuid.clear()
        manager.registered.clear()
        time.sleep(0.05)
        begin = time.monotonic()
        manager.start()
        manager.wait_for_registration()
        times.append(manager.registered_at - begin)
        manager.result("{}")
    assert extension.process.poll() is None
    print(f"registered again: median {sorted(times)[10] * 1000:.1f} ms, worst {max(times) * 1000:.1f} ms")
    assert max(times) < 0.2


def test_a_refusal_is_retried_and_said(manager, start):
    manager.refusals = ["Duplicate extension registered"] * 3
    extension = start()
    assert manager.calls.count("registerExtension") == 4
    extension.end()
    assert extension.words().count("Duplicate extension registered") == 1


def test_a_uuid_that_is_no_longer_listed_is_registered_again(manager, start):
    extension = start(interval=1)
    manager.extensions_by_uuid.clear()
    begin = time.monotonic()
    manager.wait_for_registration()
    assert time.monotonic() - begin < 2
    manager.result("{}")
    assert extension.process.poll() is None


def test_a_socket_file_that_is_gone_while_osqueryd_lives_is_no_end(manager, start):
    extension = start(interval=1, timeout=1)
    os.unlink(manager.path)
    for _ in range(8):
        time.sleep(0.5)
        manager.result("{}")
    assert extension.process.poll() is None


@pytest.mark.parametrize("victim", ["parent", "manager's watcher"])
def test_the_end_of_the_parent_ends_it(worker, tmp_path, victim):
    manager = worker()
    pid_file = tmp_path / "pid"
    script = (
        "import subprocess, sys, time; p = subprocess.Popen(sys.argv[2:]);"
        "open(sys.argv[1], 'w').write(str(p.pid)); time.sleep(100)"
    )
    parent = subprocess.Popen(
        ["/usr/bin/python3", "-c", script, pid_file, EXTENSION, "--socket", manager.path, "--timeout", "3"],
        env={**os.environ, **({"OSQUERY_EXTENSION": "1"} if victim != "parent" else {})})
    manager.wait_for_registration()
    path = manager.extension_path
    pid = int(pid_file.read_text())
    parent.kill()
    parent.wait()
    # It is served to its end.
    manager.result("{}")
    manager.stop()
    wait_until(lambda: not is_running(pid), 5)
    assert not os.path.exists(path)


MESSAGES = ["Duplicate extension registered", "Incompatible extension SDK version", "table x conflicts with another item"]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_lasting_refusal_is_bounded_and_said(manager, start, message):
    manager.refusals = [message] * 1000
    extension = start(registered=False, timeout=1, interval=1)
    assert extension.process.wait(15) == 69
    words = extension.words()
    assert message in words
    assert words.count("Trying again") == 1
    assert 5 < manager.calls.count("registerExtension") < 40


def hostile_manager(path, behave):
    """A socket at which each connection is given to `behave`."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=run, args=(connection,), daemon=True).start()

    def run(connection):
        with contextlib.suppress(OSError), connection:
            behave(connection)

    threading.Thread(target=accept, daemon=True).start()
    return listener


def hang(connection):
    connection.recv(4096)
    time.sleep(60)


def hang_in_the_middle(connection):
    connection.recv(4096)
    connection.sendall(bytes.fromhex("8001000200000011"))
    time.sleep(60)


def garbage(connection):
    connection.sendall(random.Random(1).randbytes(1000))
    time.sleep(0.2)


def close_at_once(connection):
    connection.recv(4096)


@pytest.mark.parametrize("behave", [hang, hang_in_the_middle, garbage, close_at_once])
def test_a_manager_that_makes_no_sense_is_waited_for_without_a_spin(tmp_path, behave):
    manager = Manager(str(tmp_path / "em"))
    listener = hostile_manager(manager.path, behave)
    extension = RunningExtension(manager, timeout=2, interval=1)
    time.sleep(4)
    assert extension.process.poll() is None
    # From the start on: parsing flags and all.
    assert extension.cpu() < 0.06, extension.cpu()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    manager.start()
    manager.wait_for_registration(10)
    assert "registerExtension" in extension.words()
    assert extension.end() == 0
    manager.stop()


@pytest.mark.parametrize("behave", [hang, garbage, close_at_once])
def test_a_manager_that_goes_mad_later_is_no_end(manager, start, monkeypatch, behave):
    monkeypatch.setenv("OSQUERY_EXTENSION", "1")
    extension = start(timeout=1, interval=1)
    path = manager.extension_path
    manager.stop()
    listener = hostile_manager(manager.path, behave)
    before = extension.cpu()
    time.sleep(4)
    assert extension.process.poll() is None
    assert extension.cpu() - before <= 0.04
    with connect(path) as client:
        assert client.ping().code == 0
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    manager.extensions_by_uuid.clear()
    manager.registered.clear()
    manager.start()
    manager.wait_for_registration(5)
    manager.result("{}")
