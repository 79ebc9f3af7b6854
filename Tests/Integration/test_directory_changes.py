"""The distributed plugin `directory` while somebody removes and replaces what is in the directory, or the directory itself."""

import json
import os
import shutil

import pytest
from livequeries import put, queries, result, write


def answer(manager, name, rows=()):
    write(manager, queries={name: list(rows)}, statuses={name: 0})


def names(journal):
    return [entry["OSQUERY_QUERY_NAME"] for entry in journal.entries("OSQUERY_LOG_TYPE=distributed")]


def test_done_may_be_removed(manager, directory, folder, journal):
    put(folder, "x.sql", "SELECT 1")
    assert queries(manager) == {"queries": {"x": "SELECT 1"}}
    shutil.rmtree(folder / "done")
    answer(manager, "x", [{"1": "1"}])
    assert result(folder, "x")["rows"] == [{"1": "1"}]
    assert os.listdir(folder / "done") == ["x.sql"]
    assert queries(manager) == {"queries": {}}
    assert names(journal) == ["x"]
    assert directory.words() == ""


def test_a_file_in_the_place_of_done_is_named(manager, directory, folder):
    assert queries(manager) == {"queries": {}}
    (folder / "done").rmdir()
    (folder / "done").write_text("")
    put(folder, "x.sql", "SELECT 1")
    for _ in range(2):
        assert manager.call("distributed", "directory", {"action": "getQueries"}).status.code == 1
    assert directory.words().count(f"{folder}/done: Not a directory") == 1
    (folder / "done").unlink()
    assert queries(manager) == {"queries": {"x": "SELECT 1"}}


def test_results_may_be_moved_away(manager, directory, folder):
    put(folder, "x.sql", "SELECT 1")
    queries(manager)
    (folder / "results").rename(folder / "earlier")
    answer(manager, "x")
    assert result(folder, "x")["status"] == 0 and os.listdir(folder / "earlier") == []


def test_a_query_that_cannot_be_moved_is_run_once(manager, start, folder, journal):
    def restart():
        manager.extensions_by_uuid.clear()
        return start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})

    first = restart()
    put(folder, "x.sql", "SELECT 1")
    put(folder, "x.json", json.dumps({"query": "SELECT 2"}))
    assert queries(manager) == {"queries": {"x": "SELECT 2"}}
    (folder / "done" / "x.json").mkdir()
    answer(manager, "x")
    # The other query of this name does not wait for it.
    assert queries(manager) == {"queries": {"x": "SELECT 1"}}
    answer(manager, "x")
    assert queries(manager) == {"queries": {}}
    assert first.words().count("x.json") == 1 and "It has been answered and is not run again" in first.words()
    first.end(9)
    second = restart()
    assert queries(manager) == {"queries": {}}
    assert names(journal) == ["x", "x"] and second.words() == ""
    # Once it can be moved, it is.
    (folder / "done" / "x.json").rmdir()
    assert queries(manager) == {"queries": {}}
    assert sorted(os.listdir(folder / "done")) == ["x.json", "x.sql"] and not (folder / "x.json").exists()
    put(folder, "x.json", json.dumps({"query": "SELECT 2"}))
    assert queries(manager) == {"queries": {"x": "SELECT 2"}}


def test_a_query_that_cannot_be_moved_is_run_again_with_another_text(manager, directory, folder):
    put(folder, "x.sql", "SELECT 1")
    queries(manager)
    (folder / "done" / "x.sql").mkdir()
    answer(manager, "x")
    assert queries(manager) == {"queries": {}}
    put(folder, "x.sql", "SELECT 2")
    assert queries(manager) == {"queries": {"x": "SELECT 2"}}


def test_a_hundred_queries_that_cannot_be_moved_keep_no_other_from_being_run(manager, directory, folder):
    names = [f"a{number:02}" for number in range(100)]
    for name in names:
        put(folder, f"{name}.sql", "SELECT 1")
    assert list(queries(manager)["queries"]) == names
    for name in names:
        (folder / "done" / f"{name}.sql").mkdir()
    write(manager, queries={name: [] for name in names}, statuses={name: 0 for name in names})
    put(folder, "z.sql", "SELECT 2")
    assert queries(manager) == {"queries": {"z": "SELECT 2"}}


def test_a_query_that_is_given_up_and_cannot_be_moved_ends(manager, directory, folder, journal):
    put(folder, "x.sql", "SELECT 1")
    for _ in range(3):
        assert queries(manager) == {"queries": {"x": "SELECT 1"}}
    (folder / "done" / "x.sql").mkdir()
    for _ in range(3):
        assert queries(manager) == {"queries": {}}
    assert names(journal) == ["x"] and directory.words().count("x.sql") == 1
    assert "3 times" in result(folder, "x")["message"]


def test_what_is_no_query_and_cannot_be_moved_is_answered_once(manager, directory, folder, journal):
    assert queries(manager) == {"queries": {}}
    (folder / "done" / "bad.sql").mkdir()
    put(folder, "bad.sql", "")
    for number in range(3):
        put(folder, f"good{number}.sql", "SELECT 1")
        assert queries(manager) == {"queries": {f"good{number}": "SELECT 1"}}
        answer(manager, f"good{number}")
    assert names(journal).count("bad") == 1 and directory.words().count("bad.sql") == 1
    put(folder, "bad.sql", "SELECT 2")
    assert queries(manager) == {"queries": {"bad": "SELECT 2"}}


def test_a_withdrawn_query_leaves_an_earlier_result_alone(manager, directory, folder, journal):
    put(folder, "y.sql", "SELECT 1")
    queries(manager)
    answer(manager, "y", [{"1": "first"}])
    put(folder, "y.sql", "SELECT 1")
    assert queries(manager) == {"queries": {"y": "SELECT 1"}}
    (folder / "y.sql").unlink()
    answer(manager, "y", [{"1": "withdrawn"}])
    assert result(folder, "y")["rows"] == [{"1": "first"}]
    (entry,) = journal.entries("OSQUERY_LOG_TYPE=distributed")
    assert "withdrawn" not in entry["MESSAGE"]
    assert queries(manager) == {"queries": {}}


def test_a_query_with_a_new_text_is_run_again(manager, directory, folder, journal):
    put(folder, "x.sql", "SELECT 1")
    assert queries(manager) == {"queries": {"x": "SELECT 1"}}
    put(folder, "x.sql", "SELECT 2")
    answer(manager, "x", [{"1": "1"}])
    assert os.listdir(folder / "results") == [] and os.listdir(folder / "done") == []
    assert queries(manager) == {"queries": {"x": "SELECT 2"}}
    answer(manager, "x", [{"2": "2"}])
    assert (result(folder, "x")["query"], result(folder, "x")["rows"]) == ("SELECT 2", [{"2": "2"}])
    assert (folder / "done" / "x.sql").read_text() == "SELECT 2"
    assert names(journal) == ["x"]


@pytest.mark.parametrize("renew", [shutil.rmtree, lambda folder: folder.rename(f"{folder}.old")])
def test_the_directory_may_be_replaced(manager, start, folder, renew):
    extension = start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder), "OSQUERY_EXTENSION_SANDBOX": "0"})
    put(folder, "x.sql", "SELECT 1")
    assert queries(manager) == {"queries": {"x": "SELECT 1"}}
    renew(folder)
    for _ in range(2):
        assert manager.call("distributed", "directory", {"action": "getQueries"}).status.code == 1
    assert extension.words().count("No query can be taken") == 1
    folder.mkdir(mode=0o700)
    assert queries(manager) == {"queries": {}}
    put(folder, "y.sql", "SELECT 2")
    assert queries(manager) == {"queries": {"y": "SELECT 2"}}
    # The query that was under way was removed with the directory.
    write(manager, queries={"x": [], "y": []}, statuses={"x": 0, "y": 0})
    assert os.listdir(folder / "results") == ["y.json"]


@pytest.mark.parametrize("names", [(), ("results", "done")])
def test_a_new_directory_that_the_sandbox_forbids_is_told_once(manager, directory, folder, names):
    assert queries(manager) == {"queries": {}}
    folder.rename(f"{folder}.old")
    folder.mkdir(mode=0o700)
    for name in names:
        (folder / name).mkdir(mode=0o700)
    put(folder, "x.sql", "SELECT 1")
    for _ in range(2):
        assert manager.call("distributed", "directory", {"action": "getQueries"}).status.code == 1
    assert directory.words().count("No query can be taken") == 1
    assert "was made or replaced after the extension had started" in directory.words()


@pytest.mark.parametrize("name", [".attempts", ".attempts.new"])
def test_a_fault_that_comes_back_is_told_again(manager, directory, folder, name):
    assert queries(manager) == {"queries": {}}
    for number in range(2):
        (folder / name).mkdir()
        for _ in range(2):
            put(folder, "x.sql", "SELECT 1")
            assert queries(manager) == {"queries": {"x": "SELECT 1"}}
        (folder / name).rmdir()
        answer(manager, "x")
        assert directory.words().count("A restart forgets") == number + 1
