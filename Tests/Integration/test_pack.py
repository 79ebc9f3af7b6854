"""The query pack that watches the logger: silent while all is well, and a row for each thing that is not."""

import json
import os

import pytest
from sql import database, keep, rows

PACK = os.path.join(os.path.dirname(__file__), "../../packaging/packs/journal-logger.conf")

with open(PACK, encoding="utf-8") as _file:
    QUERIES = {name: query["query"] for name, query in json.load(_file)["queries"].items()}


def test_it_is_silent_while_all_is_well(manager, extension):
    manager.result("{}")
    logger = database(manager, "journal_logger")
    assert rows(logger, "SELECT entries_sent FROM journal_logger") == [{"entries_sent": 1}]
    for query in QUERIES.values():
        assert rows(logger, query) == []


@pytest.mark.parametrize("name, fault", [
    ("journal_logger_suppressed", "suppressed = 5"),
    ("journal_logger_spooling", "spool_bytes = 9, spool_oldest_age = 61"),
    ("journal_logger_full", "spool_bytes = spool_bytes_max * 9 / 10"),
    ("journal_logger_full", "calls_refused = 1"),
    ("journal_logger_damaged", "damaged = 1"),
])
def test_each_fault_is_a_row(manager, extension, name, fault):
    logger = database(manager, "journal_logger")
    keep(logger, "journal_logger")
    logger.execute(f"UPDATE journal_logger SET {fault}")
    assert len(rows(logger, QUERIES[name])) == 1


def test_logs_that_wait_on_disk_are_a_row(manager, start, journald):
    start(env={"OSQUERY_JOURNAL_WAIT": "0"})
    journald.leave()
    manager.result("{}")
    query = QUERIES["journal_logger_spooling"]
    assert "spool_oldest_age > 60" in query
    assert len(rows(database(manager, "journal_logger"), query.replace("> 60", ">= 0"))) == 1
