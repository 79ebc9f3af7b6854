"""The distributed plugin `directory`: queries are files, and so are their results."""

import json
import os
import subprocess
import threading
import time

import pytest
from livequeries import put, queries, result, write
from osqueryd import connect_raw, decode_response, encode_call, wait_until


def test_without_the_variable_there_are_no_queries(manager, extension):
    assert queries(manager) == {"queries": {}}


def test_a_query_is_run_once_and_its_result_is_a_file_and_an_entry(manager, directory, folder, journal):
    put(folder, "uptime.sql", "SELECT total_seconds FROM uptime;\n")
    assert queries(manager) == {"queries": {"uptime": "SELECT total_seconds FROM uptime;\n"}}
    stats = {"wall_time_ms": 3, "user_time": "1", "system_time": 2, "memory": "4096"}
    rows = [{"total_seconds": "5", "odd": 'a"b\\c\n\té漢\x01'}]
    write(manager, queries={"uptime": rows}, statuses={"uptime": "0"}, messages={"uptime": ""}, stats={"uptime": stats})
    got = result(folder, "uptime")
    assert got["rows"] == rows
    assert (got["status"], got["message"], got["name"]) == (0, "", "uptime")
    assert got["query"] == "SELECT total_seconds FROM uptime;\n"
    assert got["stats"] == {"wall_time_ms": 3, "user_time": 1, "system_time": 2, "memory": 4096}
    assert got["host"] == os.uname().nodename
    assert abs(got["time"] - time.time()) < 10
    assert (folder / "done" / "uptime.sql").exists() and not (folder / "uptime.sql").exists()
    assert oct((folder / "results").stat().st_mode)[-3:] == "700"
    assert oct((folder / "results" / "uptime.json").stat().st_mode)[-3:] == "600"
    assert queries(manager) == {"queries": {}}
    (entry,) = journal.entries("OSQUERY_LOG_TYPE=distributed")
    assert json.loads(entry["MESSAGE"]) == got
    assert (entry["OSQUERY_QUERY_NAME"], entry["PRIORITY"]) == ("uptime", "6")


def test_a_failed_query_tells_why(manager, directory, folder, journal):
    put(folder, "bad.sql", "SELECT nope")
    queries(manager)
    write(manager, queries={"bad": ""}, statuses={"bad": 1}, messages={"bad": "no such column: nope"})
    assert (result(folder, "bad")["status"], result(folder, "bad")["message"]) == (1, "no such column: nope")
    assert [entry["PRIORITY"] for entry in journal.entries("OSQUERY_LOG_TYPE=distributed")] == ["3"]


def test_a_query_that_was_taken_away_is_not_answered(manager, directory, folder):
    put(folder, "x.sql", "SELECT 1")
    put(folder, "y.sql", "SELECT 2")
    queries(manager)
    (folder / "x.sql").unlink()
    write(manager, queries={"x": [], "y": []}, statuses={"x": 0, "y": 0})
    assert os.listdir(folder / "results") == ["y.json"] and os.listdir(folder / "done") == ["y.sql"]


def test_two_queries_of_one_name_are_run_one_after_the_other(manager, directory, folder):
    put(folder, "x.json", json.dumps({"query": "SELECT 1"}))
    put(folder, "x.sql", "SELECT 2")
    for sql in ("SELECT 1", "SELECT 2"):
        assert queries(manager) == {"queries": {"x": sql}}
        write(manager, queries={"x": []}, statuses={"x": 0})
        assert result(folder, "x")["query"] == sql


def test_a_name_that_is_too_long_is_refused(manager, directory, folder, journal):
    names = ["n" * length for length in (200, 201, 250, 251)]
    for name in [*names, "other"]:
        put(folder, f"{name}.sql", "SELECT 1")
    assert set(queries(manager)["queries"]) == {names[0], "other"}
    write(manager, queries={names[0]: [], "other": []}, statuses={names[0]: 0, "other": 0})
    for name in names[1:3]:
        assert f"its name has {len(name)} bytes, and may have 200" in result(folder, name)["message"]
    assert sorted(os.listdir(folder / "results")) == sorted(f"{name}.json" for name in [*names[:3], "other"])
    assert sorted(os.listdir(folder / "done")) == sorted(f"{name}.sql" for name in [*names, "other"])
    (entry,) = journal.entries(f"OSQUERY_QUERY_NAME={names[3]}")
    assert "its name has 251 bytes" in entry["MESSAGE"] and entry["PRIORITY"] == "3"
    assert "its name has 251 bytes" in directory.words()


def test_a_result_that_cannot_be_written_does_not_hold_up_the_others(manager, directory, folder, journal):
    names = [f"q{number}" for number in range(5)]
    for name in names:
        put(folder, f"{name}.sql", "SELECT 1")
    assert set(queries(manager)["queries"]) == set(names)
    (folder / "results" / "q2.json").mkdir()
    write(manager, queries={name: [] for name in names}, statuses={name: 0 for name in names})
    assert [result(folder, name)["status"] for name in names if name != "q2"] == [0] * 4
    assert "The result of “q2” cannot be written" in directory.words()
    # It is run again, twice; then its result is in the journal alone.
    for _ in range(2):
        assert queries(manager) == {"queries": {"q2": "SELECT 1"}}
        write(manager, queries={"q2": [{"1": "1"}]}, statuses={"q2": 0})
    assert queries(manager) == {"queries": {}}
    assert sorted(os.listdir(folder / "done")) == [f"{name}.sql" for name in names]
    entries = [json.loads(entry["MESSAGE"]) for entry in journal.entries("OSQUERY_LOG_TYPE=distributed")]
    assert sorted(entry["name"] for entry in entries) == names
    assert [entry["rows"] for entry in entries if entry["name"] == "q2"] == [[{"1": "1"}]]


def test_results_may_be_replaced(manager, directory, folder):
    put(folder, "x.sql", "SELECT 1")
    queries(manager)
    (folder / "results").rmdir()
    write(manager, queries={"x": []}, statuses={"x": 0})
    assert result(folder, "x")["status"] == 0
    assert queries(manager) == {"queries": {}}


IDENTIFIERS = {
    "hostname": os.uname().nodename, "uuid": "11111111-UUID", "instance": "22222222-INSTANCE", "specified": "web-01",
    "ephemeral": os.uname().nodename}


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_the_host_is_what_osqueryd_calls_it(manager, start, folder, journal, kind):
    manager.flags.update(host_identifier=kind, specified_identifier="web-01")
    manager.answers = {
        "SELECT uuid AS id FROM osquery_info": [{"id": "11111111-UUID"}],
        "SELECT instance_id AS id FROM osquery_info": [{"id": "22222222-INSTANCE"}]}
    start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})
    put(folder, "good.sql", "SELECT 1")
    put(folder, "bad.sql", "")
    queries(manager)
    asked = manager.calls.count("options")
    write(manager, queries={"good": []}, statuses={"good": 0})
    queries(manager)
    assert manager.calls.count("options") == asked
    assert [result(folder, name)["host"] for name in ("good", "bad")] == [IDENTIFIERS[kind]] * 2
    entries = journal.entries("OSQUERY_LOG_TYPE=distributed")
    assert [entry["OSQUERY_HOST_IDENTIFIER"] for entry in entries] == [IDENTIFIERS[kind]] * 2


def test_an_osqueryd_that_does_not_answer_holds_nothing_up(manager, directory, folder):
    late, release = [], threading.Event()

    def options():
        # Five times as long as the extension waits for an answer.
        if not release.wait(5):
            late.append("options")
        return {}

    manager.options = options
    put(folder, "x.sql", "SELECT 1")
    assert queries(manager) == {"queries": {"x": "SELECT 1"}}
    write(manager, queries={"x": []}, statuses={"x": 0})
    release.set()
    assert late == []
    assert result(folder, "x")["host"] == os.uname().nodename


def test_bytes_that_are_no_utf8_are_escaped_as_in_differential_results(manager, directory, folder):
    put(folder, "raw.sql", "SELECT 1")
    queries(manager)
    raw = b"A\xffB \xe6\xbcC \xc3\xa9\xed\xa0\x80"
    placeholder = "#" * len(raw)
    results = json.dumps({"queries": {"raw": [{"t": placeholder}]}, "statuses": {"raw": 0}})
    message = encode_call("distributed", "directory", {"action": "writeResults", "results": results})
    with connect_raw(manager.extension_path) as connection:
        connection.sendall(message.replace(placeholder.encode(), raw))
        assert decode_response(connection).status.code == 0
    assert result(folder, "raw")["rows"] == [{"t": "A\\xFFB \\xE6\\xBCC é\\xED\\xA0\\x80"}]


def test_half_written_files_wait(manager, directory, folder):
    with open(folder / "slow.sql", "w") as file:
        file.write("SELECT ")
        file.flush()
        os.utime(folder / "slow.sql", (1, 1))
        assert queries(manager) == {"queries": {}}
        file.write("1")
    os.utime(folder / "slow.sql")
    assert queries(manager) == {"queries": {}}
    wait_until(lambda: queries(manager) == {"queries": {"slow": "SELECT 1"}}, 5, 0.2)
    (folder / ".hidden.sql").write_text("SELECT 2")
    os.utime(folder / ".hidden.sql", (1, 1))
    write(manager, queries={"slow": []}, statuses={"slow": 0})
    assert queries(manager) == {"queries": {}}


def test_what_is_no_query_is_answered_with_why(manager, directory, folder):
    put(folder, "empty.sql", " \n")
    put(folder, "broken.json", "{")
    put(folder, "discovery.json", '{"query": "SELECT 1", "discovery": ""}')
    put(folder, "large.sql", "SELECT '" + "x" * (1 << 20) + "'")
    os.mkfifo(folder / "pipe.sql")
    put(folder, "spaces in.sql", "SELECT 1")
    put(folder, "notes.txt", "SELECT 1")
    secret = folder.parent / "secret.sql"
    secret.write_text("SELECT 'stolen'")
    os.symlink(secret, folder / "link.sql")
    assert queries(manager) == {"queries": {}}
    assert "no query" in result(folder, "empty")["message"]
    assert "no JSON object" in result(folder, "broken")["message"]
    assert "“discovery” is empty" in result(folder, "discovery")["message"]
    assert "more than 1 MiB" in result(folder, "large")["message"]
    assert "no regular file" in result(folder, "pipe")["message"]
    assert "link.sql" in result(folder, "link")["message"]
    assert sorted(os.listdir(folder / "results")) == [
        "broken.json", "discovery.json", "empty.json", "large.json", "link.json", "pipe.json"]
    assert (folder / "spaces in.sql").exists() and (folder / "notes.txt").exists()
    assert secret.read_text() == "SELECT 'stolen'"


def test_a_result_of_a_strange_name_goes_nowhere(manager, directory, folder):
    write(manager, queries={"../../evil": [{"a": "1"}], "/tmp/evil": []}, statuses={})
    assert not (folder.parent.parent / "evil.json").exists()
    assert not os.path.exists("/tmp/evil.json")


def test_a_result_replaces_a_symbolic_link_and_does_not_follow_it(manager, directory, folder):
    put(folder, "x.sql", "SELECT 1")
    queries(manager)
    victim = folder.parent / "victim"
    victim.write_text("precious")
    os.symlink(victim, folder / "results" / "x.json")
    os.symlink(victim, folder / "results" / ".x.new")
    write(manager, queries={"x": [{"a": "1"}]}, statuses={"x": 0})
    assert victim.read_text() == "precious"
    assert result(folder, "x")["rows"] == [{"a": "1"}]


@pytest.mark.parametrize("spoil", [lambda f: f.chmod(0o755), lambda f: os.chown(f, 1, 1), lambda f: (f.rename(f"{f}2"), os.symlink(f"{f}2", f))])
def test_a_folder_that_others_could_write_to_is_refused(manager, start, folder, spoil):
    put(folder, "x.sql", "SELECT 1")
    spoil(folder)
    extension = start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})
    for _ in range(2):
        response = manager.call("distributed", "directory", {"action": "getQueries"})
        assert response.status.code == 1
        assert str(folder) in response.status.message
    assert extension.words().count("No query can be taken") == 1


def test_a_hundred_at_once_and_the_rest_later(manager, directory, folder):
    for number in range(150):
        put(folder, f"q{number:03}.sql", f"SELECT {number}")
    seen = []
    for _ in range(2):
        batch = queries(manager)["queries"]
        assert len(batch) <= 100
        seen += batch
        write(manager, queries={name: [] for name in batch}, statuses={name: 0 for name in batch})
    assert seen == [f"q{number:03}" for number in range(150)]


def test_an_empty_folder_is_not_listed(manager, directory, folder):
    queries(manager)
    time.sleep(0.1)
    trace = folder.parent / "trace"
    tracer = subprocess.Popen(["strace", "-f", "-o", trace, "-e", "trace=getdents64,openat", "-p", str(directory.pid)], stderr=subprocess.PIPE)
    tracer.stderr.readline()
    try:
        for _ in range(3):
            assert queries(manager) == {"queries": {}}
    finally:
        tracer.terminate()
        tracer.wait()
    assert "getdents64" not in trace.read_text()
