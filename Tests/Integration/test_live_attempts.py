"""What osqueryd is asked, how often, and what becomes of queries that end it."""

import json
import os

import pytest
from livequeries import put, queries, result, write


def deny(manager, name):
    """What osqueryd answers when its worker has ended while it ran a query (osquery: distributed.cpp, runQueries)."""
    write(manager, queries={name: []}, statuses={name: 1}, messages={name: "distributed query is denylisted"})


def test_a_discovery_query_is_asked_first(manager, directory, folder):
    put(folder, "a.json", json.dumps({"query": "SELECT 1", "discovery": "SELECT 2", "platform": "linux"}))
    put(folder, "b.sql", "SELECT 3")
    put(folder, "c.json", json.dumps({"query": "SELECT 4", "discovery": "SELECT 5"}))
    put(folder, "d.json", json.dumps({"query": "SELECT 6", "discovery": "SELECT 7 FROM nosuch"}))
    asked = {"a~discovery": "SELECT 2", "b": "SELECT 3", "c~discovery": "SELECT 5", "d~discovery": "SELECT 7 FROM nosuch"}
    assert queries(manager) == {"queries": asked}
    write(
        manager,
        queries={"a~discovery": [], "b": [], "c~discovery": [{"5": "5"}], "d~discovery": []},
        statuses={"a~discovery": 0, "b": 0, "c~discovery": 0, "d~discovery": 1},
        messages={"d~discovery": "no such table: nosuch"})
    assert (result(folder, "a")["status"], result(folder, "a")["rows"]) == (1, [])
    assert "The discovery query returned no rows" in result(folder, "a")["message"]
    assert result(folder, "b")["status"] == 0
    assert result(folder, "d")["status"] == 1
    assert result(folder, "d")["message"].startswith("The discovery query failed") and "nosuch" in result(folder, "d")["message"]
    assert queries(manager) == {"queries": {"c": "SELECT 4"}}
    write(manager, queries={"c": [{"4": "4"}]}, statuses={"c": 0})
    assert (result(folder, "c")["query"], result(folder, "c")["rows"]) == ("SELECT 4", [{"4": "4"}])
    assert sorted(os.listdir(folder / "results")) == ["a.json", "b.json", "c.json", "d.json"]
    assert queries(manager) == {"queries": {}}


@pytest.mark.parametrize("interval, accelerate", [("60", {"accelerate": 60}), ("2", {})])
def test_a_discovery_query_does_not_cost_another_interval(manager, start, folder, interval, accelerate):
    manager.flags["distributed_interval"] = interval
    start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})
    put(folder, "a.json", json.dumps({"query": "SELECT 1", "discovery": "SELECT 2"}))
    assert queries(manager) == {"queries": {"a~discovery": "SELECT 2"}, **accelerate}
    write(manager, queries={"a~discovery": [{"2": "2"}]}, statuses={"a~discovery": 0})
    assert queries(manager) == {"queries": {"a": "SELECT 1"}}


def test_a_query_whose_worker_was_killed_is_tried_once_more(manager, directory, folder, journal):
    put(folder, "slow.sql", "SELECT 1")
    for _ in range(2):
        assert queries(manager) == {"queries": {"slow": "SELECT 1"}}
    deny(manager, "slow")
    assert os.listdir(folder / "results") == []
    # osqueryd refuses the text, so another name would not do.
    assert queries(manager) == {"queries": {"slow~2": " SELECT 1"}}
    write(manager, queries={"slow~2": [{"1": "1"}]}, statuses={"slow~2": 0})
    got = result(folder, "slow")
    assert (got["name"], got["query"], got["status"], got["rows"]) == ("slow", "SELECT 1", 0, [{"1": "1"}])
    # What had no reply osqueryd sends again.
    deny(manager, "slow")
    write(manager, queries={"slow~2": [{"1": "1"}], "slow": []}, statuses={"slow~2": 0, "slow": 1})
    assert result(folder, "slow") == got
    assert os.listdir(folder / "results") == ["slow.json"] and os.listdir(folder / "done") == ["slow.sql"]
    assert len(journal.entries("OSQUERY_LOG_TYPE=distributed")) == 1
    assert queries(manager) == {"queries": {}}


def test_a_query_that_kills_its_worker_again_is_answered_with_that(manager, directory, folder):
    put(folder, "deadly.json", json.dumps({"query": "SELECT 1", "discovery": "SELECT 2"}))
    queries(manager)
    deny(manager, "deadly~discovery")
    assert queries(manager) == {"queries": {"deadly~discovery~2": " SELECT 2"}}
    write(manager, queries={"deadly~discovery~2": [{"2": "2"}]}, statuses={"deadly~discovery~2": 0})
    assert queries(manager) == {"queries": {"deadly": "SELECT 1"}}
    deny(manager, "deadly")
    assert queries(manager) == {"queries": {"deadly~2": " SELECT 1"}}
    deny(manager, "deadly~2")
    assert result(folder, "deadly")["message"].startswith("distributed query is denylisted: ")
    assert queries(manager) == {"queries": {}}


def test_what_is_counted_outlives_the_extension(manager, start, folder):
    def restart():
        manager.extensions_by_uuid.clear()
        return start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})

    put(folder, "deadly.sql", "SELECT 1")
    put(folder, "slow.json", json.dumps({"query": "SELECT 2", "discovery": "SELECT 3"}))
    first = restart()
    assert set(queries(manager)["queries"]) == {"deadly", "slow~discovery"}
    write(manager, queries={"slow~discovery": [{"3": "3"}]}, statuses={"slow~discovery": 0})
    assert set(queries(manager)["queries"]) == {"deadly", "slow"}
    deny(manager, "slow")
    first.end(9)
    second = restart()
    assert queries(manager) == {"queries": {"deadly": "SELECT 1", "slow~2": " SELECT 2"}}
    second.end(9)
    restart()
    # A result is taken by another process than the one that asked.
    write(manager, queries={"slow~2": [{"2": "2"}]}, statuses={"slow~2": 0})
    assert (result(folder, "slow")["query"], result(folder, "slow")["rows"]) == ("SELECT 2", [{"2": "2"}])
    assert (folder / "done" / "slow.json").exists()
    assert queries(manager) == {"queries": {}}
    assert "3 times" in result(folder, "deadly")["message"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x.sql":{"count":-1}}', '{"x.sql":7,"../x.sql":{}}', "\0" * 5000])
def test_a_broken_count_begins_anew(manager, start, folder, text):
    (folder / ".attempts").write_text(text)
    put(folder, "x.sql", "SELECT 1")
    start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})
    for _ in range(3):
        assert queries(manager) == {"queries": {"x": "SELECT 1"}}
    assert queries(manager) == {"queries": {}}


def test_a_crash_in_between_runs_it_again_but_not_for_ever(manager, directory, folder):
    put(folder, "deadly.sql", "SELECT 1")
    for _ in range(3):
        assert "deadly" in queries(manager)["queries"]
    assert queries(manager) == {"queries": {}}
    assert "3 times" in result(folder, "deadly")["message"]
    assert (folder / "done" / "deadly.sql").exists()


def test_our_own_end_in_between_runs_it_again(manager, start, folder):
    environment = {"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)}
    first = start(env=environment)
    put(folder, "twice.sql", "SELECT 1")
    assert "twice" in queries(manager)["queries"]
    first.end(9)
    manager.extensions_by_uuid.clear()
    start(env=environment)
    assert "twice" in queries(manager)["queries"]
