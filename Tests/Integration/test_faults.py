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
from osqueryd import Manager, connect, wait_until

FAST = {"OSQUERY_JOURNAL_WAIT": "0.2"}


class Load:
    """Callers that send numbered results until they are told to stop, and note what was acknowledged."""

    def __init__(self, manager, callers=1, pause=0.0, name="line"):
        self.manager, self.pause, self.name = manager, pause, name
        self.acknowledged = [0] * callers
        self.failures = []
        self.stopping = False
        self.threads = [threading.Thread(target=self._run, args=(caller,)) for caller in range(callers)]
        for thread in self.threads:
            thread.start()

    def _run(self, caller):
        while not self.stopping:
            number = self.acknowledged[caller]
            try:
                self.manager.result(text(self.name, caller, number))
            except Exception as failure:
                self.failures.append(failure)
                return
            self.acknowledged[caller] = number + 1
            time.sleep(self.pause)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def text(name, caller, number):
    return f'{{"name":"{name}{caller}","counter":{number}}}'


def entries_of(journal, name, caller):
    return [int(e["OSQUERY_COUNTER"]) for e in journal.entries(f"OSQUERY_QUERY_NAME={name}{caller}")]


def all_there(journal, load, timeout=30):
    """Waits for the replay to end; none missing, none doubled, in order within a caller."""
    total = sum(load.acknowledged)
    last = [f"{load.name}{caller}" for caller in range(len(load.acknowledged))]
    wait_until(
        lambda: sum(len(entries_of(journal, load.name, caller)) for caller in range(len(last))) >= total, timeout, 0.3)
    for caller, count in enumerate(load.acknowledged):
        assert count > 0
        assert entries_of(journal, load.name, caller) == list(range(count))
    assert load.failures == []


def spooled_bytes(extension):
    size = 0
    for name in os.listdir(extension.spool):
        with contextlib.suppress(FileNotFoundError):
            size += os.path.getsize(os.path.join(extension.spool, name)) if name.startswith("spool-") else 0
    return size


def test_the_socket_is_away_for_10_s_under_50_lines_a_second(manager, start, journal, journald):
    journald.leave()
    extension = start()
    load = Load(manager, pause=0.02)
    time.sleep(10)
    assert spooled_bytes(extension) > 0
    journald.come_back()
    time.sleep(1)
    load.stop()
    all_there(journal, load)
    replayed = [e for e in journal.entries("OSQUERY_QUERY_NAME=line0") if "OSQUERY_RECEIVED_TIMESTAMP" in e]
    assert len(replayed) >= 400
    for entry in replayed:
        assert 0 <= int(entry["__REALTIME_TIMESTAMP"]) - int(entry["OSQUERY_RECEIVED_TIMESTAMP"]) < 12e6
    wait_until(lambda: spooled_bytes(extension) == 0)
    words = extension.words()
    assert words.count("kept on disk, and come") == 1
    assert words.count("kept on disk are in the journal") == 1


def test_a_socket_that_loses_its_name_is_still_that_of_a_journald_that_lives(manager, start, journal, journald):
    extension = start()
    load = Load(manager, pause=0.005)
    time.sleep(0.5)
    os.rename(journald.SOCKET, journald.SOCKET + ".away")
    try:
        before = load.acknowledged[0]
        wait_until(lambda: len(entries_of(journal, "line", 0)) > before + 50, 10, 0.2)
        assert spooled_bytes(extension) == 0
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
    wait_until(lambda: spooled_bytes(extension) == 0, 120, 0.1)
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
    """Every acknowledged line is there; at most a line is doubled a kill."""
    kills, batch = 200, 64
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
    wait_until(lambda: spooled_bytes(last) == 0, 60, 0.05)
    assert last.end() == 0
    numbers = entries_of(journal, "kill", 0)
    assert numbers[-1] == acknowledged
    missing = set(range(acknowledged + 1)) - set(numbers)
    assert missing <= unanswered
    doubled = len(numbers) - len(set(numbers))
    assert doubled <= kills * batch
    print(f"{acknowledged} lines, {kills} kills, {doubled} doubled, {len(missing)} unacknowledged ones missing")


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
    wait_until(lambda: spooled_bytes(last) == 0, 30)
    assert last.end() == 0
    assert entries_of(journal, "clean", 0) == list(range(total))


def test_what_a_predecessor_leaves_when_it_ends_late_is_taken_up(manager, journal, journald):
    journald.leave()
    first = RunningExtension(manager, env=FAST)
    manager.wait_for_registration()
    manager.result(text("late", 0, 0))
    second = RunningExtension(manager)
    manager.wait_for_registration()
    wait_until(lambda: "another process holds" in second.words())
    assert first.end() == 0
    journald.come_back()
    wait_until(lambda: entries_of(journal, "late", 0) == [0], pause=0.1)
    assert second.end() == 0


@contextlib.contextmanager
def small_disk(folder, mode="rw"):
    """A tmpfs of 8 MiB."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{mode},size=8m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_what_cannot_be_read_is_tried_again_without_a_spin(manager, start, journal, journald):
    """The replay cannot make its file: it says so once, costs nothing meanwhile, and goes on when it can."""
    extension = RunningExtension(manager, env=FAST)
    manager.wait_for_registration()
    journald.leave()
    manager.result(text("again", 0, 0))
    assert extension.end() == 0
    position = os.path.join(extension.spool, "replayed")
    os.unlink(position)
    os.mkdir(position)
    journald.come_back()
    # A line makes the replay begin that the start could not.
    second = start(env=FAST)
    before = second.cpu()
    journald.leave()
    manager.result(text("again", 0, 1))
    journald.come_back()
    time.sleep(3)
    assert second.cpu() - before < 0.1
    assert second.words().count("Is a directory") <= 2
    os.rmdir(position)
    wait_until(lambda: spooled_bytes(second) == 0, 10)
    assert entries_of(journal, "again", 0) == [0, 1]


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
        wait_until(lambda: spooled_bytes(extension) == 0, 30)
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
    assert spooled_bytes(extension) <= 64 << 10
    assert "reached its bound" in extension.words()
    journald.come_back()
    time.sleep(2)
    load.stop()
    all_there(journal, load)


@pytest.fixture(scope="session")
def failing_fdatasync(tmp_path_factory):
    library = tmp_path_factory.mktemp("preload") / "failing-fdatasync.so"
    source = os.path.join(os.path.dirname(__file__), "failing-fdatasync.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
    return str(library)


@pytest.mark.parametrize("fail_at", [1, 4])
def test_a_flush_that_fails_is_followed_by_writing_anew(manager, start, journal, journald, failing_fdatasync, fail_at):
    """After a power cut nothing of what the failed flush was for would be in the file that it was for."""
    socket_path = journald.SOCKET
    os.rename(socket_path, socket_path + ".away")
    extension = start(env={"LD_PRELOAD": failing_fdatasync, "FAIL_AT": str(fail_at)})
    for number in range(6):
        manager.result(text("flush", 0, number))
    extension.end(signal.SIGKILL)
    segments = sorted(entry.path for entry in os.scandir(extension.spool) if entry.name.startswith("spool-"))
    assert len(segments) == (1 if fail_at == 1 else 2)
    if len(segments) == 2:
        number = os.path.basename(segments[1]).removeprefix("spool-").removesuffix(".export")
        with open(segments[0], "rb+") as file:
            content = file.read()
            lost = content.index(b"__CURSOR=tutorial-extension;i=" + number.encode())
            assert 0 < lost
            file.truncate(lost)
    os.rename(socket_path + ".away", socket_path)
    manager.extensions_by_uuid.clear()
    start()
    wait_until(lambda: entries_of(journal, "flush", 0) == list(range(6)))


@pytest.mark.parametrize("sandbox", ["1", "0"])
def test_the_spools_folder_is_removed_while_it_is_in_use(manager, start, journal, journald, sandbox):
    extension = start(env={**FAST, "OSQUERY_EXTENSION_SANDBOX": sandbox})
    journald.leave()
    load = Load(manager, name="gone", pause=0.005)
    time.sleep(1)
    subprocess.run(["rm", "-r", extension.spool], check=True)
    time.sleep(1)
    # A sandbox does not let it make the folder anew.
    assert os.path.exists(extension.spool) == (sandbox == "0")
    journald.come_back()
    time.sleep(1)
    load.stop()
    all_there(journal, load)
    assert ("The spool's folder was removed" in extension.words()) == (sandbox == "1")


def test_the_spools_folder_is_removed_before_and_between_its_uses(manager, start, journal, journald):
    """Nothing stands in the spool then that could be appended to."""
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
    assert extension.words().count("The spool's folder was removed") == 1
    # What was replayed takes no place on the disk any more.
    descriptors = [f"/proc/{extension.pid}/fd/{name}" for name in os.listdir(f"/proc/{extension.pid}/fd")]
    assert [os.stat(path).st_size for path in descriptors if "reserve (deleted)" in os.readlink(path)] == [0]


def test_damaged_and_torn_entries_are_set_aside_and_the_rest_is_replayed(manager, journal, journald, tmp_path):
    """The file cut at every byte of its last two entries, and a byte flipped in the middle: the whole ones are replayed."""
    extension = RunningExtension(manager, env={"OSQUERY_JOURNAL_WAIT": "0"})
    manager.wait_for_registration()
    journald.leave()
    for number in range(4):
        manager.result(text("torn", 0, number))
    assert extension.end() == 0
    [name] = [name for name in os.listdir(extension.spool) if name.startswith("spool-")]
    whole = open(os.path.join(extension.spool, name), "rb").read()
    ends = [match.start() for match in re.finditer(b"__CURSOR=", whole)] + [len(whole)]
    assert len(ends) == 5
    journald.come_back()
    cuts = [(whole[:cut], sum(end <= cut for end in ends[1:])) for cut in range(ends[2], len(whole))]
    flips = []
    for position in range(ends[1], ends[2], 7):
        flips.append((whole[:position] + bytes([whole[position] ^ 0x41]) + whole[position + 1:], 3))
    for case, (content, expected) in enumerate(cuts + flips):
        spool = tmp_path / f"case-{case}"
        spool.mkdir(mode=0o700)
        (spool / name).write_bytes(content)
        before = len(entries_of(journal, "torn", 0))
        run = RunningExtension(manager, env={"OSQUERY_JOURNAL_SPOOL": str(spool)})
        manager.wait_for_registration()
        wait_until(lambda: spooled_bytes(run) == 0, pause=0.001)
        assert run.end() == 0
        assert len(entries_of(journal, "torn", 0)) - before == expected
        damaged = [f for f in os.listdir(spool) if f.startswith("damaged-")]
        assert bool(damaged) == (content[:ends[expected]] != content)
        assert ("torn or damaged" in run.words()) == bool(damaged)


def test_systemd_journal_remote_imports_the_spool(manager, journald, tmp_path):
    extension = RunningExtension(manager, env={"OSQUERY_JOURNAL_WAIT": "0"})
    manager.wait_for_registration()
    journald.leave()
    texts = ['{"name":"remote","counter":0}', "two\nlines", "\0", "", '{"name":"é"}']
    for line in texts:
        manager.result(line)
    assert extension.end() == 0
    [name] = [name for name in os.listdir(extension.spool) if name.startswith("spool-")]
    journal_file = tmp_path / "imported.journal"
    subprocess.run(
        ["/lib/systemd/systemd-journal-remote", "-o", journal_file, os.path.join(extension.spool, name)], check=True)
    output = subprocess.run(
        ["journalctl", "--file", journal_file, "-o", "json", "--all"], capture_output=True, check=True).stdout
    entries = [json.loads(line) for line in output.splitlines()]
    messages = [e["MESSAGE"] if isinstance(e["MESSAGE"], str) else bytes(e["MESSAGE"]).decode() for e in entries]
    assert messages == texts
    assert entries[0]["OSQUERY_QUERY_NAME"] == "remote"
    assert entries[0]["OSQUERY_LOG_TYPE"] == "string"


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
    third = RunningExtension(manager, env={**FAST, "OSQUERY_JOURNAL_SPOOL": extension.spool})
    manager.wait_for_registration()
    time.sleep(0.3)
    assert second.end() == 0 and third.end() == 0
    assert "There is no spool" in second.words()
    assert "another process holds" in third.words()


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
def test_the_end_of_the_parent_ends_it(manager, tmp_path, victim):
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
    assert wait_until(lambda: not is_running(pid), 5) < 2
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
