"""What was sent to journald's socket is not yet in the journal: entries are numbered, and the replay looks for each in the journal before
the spool forgets it."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections import Counter

import pytest
from conftest import Journald, preloaded, text_of
from load import CLOSED, FAST, NOW, OPENED, Load, entries_of, send
from osqueryd import wait_until

CONFIGURATION = "/run/systemd/journald.conf.d/zz-test.conf"
VARLINK = "/run/systemd/journal/io.systemd.journal"


@contextlib.contextmanager
def configured(journald, *settings):
    """journald with other settings, from its next start on."""
    with open(CONFIGURATION, "w") as file:
        file.write("\n".join(["[Journal]", *settings, ""]))
    try:
        yield
    finally:
        os.unlink(CONFIGURATION)
        restart(journald)


def restart(journald):
    if os.path.exists(Journald.SOCKET + ".away"):
        os.unlink(Journald.SOCKET + ".away")
    else:
        journald.kill()
    journald.start()
    wait_until(lambda: subprocess.run(["journalctl", "--sync"], capture_output=True).returncode == 0, 20, 0.05)


def replayed(extension, timeout=30):
    wait_until(lambda: extension.spooled_bytes() == 0, timeout, 0.05)


# Numbers.


def numbers(journal, *matches):
    """The stream and the number of each entry with a log of osqueryd's, in the order of the journal."""
    entries = journal.entries(*matches)
    return [(entry["OSQUERY_STREAM"], int(entry["OSQUERY_SEQUENCE"])) for entry in entries if "OSQUERY_LOG_TYPE" in entry]


def test_entries_are_numbered_in_the_order_of_acknowledgement_whichever_way_they_come(manager, run, journal, journald):
    extension = run()
    send(manager, "order", range(20))
    manager.status(json.dumps([{"s": 0, "f": "a", "i": n, "m": "m"} for n in range(5)]))
    journald.leave()
    send(manager, "order", range(20, 40))
    manager.logger(snapshot=json.dumps({"name": "large", "snapshot": [{"x": "y" * 200_000}]}))
    journald.come_back()
    replayed(extension)
    send(manager, "order", range(40, 60))
    assert extension.end() == 0
    found = numbers(journal)
    assert len({stream for stream, _ in found}) == 1 and re.fullmatch("[0-9a-f]{32}", found[0][0])
    assert [number for _, number in found] == list(range(1, 20 + 5 + 20 + 1 + 20 + 1))


def test_each_process_opens_a_stream_that_names_the_one_before_and_closes_it(manager, run, journal, journald):
    lasts = []
    for count, number in ((3, signal.SIGTERM), (5, signal.SIGTERM), (2, signal.SIGKILL), (1, signal.SIGTERM)):
        extension = run()
        send(manager, "stream", range(count))
        extension.end(number)
        lasts.append(count)
    opened = journal.entries(f"MESSAGE_ID={OPENED}")
    closed = journal.entries(f"MESSAGE_ID={CLOSED}")
    streams = [entry["OSQUERY_STREAM"] for entry in opened]
    assert len(set(streams)) == 4
    assert [entry.get("OSQUERY_STREAM_PREVIOUS") for entry in opened] == [None, *streams[:3]]
    # Nobody knows how far one came that was killed.
    assert [entry.get("OSQUERY_STREAM_PREVIOUS_LAST") for entry in opened] == [None, "3", "5", None]
    assert [(entry["OSQUERY_STREAM"], entry["OSQUERY_STREAM_LAST"]) for entry in closed] == [
        (streams[0], "3"), (streams[1], "5"), (streams[3], "1")]
    assert not any("OSQUERY_LOG_TYPE" in entry or "OSQUERY_SEQUENCE" in entry for entry in opened + closed)


def test_two_processes_with_one_directory_name_no_predecessor_that_still_runs(manager, run, journal):
    first = run()
    send(manager, "one", [0])
    second = run()
    send(manager, "two", [0])
    assert first.end() == second.end() == 0
    assert [entry.get("OSQUERY_STREAM_PREVIOUS") for entry in journal.entries(f"MESSAGE_ID={OPENED}")] == [None, None]


def test_a_process_that_logs_nothing_opens_no_stream(manager, run, journal):
    assert run().end() == 0
    assert journal.entries(f"MESSAGE_ID={OPENED}") == journal.entries(f"MESSAGE_ID={CLOSED}") == []


def test_numbers_can_be_turned_off(manager, run, journal, journald):
    extension = run(env={**NOW, "OSQUERY_JOURNAL_SEQUENCE": "0"})
    send(manager, "plain", range(5))
    journald.leave()
    send(manager, "plain", range(5, 300))
    journald.come_back()
    replayed(extension)
    assert extension.end() == 0
    entries = [*journal.entries("OSQUERY_LOG_TYPE=string"), *journal.entries(f"_PID={extension.pid}")]
    assert not any(name.startswith(("OSQUERY_STREAM", "OSQUERY_SEQUENCE")) for entry in entries for name in entry)
    assert entries_of(journal, "plain", 0) == list(range(300))


# Kills.


def assert_is_unfinished(journal, name, number):
    """Of the two entries of this number, journald was killed while it wrote the first: that one does not come up under all of its fields."""
    [first, second] = [entry for entry in journal.entries(f"OSQUERY_QUERY_NAME={name}") if entry["OSQUERY_COUNTER"] == str(number)]

    def comes_up(entry):
        fields = [f"{field}={entry[field]}" for field in ("_SOURCE_REALTIME_TIMESTAMP", "OSQUERY_SEQUENCE")]
        return all(entry["__CURSOR"] in [found["__CURSOR"] for found in journal.entries(field)] for field in fields)

    assert (comes_up(first), comes_up(second)) == (False, True)


@pytest.mark.parametrize("is_held", [False, True], ids=["the_queue_goes_with_it", "the_queue_outlives_it"])
def test_journald_killed_in_the_middle_of_25_replays_costs_and_doubles_nothing(manager, run, journal, journald, is_held):
    generator = random.Random(14)
    if is_held:
        journald.hold_socket()
    extension = run()
    total = 0
    straight = set()
    for _ in range(25):
        if is_held:
            before = int(manager.generate("journal_logger")[0]["entries_sent"])
            os.kill(journald.pid, signal.SIGSTOP)
            # More than its socket's queue takes.
            count = 900
        else:
            journald.leave()
            count = 400
        send(manager, "kill", range(total, total + count))
        if is_held:
            sent = int(manager.generate("journal_logger")[0]["entries_sent"]) - before
            assert sent < count / 2
            straight |= set(range(total, total + sent))
        total += count
        if is_held:
            os.kill(journald.pid, signal.SIGCONT)
        else:
            journald.come_back()
        time.sleep(generator.uniform(0, 0.03))
        journald.kill()
        journald.start()
        replayed(extension)
    found = entries_of(journal, "kill", 0)
    # What journald had read and not written when it was killed, no sender can know of, where it went straight there.
    lost = set(range(total)) - set(found)
    assert lost <= straight and len(lost) <= 25
    there = [number for number in range(total) if number not in lost]
    doubled = [number for number, count in Counter(found).items() if count > 1]
    for number in doubled:
        found.remove(number)
        assert_is_unfinished(journal, "kill0", number)
    # At most one a kill. Where there was one, the entry that is whole comes later.
    assert len(doubled) <= 25
    # One that journald had read and that comes again comes after what was in the queue.
    assert sorted(found) == there if is_held else found == there
    assert extension.end() == 0


def test_the_extension_killed_in_the_middle_of_30_replays_doubles_nothing(manager, run, journal, journald):
    generator = random.Random(15)
    extension = run()
    total = 0
    interrupted = 0
    for _ in range(30):
        journald.leave()
        send(manager, "kill", range(total, total + 400))
        total += 400
        journald.come_back()
        time.sleep(generator.uniform(0, 0.02))
        interrupted += extension.spooled_bytes() > 0
        assert extension.end(signal.SIGKILL) == -signal.SIGKILL
        extension = run()
        replayed(extension)
    assert interrupted > 1
    assert entries_of(journal, "kill", 0) == list(range(total))
    assert extension.end() == 0


def test_what_a_killed_extension_left_in_the_queue_of_a_journald_that_stands_still_is_not_sent_again(manager, run, journal, journald):
    extension = run()
    journald.leave()
    send(manager, "queue", range(500))
    journald.come_back()
    # At once, so that the replay fills the queue.
    os.kill(journald.pid, signal.SIGSTOP)
    time.sleep(0.3)
    assert extension.spooled_bytes() > 0
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    extension = run()
    time.sleep(0.5)
    os.kill(journald.pid, signal.SIGCONT)
    replayed(extension)
    assert entries_of(journal, "queue", 0) == list(range(500))
    assert extension.end() == 0


# Durability.


def test_the_journal_is_flushed_between_the_last_send_of_a_batch_and_its_deletion(manager, run, journal, journald, tmp_path):
    trace = tmp_path / "trace"
    wrapper = ["strace", "-D", "-f", "-qq", "-y", "-s", "300", "-e", "trace=sendmsg,fsync,pwrite64", "-e", "signal=none", "-o", trace]
    extension = run(wrapper=wrapper)
    batches = 100
    for batch in range(batches):
        os.kill(journald.pid, signal.SIGSTOP)
        first = batch * 300
        # journald's queue takes some of them.
        send(manager, "flush", range(first, first + 300))
        os.kill(journald.pid, signal.SIGCONT)
        replayed(extension)
    manager.shutdown()
    extension.process.wait(10)
    assert entries_of(journal, "flush", 0) == list(range(batches * 300))

    # What is left of the trace of each thread: s an entry sent, j a file of the journal flushed, d the spool's database written.
    events = {}
    for line in trace.read_text().splitlines():
        pid, call = line.split(maxsplit=1)
        if call.startswith("sendmsg(") and "OSQUERY" in call:
            event = "s"
        elif call.startswith("fsync(") and re.search(r"journal/.*\.journal~?>\) = 0", call):
            event = "j"
        elif call.startswith("pwrite64(") and "-wal>" in call:
            event = "d"
        else:
            continue
        events[pid] = events.get(pid, "") + event
    # A thread for each replay: what it writes to the database is what it deletes.
    replays = [events[pid] for pid in events if "j" in events[pid]]
    deletions = sum(len(re.findall("s+j+d", replay)) for replay in replays)
    assert deletions >= batches
    assert not any(re.search("sd", replay) for replay in replays), "deleted, and not flushed"


# What does not arrive.


def test_entries_that_journalds_full_disk_dropped_are_sent_again(manager, run, journal, journald):
    journald.leave()
    extension = run()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=20m", "tmpfs", "/run/log/journal"], check=True)
    try:
        with configured(journald, "RuntimeMaxUse=18M", "RuntimeKeepFree=1M", "RuntimeMaxFileSize=8M"):
            journald.come_back()
            send(manager, "full", [0])
            wait_until(lambda: entries_of(journal, "full", 0) == [0])
            fill = "/run/log/journal/fill"
            os.kill(journald.pid, signal.SIGSTOP)
            subprocess.run(["dd", "if=/dev/zero", f"of={fill}", "bs=4k"], stderr=subprocess.DEVNULL)
            # Random, so that the journal cannot make it smaller.
            noise = [os.urandom(25_000).hex() for _ in range(400)]
            for number, value in enumerate(noise, start=1):
                manager.result(f'{{"name":"full0","counter":{number},"columns":{{"x":"{value}"}}}}')
            before = {int(row["entries_sent"]) for row in manager.generate("journal_logger")}
            os.kill(journald.pid, signal.SIGCONT)
            wait_until(lambda: "not in the journal" in extension.words(), 20)
            # What follows waits with it.
            send(manager, "full", range(401, 410))
            assert extension.spooled_bytes() > 0
            subprocess.run(["mount", "-o", "remount,size=200m", "/run/log/journal"], check=True)
            with open(CONFIGURATION, "w") as file:
                file.write("[Journal]\nRuntimeMaxUse=180M\nRuntimeKeepFree=1M\n")
            restart(journald)
            replayed(extension, 60)
            found = entries_of(journal, "full", 0)
            assert sorted(set(found)) == sorted(found)
            # What went straight to journald before it stood still may be lost: no sender can know.
            missing = set(range(410)) - set(found)
            assert missing <= set(range(1, max(before) + 1)), (missing, before)
    finally:
        subprocess.run(["umount", "-l", "/run/log/journal"], check=True)
        restart(journald)


def test_a_journal_that_holds_less_than_the_spool_ends_the_replay_all_the_same(manager, run, journal, journald):
    """journald removes what came first to make room for the rest: that has arrived, though it is no longer there."""
    extension = run()
    journald.leave()
    for number in range(600):
        manager.result(f'{{"name":"small0","counter":{number},"columns":{{"x":"{os.urandom(20_000).hex()}"}}}}')
    with configured(journald, "RuntimeMaxUse=8M", "RuntimeMaxFileSize=1M"):
        journald.come_back()
        replayed(extension, 60)
        found = entries_of(journal, "small", 0)
        assert 0 < len(found) < 600 and found == list(range(600 - len(found), 600))
    assert "not in the journal" not in extension.words()


def test_an_entry_that_fits_into_no_file_of_the_journal_is_logged_without_its_large_fields(manager, run, journal, journald):
    extension = run()
    journald.leave()
    send(manager, "before", [0])
    value = os.urandom(1_500_000).hex()
    manager.logger(snapshot=f'{{"name":"giant","counter":7,"snapshot":[{{"x":"{value}"}}]}}')
    send(manager, "after", [0])
    with configured(journald, "RuntimeMaxFileSize=1M"):
        journald.come_back()
        replayed(extension, 60)
        [entry] = journal.entries("OSQUERY_QUERY_NAME=giant")
        size = len(f'{{"name":"giant","counter":7,"snapshot":[{{"x":"{value}"}}]}}')
        assert entry["OSQUERY_TRUNCATED"] == f"{size - 4096} of {size} bytes of MESSAGE"
        assert entry["OSQUERY_COUNTER"] == "7" and len(entry["MESSAGE"]) == 4096
        assert entries_of(journal, "before", 0) == entries_of(journal, "after", 0) == [0]
    assert "does not fit into a file of the journal" in extension.words()


@pytest.mark.parametrize("way", ["straight", "by_the_spool"])
def test_no_number_of_decorations_is_poison(manager, run, journal, journald, way):
    extension = run()
    if way == "by_the_spool":
        journald.leave()
    texts = []
    for count in (600, 970, 1300, 5000):
        decorations = {f"d{n}": "a\nb" if n % 100 == 0 else "v" for n in range(count)}
        texts.append(json.dumps({"name": f"many{count}", "counter": 0, "decorations": decorations}))
        manager.result(texts[-1])
    send(manager, "after", range(3))
    if way == "by_the_spool":
        journald.come_back()
        replayed(extension)
    assert entries_of(journal, "after", 0) == [0, 1, 2]
    entries = {name: entry for entry in journal.entries("OSQUERY_LOG_TYPE=string") if (name := entry["OSQUERY_QUERY_NAME"])}
    assert [text_of(entries[f"many{count}"]["MESSAGE"]) for count in (600, 970, 1300, 5000)] == texts
    for count in (600, 970, 1300, 5000):
        entry = entries[f"many{count}"]
        kept = sum(name.startswith("OSQUERY_DECORATION_") for name in entry)
        assert (kept == count) == (count <= 970)
        assert entry.get("OSQUERY_TRUNCATED") == (None if kept == count else f"{count - kept} fields")
        assert kept >= min(count, 970)


# Journals in which nothing can be found.


@pytest.mark.parametrize("storage", ["none", "unreadable", "no_answer"])
def test_where_entries_cannot_be_looked_for_the_spool_does_not_grow_for_ever(manager, run, journal, journald, storage, tmp_path):
    settings = ["Storage=none"] if storage == "none" else []
    with configured(journald, *settings):
        journald.leave()
        options = {}
        if storage == "unreadable":
            subprocess.run(["chmod", "0000", "/run/log/journal"], check=True)
            # Without the capabilities that make root the owner of all.
            options["wrapper"] = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        try:
            extension = run(**options)
            for round in range(3):
                if round > 0:
                    journald.leave()
                send(manager, "unseen", range(round * 100, round * 100 + 100))
                journald.come_back()
                if storage == "no_answer":
                    os.unlink(VARLINK)
                    silent = socket.socket(socket.AF_UNIX)
                    silent.bind(VARLINK)
                    silent.listen(100)
                replayed(extension, 60)
                if storage == "no_answer":
                    silent.close()
                    restart(journald)
            said = extension.words().count("count as logged once systemd-journald has taken them")
            assert said == (0 if storage == "no_answer" else 1), extension.words()
            assert extension.end() == 0
        finally:
            os.chmod("/run/log/journal", 0o755)
        if storage != "none":
            assert entries_of(journal, "unseen", 0) == list(range(300))


def test_what_journald_is_told_not_to_keep_does_not_hold_up_the_rest(manager, run, journal, journald):
    extension = run()
    journald.leave()
    send(manager, "info", range(20))
    manager.status(json.dumps([{"s": 1, "f": "a", "i": n, "m": "warning"} for n in range(20)]))
    with configured(journald, "MaxLevelStore=warning"):
        journald.come_back()
        replayed(extension, 60)
        assert [entry["CODE_LINE"] for entry in journal.entries("OSQUERY_LOG_TYPE=status")] == [str(n) for n in range(20)]
        sent = int(manager.generate("journal_logger")[0]["entries_sent"])
        manager.result("{}")
        assert int(manager.generate("journal_logger")[0]["entries_sent"]) == sent + 1
    assert "MaxLevelStore=" in extension.words()


def test_a_journal_that_is_turned_off_later_does_not_hold_up_the_logs(manager, run, journal, journald):
    extension = run()
    journald.leave()
    send(manager, "seen", range(20))
    journald.come_back()
    replayed(extension)
    journald.leave()
    send(manager, "unseen", range(20))
    with configured(journald, "Storage=none"):
        journald.come_back()
        replayed(extension, 90)
    assert extension.words().count("count as logged once systemd-journald has taken them") == 1


def test_entries_of_another_user_do_not_pass_for_ours(manager, run, journal, journald):
    extension = run()
    send(manager, "forged", [0])
    journald.leave()
    send(manager, "forged", range(1, 11))
    assert extension.end(signal.SIGKILL) == -signal.SIGKILL
    journald.come_back()
    [stream] = {entry["OSQUERY_STREAM"] for entry in journal.entries("OSQUERY_QUERY_NAME=forged0")}
    forge = f"""
import socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
    for number in range(2, 12):
        client.sendto(b"MESSAGE=forged\\nOSQUERY_STREAM={stream}\\nOSQUERY_SEQUENCE=%d\\n" % number, "{Journald.SOCKET}")
"""
    subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", forge], check=True)
    assert len(journal.entries("MESSAGE=forged")) == 10
    replayed(run())
    assert entries_of(journal, "forged", 0) == list(range(11))


# Waiting for journald.


def test_the_table_answers_while_a_call_waits_for_journald(manager, run, journald):
    run(env={"OSQUERY_JOURNAL_WAIT": "20"})
    os.kill(journald.pid, signal.SIGSTOP)
    load = Load(manager, callers=3)
    before = -1
    while before != sum(load.acknowledged):
        before = sum(load.acknowledged)
        time.sleep(0.3)
    # All three wait for journald now.
    begin = time.monotonic()
    [row] = manager.generate("journal_logger")
    assert (int(row["entries_sent"]), int(row["entries_spooled"])) == (before, 0)
    # Before, it waited with the calls, for up to 20 s.
    assert time.monotonic() - begin < 10
    assert sum(load.acknowledged) == before
    os.kill(journald.pid, signal.SIGCONT)
    load.stop()
    assert load.failures == []


@pytest.mark.parametrize("size", [100, 200_000])
def test_it_ends_though_journald_stands_still_with_a_full_queue(manager, run, journal, journald, size):
    padding = "x" * size
    total = 0
    for _ in range(5):
        extension = run(env=FAST)
        journald.leave()
        for number in range(total, total + 40):
            manager.result(f'{{"name":"still0","counter":{number},"columns":{{"x":"{padding}"}}}}')
        journald.come_back()
        os.kill(journald.pid, signal.SIGSTOP)
        for number in range(total + 40, total + 400):
            manager.result(f'{{"name":"still0","counter":{number},"columns":{{"x":"{padding[:1000]}"}}}}')
        total += 400
        # It hung for as long as journald stood still; a second is the bound, and the machine may be slow.
        begin = time.monotonic()
        assert extension.end() == 0
        assert time.monotonic() - begin < 8
        os.kill(journald.pid, signal.SIGCONT)
    extension = run()
    replayed(extension)
    assert sorted(entries_of(journal, "still", 0)) == list(range(total))
    assert extension.end() == 0


@pytest.fixture
def unavailable(tmp_path):
    """A library to be preloaded: see unavailable.c."""
    return {**NOW, "LD_PRELOAD": preloaded("unavailable.c", tmp_path), "OSQUERY_EXTENSION_SANDBOX": "0"}


def test_an_entry_that_exceeds_the_sockets_buffer_goes_as_a_file(manager, run, journal, unavailable):
    extension = run(env={**unavailable, "SMALL_BUFFER": "8192"})
    before = extension.cpu()
    for number in range(5):
        manager.result(f'{{"name":"buffer0","counter":{number},"columns":{{"x":"{"x" * 40_000}"}}}}')
    assert int(manager.generate("journal_logger")[0]["entries_sent"]) >= 5
    assert entries_of(journal, "buffer", 0) == list(range(5))
    # It had tried for 5 s an entry, without a pause.
    assert extension.cpu() - before < 1


@pytest.mark.parametrize("memfd", [{}, {"NO_MEMFD": "1"}], ids=["memfd", "no_memfd"])
def test_large_entries_survive_a_journald_that_goes_where_there_is_no_inotify(manager, run, journal, journald, unavailable, memfd):
    extension = run(env={**unavailable, **memfd})
    padding = "x" * 100_000
    for number in range(60):
        if number % 20 == 10:
            journald.kill(signal.SIGTERM)
            os.unlink(Journald.SOCKET)
        if number % 20 == 19:
            journald.start()
        manager.result(f'{{"name":"large0","counter":{number},"columns":{{"x":"{padding}"}}}}')
    wait_until(lambda: os.path.exists(Journald.SOCKET))
    replayed(extension)
    assert sorted(entries_of(journal, "large", 0)) == list(range(60))
    assert extension.end() == 0
