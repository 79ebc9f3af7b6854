"""What broke the spool of version 0.1.0: each test is an attack that had cost acknowledged entries, or had ended the extension."""

import array
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import pytest
from conftest import EXTENSION, Journal, RunningExtension, text_of
from load import FAST, NOW, Load, all_there, entries_of, send, small_disk, text
from osqueryd import connect, wait_until
from test_spool_model import BAD_DISK, BAD_FLUSH, BAD_FROM_FLUSH, DECOY, HALF_WRITES, HANGS, NO_SPACE, NO_TRUNCATE

UNNUMBERED = {**NOW, "OSQUERY_JOURNAL_SEQUENCE": "0"}


def replay(run, journald, **options):
    """Starts journald and an extension, and waits until nothing is left to replay; what the extension has said."""
    if os.path.exists(journald.SOCKET + ".away"):
        journald.come_back()
    extension = run(**options)
    wait_until(lambda: extension.spooled_bytes() == 0, 30)
    assert extension.end() == 0
    return extension.words()


def kill_with_entries(manager, run, journald, name, count):
    """An extension that was killed in an outage, with so many entries in its spool."""
    extension = run()
    journald.leave()
    send(manager, name, range(count))
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    return extension


def file_of(extension, ending):
    """The only file of a spool whose name ends so."""
    [path] = [os.path.join(extension.spool, name) for name in os.listdir(extension.spool) if name.endswith(ending)]
    return path


def files(directory):
    """Names, modes and contents of all that is in a directory, and its own mode."""
    found = {".": (os.stat(directory).st_mode, None)}
    for entry in os.scandir(directory):
        found[entry.name] = (entry.stat().st_mode, open(entry.path, "rb").read())
    return found


def lost(words):
    return sum(int(number) for number in re.findall(r"damaged: (\d+) entr(?:y|ies) cannot be read", words))


# The directory.


def test_a_directory_that_is_moved_away_and_back_is_used_again(manager, run, journal, journald):
    extension = run()
    journald.leave()
    os.rename(extension.spool, extension.spool + ".away")
    send(manager, "moved", [0])
    os.rename(extension.spool + ".away", extension.spool)
    journald.come_back()
    wait_until(lambda: extension.spooled_bytes() == 0)
    # The next outage, and an ordinary end in it.
    journald.leave()
    send(manager, "moved", range(1, 11))
    assert extension.end() == 0
    replay(run, journald)
    assert entries_of(journal, "moved", 0) == list(range(11))


def test_what_is_acknowledged_while_the_directory_is_away_is_found_when_it_is_back(manager, run, journal, journald):
    extension = run()
    journald.leave()
    send(manager, "moved", range(3))
    os.rename(extension.spool, extension.spool + ".away")
    send(manager, "moved", range(3, 6))
    os.rename(extension.spool + ".away", extension.spool)
    send(manager, "moved", range(6, 9))
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    replay(run, journald)
    assert entries_of(journal, "moved", 0) == list(range(9))


@pytest.mark.parametrize("sandbox", ["0", "1"])
def test_a_directory_that_is_replaced_by_another(manager, run, journal, journald, sandbox):
    """Without the sandbox new entries go to the new one, where a restart finds them; with it that is said to take a restart."""
    extension = run(env={**NOW, "OSQUERY_EXTENSION_SANDBOX": sandbox})
    journald.leave()
    send(manager, "replaced", range(3))
    os.rename(extension.spool, extension.spool + ".old")
    os.mkdir(extension.spool, 0o700)
    send(manager, "replaced", range(3, 6))
    assert ("restart osqueryd" in extension.words()) == (sandbox == "1")
    assert bool(os.listdir(extension.spool)) == (sandbox == "0")
    if sandbox == "0":
        extension.end(signal.SIGKILL)
        replay(run, journald)
        assert entries_of(journal, "replaced", 0) == [3, 4, 5]
        # The old one's entries are in its files.
        replay(run, journald, env={**NOW, "OSQUERY_JOURNAL_SPOOL": extension.spool + ".old"})
        assert sorted(entries_of(journal, "replaced", 0)) == list(range(6))
    else:
        journald.come_back()
        wait_until(lambda: extension.spooled_bytes() == 0)
        assert extension.end() == 0
        assert entries_of(journal, "replaced", 0) == list(range(6))


def test_entries_that_go_with_a_removed_directory_are_counted(manager, run, journald):
    extension = run()
    journald.leave()
    send(manager, "gone", range(7))
    shutil.rmtree(extension.spool)
    assert extension.end() == 0
    # With those that open the stream and close it.
    assert "9 entries are lost if the spool's directory was removed" in extension.words()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o1777, 0o500])
def test_a_directory_of_another_mode_is_refused_and_not_changed(manager, run, journald, tmp_path, mode):
    directory = tmp_path / "theirs"
    directory.mkdir()
    directory.chmod(mode)
    before = files(directory)
    extension = run(env={**NOW, "OSQUERY_JOURNAL_SPOOL": str(directory)})
    send(manager, "theirs", [0])
    assert extension.end() == 0
    assert files(directory) == before
    assert f"its mode is 0{mode:o}" in extension.words() and "OSQUERY_JOURNAL_SPOOL" in extension.words()


FOREIGN = {
    "spool-0000000000000001.export.bak": b"theirs", "spool-1.db": b"theirs", "spool-bad.export": b"theirs", "replayed.txt": b"12",
    "notes": b"theirs",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_directory_with_files_of_others_is_refused_and_not_changed(manager, run, journald, tmp_path, name):
    directory = tmp_path / "theirs"
    directory.mkdir(mode=0o700)
    for own in ("lock", "replayed", "spool-0000000000000001.export", "damaged-1"):
        (directory / own).write_bytes(b"looks like ours")
    (directory / name).write_bytes(FOREIGN[name])
    before = files(directory)
    extension = run(env={**NOW, "OSQUERY_JOURNAL_SPOOL": str(directory)})
    send(manager, "theirs", [0])
    assert extension.end() == 0
    command = [EXTENSION, "spool", "drop", "--yes", "--directory", directory]
    dropped = subprocess.run(command, capture_output=True, text=True)
    assert dropped.returncode == 77 and name in dropped.stderr
    assert files(directory) == before
    assert "there are other files in it" in extension.words() and name in extension.words()


@pytest.mark.parametrize("variable", ["STATE_DIRECTORY", "OSQUERY_JOURNAL_SPOOL"])
def test_other_files_in_the_state_directory_are_left_alone(manager, run, journal, journald, tmp_path, variable):
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    (directory / "notes").write_bytes(b"theirs")
    run(env={**NOW, "OSQUERY_JOURNAL_SPOOL": "" if variable == "STATE_DIRECTORY" else str(directory), "STATE_DIRECTORY": str(directory)})
    journald.leave()
    send(manager, "state", range(3))
    assert any(name.startswith("spool-") for name in os.listdir(directory))
    assert (directory / "notes").read_bytes() == b"theirs"


ODD = ["spool-ffffffffffffffff.export", "spool-bad.export", "spool-0000000000000001.db", "spool-00000000000000zz.db", "spool-1.db"]


@pytest.mark.parametrize("kind", ["garbage", "empty", "directory", "pipe", "link"])
@pytest.mark.parametrize("name", ODD)
def test_odd_files_end_nothing_and_hold_up_nothing(manager, run, journal, journald, name, kind):
    release = open("/etc/os-release").read()
    first = run()
    assert first.end() == 0
    path = os.path.join(first.spool, name)
    {
        "garbage": lambda: open(path, "wb").write(b"garbage" * 1000), "empty": lambda: open(path, "wb").close(),
        "directory": lambda: os.mkdir(path), "pipe": lambda: os.mkfifo(path), "link": lambda: os.symlink("/etc/os-release", path),
    }[kind]()
    second = run()
    journald.leave()
    begin = time.monotonic()
    send(manager, "odd", range(5))
    assert time.monotonic() - begin < 10
    assert second.end() == 0
    replay(run, journald)
    assert entries_of(journal, "odd", 0) == list(range(5))
    assert open("/etc/os-release").read() == release
    if kind == "garbage" and name.endswith(".db"):
        assert open(path, "rb").read() == b"garbage" * 1000


# Several processes.


def leave_something(manager, run, journald, count):
    """A spool whose last number is `count`, and of which all is replayed."""
    extension = run()
    journald.leave()
    send(manager, "before", range(count))
    journald.come_back()
    wait_until(lambda: extension.spooled_bytes() == 0)
    return extension


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_two_processes_with_one_directory(manager, run, journal, journald, number):
    """Both keep what they are given, both are answered at once, and what one leaves the other one replays."""
    first = leave_something(manager, run, journald, 20)
    path = manager.extension_path
    second = run()
    assert "warning" in second.words() and "Another process uses the spool's directory" in second.words()
    assert "No log is lost" in second.words() and "set OSQUERY_JOURNAL_SPOOL" in second.words()
    journald.leave()
    begin = time.monotonic()
    send(manager, "second", range(30))
    assert time.monotonic() - begin < 5
    assert manager.extension_path != path
    second.end(number)
    journald.come_back()
    third = run()
    wait_until(lambda: entries_of(journal, "second", 0) == list(range(30)), pause=0.1)
    assert first.end() == 0 and third.end() == 0


def test_what_several_processes_leave_comes_in_the_order_of_receipt(manager, run, journal, journald):
    journald.leave()
    extensions = [run(), run()]
    paths = [f"{manager.path}.{uuid}" for uuid in sorted(manager.extensions_by_uuid)]
    for number in range(20):
        with connect(paths[number % 2]) as client:
            request = {"string": text("turns", 0, number), "category": "event"}
            assert client.call("logger", "journal", request).status.code == 0
    for extension in extensions:
        assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    replay(run, journald)
    assert entries_of(journal, "turns", 0) == list(range(20))


def test_a_disk_that_is_read_only_at_the_start_begins_no_numbers_anew(manager, run, journal, journald, tmp_path):
    with small_disk(tmp_path) as disk:
        env = {**FAST, "OSQUERY_JOURNAL_SPOOL": str(disk / "spool")}
        extension = run(env=env)
        journald.leave()
        send(manager, "before", range(20))
        journald.come_back()
        wait_until(lambda: extension.spooled_bytes() == 0)
        assert extension.end() == 0
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        extension = run(env=env)
        journald.leave()
        load = Load(manager, name="after", pause=0.01)
        time.sleep(0.5)
        assert load.acknowledged == [0]
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        wait_until(lambda: load.acknowledged[0] > 10)
        load.stop()
        assert extension.end() == 0
        replay(run, journald, env=env)
        all_there(journal, load)


# Damage.


def spool_with_decoys(manager, run, journald, count):
    """A directory with entries whose values hold what looks like entries, and which no process has open; the texts.

    The entries have no numbers, by which a second copy of them would be found in the journal and not replayed."""
    extension = run(env=UNNUMBERED)
    journald.leave()
    texts = []
    for number in range(count):
        padding = "x" * (100 * number if number % 5 else 9000)
        texts.append(f'{{"name":"flip0","counter":{number},"columns":{{"x":"{DECOY}{padding}"}}}}' + DECOY.replace("\\n", "\n"))
        manager.result(texts[-1])
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    return extension.spool, texts


def test_a_flipped_bit_costs_an_entry_at_most_and_forges_none(manager, run, journald, tmp_path):
    directory, texts = spool_with_decoys(manager, run, journald, 40)
    journald.come_back()
    sizes = [(name, os.path.getsize(os.path.join(directory, name))) for name in sorted(os.listdir(directory))]
    total = sum(size for _, size in sizes)
    counts = []
    for flip in range(141):
        copy = tmp_path / f"flip-{flip}"
        shutil.copytree(directory, copy)
        copy.chmod(0o700)
        position = total * flip // 141
        for name, size in sizes:
            if position < size:
                break
            position -= size
        with open(copy / name, "r+b") as file:
            file.seek(position)
            byte = file.read(1)[0]
            file.seek(position)
            file.write(bytes([byte ^ 1 << flip % 8]))
        journal = Journal()
        words = replay(run, journald, env={**NOW, "OSQUERY_JOURNAL_SPOOL": str(copy)})
        messages = [entry["MESSAGE"] for entry in journal.entries("OSQUERY_LOG_TYPE=string")]
        assert not journal.entries("SYSLOG_IDENTIFIER=sshd")
        assert [message for message in texts if message in messages] == messages, "forged, doubled or out of order"
        missing = len(texts) - len(messages)
        assert missing <= 1, (name, position)
        assert lost(words) == missing, (name, position, words)
        assert bool(list(copy.glob("damaged-*"))) == bool(missing)
        counts.append(missing)
        shutil.rmtree(copy)
    print(f"{sum(counts)} entries of {len(texts)} lost by {len(counts)} flipped bits, one at a time")
    assert 0 < sum(counts)


def test_all_commits_after_a_damaged_frame_are_found(manager, run, journal, journald):
    """SQLite takes what follows a damaged frame of a WAL for never committed, and says nothing."""
    extension = kill_with_entries(manager, run, journald, "frame", 40)
    wal = file_of(extension, "-wal")
    frame = 24 + 4096
    with open(wal, "r+b") as file:
        assert os.path.getsize(wal) > 32 + 20 * frame
        # In what the page does not use: no entry is damaged.
        file.seek(32 + 5 * frame + 24 + 1000)
        file.write(b"\1")
    copy = extension.spool + ".copy"
    shutil.copytree(extension.spool, copy)
    database = sqlite3.connect(os.path.join(copy, os.path.basename(wal).removesuffix("-wal")))
    assert database.execute("SELECT count(*) FROM entries WHERE number > 2").fetchone()[0] < 20
    words = replay(run, journald)
    assert entries_of(journal, "frame", 0) == list(range(40))
    assert lost(words) == 0


def test_a_bit_of_a_header_in_the_wal_costs_no_entry(manager, run, journald):
    """Each byte of the WAL's own header, and of those of its first frame and its last."""
    extension = kill_with_entries(manager, run, journald, "header", 30)
    wal = file_of(extension, "-wal")
    content = open(wal, "rb").read()
    frame = 24 + 4096
    last = len(content) - frame
    assert (len(content) - 32) % frame == 0 and content[last + 4:last + 8] != bytes(4), "it does not end with a commit"
    for position in [*range(32 + 24), *range(last, last + 24)]:
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        open(wal, "wb").write(changed)
        command = [EXTENSION, "spool", "list", "--directory", extension.spool]
        # With the one that opens the stream.
        assert "\t31 entries\t" in subprocess.run(command, capture_output=True, text=True, check=True).stdout, position


@pytest.mark.parametrize("position", [0, 16, 32 + 8, 32 + 16, -4096 - 24 + 8, -4096 - 24 + 12, -4096 - 24 + 20])
def test_the_last_entry_survives_a_flipped_bit_of_a_header(manager, run, journal, journald, position):
    extension = kill_with_entries(manager, run, journald, "header", 30)
    wal = file_of(extension, "-wal")
    content = bytearray(open(wal, "rb").read())
    content[position] ^= 4
    open(wal, "wb").write(content)
    assert lost(replay(run, journald)) == 0
    assert entries_of(journal, "header", 0) == list(range(30))


def test_a_wal_that_has_lost_its_database_is_replayed(manager, run, journal, journald):
    extension = kill_with_entries(manager, run, journald, "alone", 30)
    path = file_of(extension, ".db")
    os.unlink(path)
    replay(run, journald)
    assert entries_of(journal, "alone", 0) == list(range(30))


def test_a_database_of_which_nothing_can_be_read_is_kept(manager, run, journald):
    extension = kill_with_entries(manager, run, journald, "zeroed", 30)
    for entry in list(os.scandir(extension.spool)):
        with open(entry.path, "r+b") as file:
            file.write(bytes(entry.stat().st_size))
    before = files(extension.spool)
    words = replay(run, journald)
    assert "nothing in it was written by this program" in words
    after = files(extension.spool)
    assert {name: after.get(name) for name in before if name != "."} == {name: before[name] for name in before if name != "."}


@pytest.mark.parametrize("cut", [0, 10, 100, 4096, 5000, 9000])
@pytest.mark.parametrize("which", ["db", "db-wal"])
def test_a_file_that_was_cut(manager, run, journal, journald, which, cut):
    extension = kill_with_entries(manager, run, journald, "cut", 30)
    path = file_of(extension, "." + which)
    os.truncate(path, cut)
    words = replay(run, journald)
    found = entries_of(journal, "cut", 0)
    if which == "db":
        # All of them are still in the WAL.
        assert found == list(range(30)) and lost(words) == 0
    else:
        # What is cut off leaves no trace.
        assert found == list(range(len(found))) and lost(words) <= 30 - len(found)
    extension = run()
    journald.leave()
    send(manager, "after", range(3))
    assert extension.end() == 0
    replay(run, journald)
    assert entries_of(journal, "after", 0) == [0, 1, 2]


# The disk.


@contextlib.contextmanager
def failing(path, flags):
    def fail(flags):
        # In its place: the extension has mapped it.
        with open(path, "r+b") as file:
            file.write(bytes([flags]))

    fail(flags)
    try:
        yield
    finally:
        fail(0)


@pytest.fixture
def faults(tmp_path, faulty_disk, monkeypatch):
    """The file that says how the disk fails."""
    path = tmp_path / "faults"
    path.write_bytes(b"\0")
    monkeypatch.setenv("LD_PRELOAD", faulty_disk)
    monkeypatch.setenv("FAULTS", str(path))
    return path


@pytest.mark.parametrize("spools", [False, True], ids=["idle", "in_an_outage"])
def test_a_disk_that_hangs_holds_up_neither_lines_nor_the_end_while_journald_takes_entries(manager, run, journal, journald, faults, spools):
    extension = run()
    with failing(faults, HANGS):
        # The first one, with which the stream is opened.
        send(manager, "hang", range(5))
        assert entries_of(journal, "hang", 0) == list(range(5))
        if spools:
            journald.leave()
            caller = threading.Thread(target=swallow, args=(manager,))
            caller.start()
            time.sleep(0.3)
        extension.process.terminate()
        # A second, a bit of which is the server's; before, it did not end.
        assert extension.process.wait(5) == 0
    if spools:
        caller.join(5)
        assert not caller.is_alive()


def swallow(manager):
    """A call that is not answered."""
    with contextlib.suppress(Exception):
        manager.result(text("hang", 0, 5))


def test_a_torn_entry_on_a_full_disk_stops_nothing(manager, run, journal, journald, tmp_path):
    with small_disk(tmp_path) as disk:
        env = {**NOW, "OSQUERY_JOURNAL_SPOOL": str(disk / "spool")}
        extension = run(env=env)
        journald.leave()
        send(manager, "torn", range(10))
        assert extension.end(signal.SIGKILL) == -signal.SIGKILL
        for path in (disk / "spool").iterdir():
            content = path.read_bytes()
            position = content.rfind(b'"counter":9')
            if position >= 0:
                path.write_bytes(content[:position] + b"X" + content[position + 1:])
        with contextlib.suppress(OSError), open(disk / "padding", "wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        journald.come_back()
        extension = run(env=env)
        begin = time.monotonic()
        send(manager, "new", range(10))
        assert time.monotonic() - begin < 5
        wait_until(lambda: entries_of(journal, "torn", 0) == list(range(9)), pause=0.1)
        assert entries_of(journal, "new", 0) == list(range(10))
        extension.end()
        assert lost(extension.words()) == 1
        # Nothing comes twice although the disk could not be told.
        run(env=env).end()
        assert entries_of(journal, "torn", 0) == list(range(9))


@pytest.mark.parametrize("flags", [NO_SPACE, BAD_DISK, BAD_FLUSH, BAD_DISK | BAD_FLUSH | NO_TRUNCATE])
def test_with_journald_up_nothing_waits_for_the_disk(manager, run, journal, journald, faults, flags):
    extension = run()
    journald.leave()
    send(manager, "kept", range(200))
    with failing(faults, flags):
        load = Load(manager, callers=2, name="new")
        time.sleep(0.5)
        assert sum(load.acknowledged) == 0
        journald.come_back()
        wait_until(lambda: min(load.acknowledged) > 100)
        load.stop()
        wait_until(lambda: extension.spooled_bytes() == 0)
        assert entries_of(journal, "kept", 0) == list(range(200))
        all_there(journal, load)
        first = journal.entries("OSQUERY_QUERY_NAME=new0")[0]
        last = journal.entries("OSQUERY_QUERY_NAME=kept0")[-1]
        assert int(last["__REALTIME_TIMESTAMP"]) <= int(first["__REALTIME_TIMESTAMP"]), "out of order"
    # The next outage.
    journald.leave()
    send(manager, "next", range(5))
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    replay(run, journald)
    assert entries_of(journal, "next", 0) == list(range(5))
    assert entries_of(journal, "kept", 0) == list(range(200))


class Disk:
    """What is on a disk whose kernel forgets what it could not flush: made of what faulty-disk.c has noted."""

    RECORD = re.compile(rb"(write|cut|flush|fail) (\d+) (\d+) (\d+)\n")

    def __init__(self, trace):
        """Files are told apart by their inodes."""
        self.flushed, cached = {}, {}
        position = 0
        while match := self.RECORD.match(trace, position):
            kind, inode, offset, count = match[1], int(match[2]), int(match[3]), int(match[4])
            position = match.end()
            changes = cached.setdefault(inode, [])
            if kind == b"write":
                changes.append((offset, trace[position:position + count]))
                position += count
            elif kind == b"cut":
                changes.append((offset, None))
            else:
                # After a flush that fails the pages count as clean, and are never written again.
                for change in changes if kind == b"flush" else []:
                    self._apply(inode, *change)
                changes.clear()
        assert position == len(trace)

    def _apply(self, inode, offset, bytes):
        content = self.flushed.setdefault(inode, bytearray())
        if bytes is None:
            del content[offset:]
            content.extend(b"\0" * (offset - len(content)))
            return
        content.extend(b"\0" * (offset - len(content)))
        content[offset:offset + len(bytes)] = bytes

    def write(self, source, directory):
        """Writes those files that have a name in `source`."""
        for entry in os.scandir(source):
            with open(os.path.join(directory, entry.name), "wb") as file:
                file.write(self.flushed.get(entry.inode(), b""))


FAILURES = [
    [BAD_FLUSH], [BAD_FLUSH, BAD_DISK], [BAD_FLUSH, BAD_DISK | BAD_FLUSH | NO_TRUNCATE, BAD_FLUSH], [NO_SPACE, BAD_FLUSH],
    [BAD_FROM_FLUSH], [BAD_FROM_FLUSH, BAD_FLUSH], [HALF_WRITES | NO_TRUNCATE], [HALF_WRITES | NO_TRUNCATE, BAD_FROM_FLUSH]]


@pytest.mark.parametrize("failures", FAILURES)
@pytest.mark.parametrize("count", [3, 70])
def test_after_failed_flushes_a_power_cut_costs_nothing_acknowledged(
        manager, run, journal, journald, faults, tmp_path, monkeypatch, failures, count):
    """`count` entries before: the second time the WAL has been written back, and begun anew."""
    trace = tmp_path / "trace"
    trace.write_bytes(b"")
    monkeypatch.setenv("TRACE", str(trace))
    extension = run(env={**NOW, "OSQUERY_EXTENSION_SANDBOX": "0"})
    journald.leave()
    send(manager, "power", range(count))
    held = []
    for index, flags in enumerate(failures):
        with failing(faults, flags):
            load = Load(manager, name=f"held{index}-")
            held.append(load)
            time.sleep(0.3)
            assert load.acknowledged == [0]
        wait_until(lambda: load.acknowledged[0] > 0)
        load.stop()
        send(manager, "power", range(count, count + 2))
        count += 2
    extension.end(signal.SIGKILL)
    after = tmp_path / "after"
    after.mkdir(mode=0o700)
    Disk(trace.read_bytes()).write(extension.spool, after)
    monkeypatch.delenv("TRACE")
    replay(run, journald, env={**NOW, "OSQUERY_JOURNAL_SPOOL": str(after)})
    assert entries_of(journal, "power", 0) == list(range(count))
    for load in held:
        numbers = entries_of(journal, load.name, 0)
        # One that was not answered may be there, too.
        assert numbers[:load.acknowledged[0]] == list(range(load.acknowledged[0]))


# Files of version 0.1.0.


@pytest.mark.parametrize("flip", [None, 200, 1000])
def test_files_of_version_0_1_0_are_replayed_once(manager, run, journal, journald, tmp_path, flip):
    fixtures = os.path.join(os.path.dirname(__file__), "fixtures/spool-0.1.0")
    directory = tmp_path / "spool"
    shutil.copytree(fixtures, directory)
    directory.chmod(0o700)
    expected = json.load(open(fixtures + ".json"))
    if flip:
        [path] = directory.glob("spool-*")
        content = bytearray(path.read_bytes())
        content[flip] ^= 1
        path.write_bytes(content)
    listed = subprocess.run([EXTENSION, "spool", "list", "--directory", directory], capture_output=True, text=True, check=True).stdout
    assert f"{len(expected)} entries" in listed or flip
    words = replay(run, journald)
    texts = [text_of(entry["MESSAGE"]) for entry in journal.entries("SYSLOG_IDENTIFIER=osqueryd")]
    messages = [text if isinstance(text, str) else text.decode() for text in texts]
    assert [message for message in expected if message in messages] == messages
    assert len(expected) - len(messages) == lost(words)
    assert lost(words) > 0 if flip else messages == expected
    assert {name for name in os.listdir(directory) if not name.startswith("damaged-")} == {"stream"} | {
        name for name in os.listdir(directory) if ".db" in name}
    before = len(messages)
    replay(run, journald)
    assert len(journal.entries("SYSLOG_IDENTIFIER=osqueryd")) == before


def test_what_cannot_be_read_for_a_moment_is_not_taken_for_replayed(manager, run, journal, journald, tmp_path):
    """Two segments of version 0.1.0, of which the second one is away when it is its turn."""
    fixtures = os.path.join(os.path.dirname(__file__), "fixtures/spool-0.1.0")
    directory = tmp_path / "spool"
    shutil.copytree(fixtures, directory)
    directory.chmod(0o700)
    expected = json.load(open(fixtures + ".json"))
    [first] = directory.glob("spool-*")
    content = first.read_bytes()
    heads = [match for match in re.finditer(rb"__CURSOR=tutorial-extension;i=(\w{16})", content)]
    middle = heads[len(heads) // 2]
    second = directory / f"spool-{middle[1].decode()}.export"
    first.write_bytes(content[:middle.start()])
    second.write_bytes(content[middle.start():])
    journald.leave()
    extension = run()
    os.rename(second, tmp_path / "away")
    journald.come_back()
    wait_until(lambda: "cannot be read now" in extension.words())
    os.rename(tmp_path / "away", second)
    wait_until(lambda: extension.spooled_bytes() == 0, 15)
    assert len(journal.entries("SYSLOG_IDENTIFIER=osqueryd")) == len(expected)
    assert extension.end() == 0


def test_numbers_of_version_0_1_0_that_make_no_sense(manager, run, journal, journald):
    first = run()
    assert first.end() == 0
    for name in ("spool-0000000000000001.export", "spool-ffffffffffffffff.export"):
        with open(os.path.join(first.spool, name), "wb") as file:
            file.write(b"garbage" * 100)
    subprocess.run([EXTENSION, "spool", "list", "--directory", first.spool], check=True)
    assert lost(replay(run, journald)) == 2


# Several faults at once.


class OwnJournald:
    """A socket of ours in place of journald's, which takes an entry when it is told to: what is in its queue holds up the rest."""

    def __init__(self, journald):
        os.unlink(journald.SOCKET + ".away")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(journald.SOCKET)
        self.socket.settimeout(3)
        self.names = []

    def take(self):
        data, ancillary, _, _ = self.socket.recvmsg(1 << 20, 4096)
        for level, kind, value in ancillary:
            if kind == socket.SCM_RIGHTS:
                [file] = array.array("i", value)
                data = os.pread(file, 1 << 24, 0)
                os.close(file)
        self.names.append(re.search(rb"OSQUERY_QUERY_NAME=(\w+)", data)[1].decode())


def test_what_a_failed_commit_leaves_in_the_wal_does_not_cover_what_follows(manager, run, journal, journald, faults):
    """The commit of a large entry and a smaller one fails. journald takes the large one, and stalls; the commit of the smaller one then
    takes the place of the first frames, and the rest of the failed ones are of pages that it has written, too.

    Entries without numbers are forgotten before the replay waits for journald, which makes room in the middle of the database."""
    extension = run(env=UNNUMBERED)
    journald.leave()

    def put(name, size=10):
        manager.result(f'{{"name":"{name}","counter":0,"columns":{{"x":"{"p" * size}"}}}}')

    def start(name, size):
        thread = threading.Thread(target=put, args=(name, size))
        thread.start()
        time.sleep(0.4)
        return thread

    # Pages in the middle of the database become free, and others stay in use.
    put("first", 100_000)
    for number in range(12):
        put(f"a{number}")
    put("second", 38_000)
    for number in range(12):
        put(f"b{number}")
    own = OwnJournald(journald)
    time.sleep(1.5)
    put("third", 100_000)
    for number in range(12):
        put(f"c{number}")
    while "second" not in own.names:
        own.take()
        time.sleep(0.05)
    time.sleep(1.5)
    with failing(faults, BAD_FLUSH):
        large = start("large", 120_000)
        small = start("small", 20_000)
        while large.is_alive() and "c2" not in own.names:
            own.take()
            large.join(0.05 if "third" not in own.names else 1.6)
        assert small.is_alive() and not large.is_alive()
    small.join(10)
    assert not small.is_alive()
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    own.socket.close()
    os.unlink(journald.SOCKET)
    journald.start()
    wait_until(lambda: os.path.exists(journald.SOCKET))
    words = replay(run, journald)
    assert len(journal.entries("OSQUERY_QUERY_NAME=small")) == 1
    assert lost(words) == 0


def test_a_replay_of_a_damaged_spool_goes_on_where_it_was(manager, run, journal, journald):
    extension = run()
    journald.leave()
    count, batch = 20_000, 2000
    for first in range(0, count, batch):
        manager.status("[" + ",".join(f'{{"s":0,"i":{n},"h":"damaged"}}' for n in range(first, first + batch)) + "]")
    assert extension.end() == 0
    for entry in list(os.scandir(extension.spool)):
        with open(entry.path, "r+b") as file:
            position = file.read().find(b"CODE_LINE=100\n")
            if position >= 0:
                file.seek(position)
                file.write(b"X")
    extension = run()
    journald.come_back()
    wait_until(lambda: int(manager.generate("journal_logger")[0]["entries_replayed"]) > 3000, 20, 0.001)
    assert extension.end() == 0
    assert int(lost(extension.words())) == 1
    replay(run, journald)
    numbers = [int(entry["CODE_LINE"]) for entry in journal.entries("OSQUERY_HOST_IDENTIFIER=damaged")]
    assert numbers == [number for number in range(count) if number != 100]


def test_a_commit_that_failed_before_the_directory_was_replaced_comes_once(manager, run, journal, journald, faults):
    extension = run(env={**NOW, "OSQUERY_EXTENSION_SANDBOX": "0"})

    def lines(numbers):
        return "[" + ",".join(f'{{"s":0,"i":{number},"h":"once"}}' for number in numbers) + "]"

    journald.leave()
    manager.status(lines(range(5)))
    with failing(faults, BAD_FLUSH):
        call = threading.Thread(target=manager.status, args=(lines(range(5, 205)),))
        call.start()
        time.sleep(0.5)
        assert call.is_alive()
        os.rename(extension.spool, extension.spool + ".old")
        os.mkdir(extension.spool, 0o700)
    call.join(30)
    assert not call.is_alive()
    manager.status(lines([205]))
    journald.come_back()
    wait_until(lambda: extension.spooled_bytes() == 0, 20)
    assert [int(entry["CODE_LINE"]) for entry in journal.entries("OSQUERY_HOST_IDENTIFIER=once")] == list(range(206))


def test_what_could_not_be_opened_at_the_start_is_replayed_later(manager, run, journal, journald, tmp_path):
    with small_disk(tmp_path) as disk:
        env = {**NOW, "OSQUERY_JOURNAL_SPOOL": str(disk / "spool")}
        extension = run(env=env)
        journald.leave()
        send(manager, "later", range(5))
        assert extension.end() == 0
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        journald.come_back()
        extension = run(env=env)
        time.sleep(0.7)
        assert entries_of(journal, "later", 0) == []
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        wait_until(lambda: entries_of(journal, "later", 0) == list(range(5)), 15, 0.2)
        assert extension.end() == 0


def test_an_entry_that_can_never_fit_is_in_no_ones_way(manager, run, journal, journald):
    extension = run(env={**NOW, "OSQUERY_JOURNAL_SPOOL_MAX": "1M"})
    journald.leave()
    manager.result(f'{{"name":"large","columns":{{"x":"{"x" * 3_000_000}"}}}}')
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    replay(run, journald)
    assert len(journal.entries("OSQUERY_QUERY_NAME=large")) == 1


def test_restarts_in_an_outage_go_on_in_one_database(manager, run, journal, journald):
    journald.leave()
    for number in range(30):
        extension = run()
        send(manager, "restart", [number])
        assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    assert len([name for name in os.listdir(extension.spool) if name.endswith(".db")]) == 1
    replay(run, journald)
    assert entries_of(journal, "restart", 0) == list(range(30))


def variable_length(number):
    """A number as SQLite writes it into a row."""
    bytes_ = [number & 0x7F]
    while number := number >> 7:
        bytes_.insert(0, number & 0x7F | 0x80)
    return bytes(bytes_)


@pytest.mark.parametrize("size", [1 << 18, 1 << 20])
def test_a_value_full_of_what_looks_like_rows_costs_no_time(manager, run, journal, journald, size):
    """Each of them says that it goes on over all pages of the value. It took a minute and more."""
    # What of a row of this length is on its own page, and how much on each page that follows (sqlite.org/fileformat2.html).
    local, page = 489, 4092
    length = local + page * (size // page - 2)
    header = variable_length(length) + variable_length(9) + b"\x09\x00\x08\x08"
    header += variable_length(12 + 2 * (length - 9)).rjust(5, b"\x80")
    # After the part on its own page comes the number of the next one: so far from the beginning of some later row.
    start = len(header) - 9
    padding = next(n for n in range(4, 60) if len(header) <= (start + local) % (len(header) + n) <= len(header) + n - 4)
    link = (start + local) % (len(header) + padding)
    row = (header + bytes(link - len(header)) + struct.pack(">I", 4)).ljust(len(header) + padding, b"\1")
    text = (row * (size // len(row) + 1))[:size]
    extension = run()
    journald.leave()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(manager.extension_path)
        field = lambda kind, number: bytes([kind, 0, number])
        string = lambda value: struct.pack(">i", len(value)) + value
        client.sendall(
            struct.pack(">I", 0x80010001) + string(b"call") + struct.pack(">i", 0) + field(11, 1) + string(b"logger") + field(11, 2)
            + string(b"journal") + field(13, 3) + b"\x0b\x0b" + struct.pack(">i", 2) + string(b"category") + string(b"event")
            + string(b"string") + string(text) + b"\0")
        assert client.recv(4096)
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    command = [EXTENSION, "spool", "list", "--directory", extension.spool]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    assert "\t2 entries\t" in listed
    replay(run, journald)
    assert len(journal.entries("OSQUERY_LOG_TYPE=string")) == 1


# Looking at it.


def test_a_database_that_sqlite3_has_open_is_left_to_it(manager, run, journal, journald):
    extension = run()
    journald.leave()
    send(manager, "open", range(3))
    assert extension.end() == 0
    path = file_of(extension, ".db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN")
        assert database.execute("SELECT count(*) FROM entries WHERE number > 2").fetchone() == (5,)
        second = run()
        send(manager, "open", range(3, 6))
        journald.come_back()
        wait_until(lambda: entries_of(journal, "open", 0) == [3, 4, 5], pause=0.1)
        assert "Another process uses the spool's directory" in second.words()
        assert database.execute("SELECT count(*) FROM entries WHERE number > 2").fetchone() == (5,)
    wait_until(lambda: sorted(entries_of(journal, "open", 0)) == list(range(6)), pause=0.1)
    assert second.end() == 0
