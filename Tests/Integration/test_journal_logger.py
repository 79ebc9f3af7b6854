"""The table `journal_logger` tells what has happened."""

import os
import signal
import time

from conftest import Journald
from osqueryd import wait_until
from version import VERSION

RESULT = '{"name":"n","action":"added","columns":{"a":"%d"}}'


def row(manager):
    (row,) = manager.generate("journal_logger")
    return {name: row[name] if name == "version" else int(row[name]) for name in row}


def test_its_columns_are_declared_and_filled(manager, extension):
    routes = manager.registries[manager.uuid]["table"]["journal_logger"]
    declared = {route["name"]: route["type"] for route in routes if route["id"] == "column"}
    assert set(row(manager)) == set(declared) - {"spool_oldest_age"}
    assert {name for name, kind in declared.items() if kind == "TEXT"} == {"version"}
    assert set(declared.values()) == {"BIGINT", "TEXT"}
    assert routes[-1] == {"id": "attributes", "attributes": "0"}


def test_sent_lines_are_counted(manager, extension, journal):
    before = row(manager)
    for number in range(20):
        manager.result(RESULT % number)
    manager.status('[{"s":0,"f":"a.cpp","i":1,"m":"one"},{"s":0,"f":"a.cpp","i":2,"m":"two"}]')
    after = row(manager)
    assert after["entries_sent"] - before["entries_sent"] == 22
    sent = [entry for kind in ("string", "status") for entry in journal.entries(f"OSQUERY_LOG_TYPE={kind}")]
    least = sum(len(entry["MESSAGE"]) for entry in sent)
    assert least < after["bytes_sent"] - before["bytes_sent"] < least + 22 * 1000
    # A ping and a call each: 21 logger calls, and this query.
    assert after["connections"] - before["connections"] == 44
    assert after["registrations"] == 1
    assert after["version"] == VERSION
    assert (after["entries_waited"], after["entries_spooled"], after["damaged"], after["calls_refused"]) == (0, 0, 0, 0)
    assert after["suppressed"] == 0
    assert after["spool_bytes_max"] == 512 << 20
    time.sleep(1.1)
    assert row(manager)["uptime"] > before["uptime"]


def test_spooled_and_replayed_lines_are_counted(manager, extension, journald):
    Journald().leave()
    for number in range(30):
        manager.result(RESULT % number)
    spooled = row(manager)
    assert (spooled["entries_spooled"], spooled["entries_sent"], spooled["entries_replayed"]) == (30, 0, 0)
    # Whole pages, and 30 entries of some 500 bytes with their fields.
    assert spooled["spool_bytes"] % 4096 == 0 and 30 * 400 < spooled["spool_bytes"] < 30 * 1000
    wait_until(lambda: row(manager)["spool_oldest_age"] >= 1)
    Journald().come_back()
    # With the one that opens the stream.
    wait_until(lambda: row(manager)["entries_replayed"] == 31)
    wait_until(lambda: row(manager)["spool_bytes"] == 0)
    assert "spool_oldest_age" not in row(manager)


def test_a_journald_that_stands_still_is_counted(manager, start, journald):
    start(env={"OSQUERY_JOURNAL_WAIT": "0.2"})
    os.kill(journald.pid, 19)
    for number in range(20):
        manager.result(RESULT % number)
    stalled = row(manager)
    assert stalled["entries_waited"] == 1
    assert stalled["entries_sent"] + stalled["entries_spooled"] == 20
    assert stalled["entries_spooled"] > 0


def test_damaged_entries_are_counted(manager, start, journald, tmp_path):
    journald.leave()
    first = start(env={"OSQUERY_JOURNAL_WAIT": "0"})
    for number in range(30):
        manager.result(RESULT % number)
    first.end(signal.SIGKILL)
    for entry in os.scandir(first.spool):
        with open(entry.path, "rb") as file:
            content = file.read()
        with open(entry.path, "wb") as file:
            for number in (7, 9):
                content = content.replace(b'"a":"%d"' % number, b'"a":"x"')
            file.write(content)
    manager.registered.clear()
    start()
    wait_until(lambda: row(manager)["damaged"] == 2)


def test_a_new_registration_is_counted(manager, start):
    start(env={"OSQUERY_EXTENSION": "1"})
    manager.stop()
    manager.extensions_by_uuid.clear()
    manager.start()
    manager.wait_for_registration()
    assert row(manager)["registrations"] == 2
