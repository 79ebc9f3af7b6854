"""The distributed plugin `directory`: queries are files, and so are their results."""

import json
import os
import pty
import subprocess
import threading
import time

import pytest
from conftest import EXTENSION
from osqueryd import wait_until


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "queries"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def directory(start, folder):
    return start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})


def put(folder, name, text):
    """Makes a file that was written a while ago, as rename(2) brings one."""
    path = folder / name
    path.write_text(text)
    os.utime(path, (time.time() - 5, time.time() - 5))


def queries(manager):
    response = manager.call("distributed", "directory", {"action": "getQueries"})
    assert response.status.code == 0, response.status.message
    (row,) = response.response
    return json.loads(row["results"])


def write(manager, **results):
    response = manager.call("distributed", "directory", {"action": "writeResults", "results": json.dumps(results)})
    assert response.status.code == 0, response.status.message


def result(folder, name):
    return json.loads((folder / "results" / f"{name}.json").read_text())


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


def test_json_brings_a_discovery_query(manager, directory, folder):
    put(folder, "a.json", json.dumps({"query": "SELECT 1", "discovery": "SELECT 2", "platform": "linux"}))
    put(folder, "b.sql", "SELECT 3")
    assert queries(manager) == {
        "queries": {"a": "SELECT 1", "b": "SELECT 3"}, "discovery": {"a": "SELECT 2", "b": "SELECT 1"}}
    write(manager, queries={"b": []}, statuses={"b": 0})
    assert queries(manager) == {"queries": {}}
    assert "discovery query brought no rows" in result(folder, "a")["message"]
    assert result(folder, "b")["rows"] == []


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
    assert "more than 1 MiB" in result(folder, "large")["message"]
    assert "no regular file" in result(folder, "pipe")["message"]
    assert "link.sql" in result(folder, "link")["message"]
    assert sorted(os.listdir(folder / "results")) == [
        "broken.json", "empty.json", "large.json", "link.json", "pipe.json"]
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


def osqueryd(manager, stop, rows):
    """Plays the distributed part of osqueryd: asks, and answers each query with `rows`, or says that it failed."""
    while not stop.is_set():
        batch = queries(manager)["queries"]
        if batch:
            failed = {name for name, sql in batch.items() if "nope" in sql}
            write(
                manager,
                queries={name: [] if name in failed else rows for name in batch},
                statuses={name: int(name in failed) for name in batch},
                messages={name: "no such column: nope" if name in failed else "" for name in batch})
        time.sleep(0.05)


@pytest.fixture
def answering(manager, directory):
    stop = threading.Event()
    rows = [{"pid": "1", "name": "systemd"}, {"pid": "42", "name": "ev\x1b[31mil"}]
    thread = threading.Thread(target=osqueryd, args=(manager, stop, rows))
    thread.start()
    yield rows
    stop.set()
    thread.join()


def ask(folder, *arguments, **options):
    return subprocess.run(
        [EXTENSION, "ask", "--directory", str(folder), *arguments], capture_output=True, text=True, timeout=60, **options)


def test_ask_prints_json_into_a_pipe(folder, answering):
    outcome = ask(folder, "SELECT pid, name FROM processes")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout) == answering
    assert os.listdir(folder / "results") == [] and os.listdir(folder / "done") == []


def test_ask_prints_a_table_on_a_terminal(folder, answering):
    controller, terminal = pty.openpty()
    outcome = subprocess.run(
        [EXTENSION, "ask", "--directory", str(folder), "SELECT pid, name FROM processes"], stdout=terminal, timeout=60)
    os.close(terminal)
    output = os.read(controller, 4096).decode().replace("\r\n", "\n")
    assert outcome.returncode == 0
    assert output == """+-----------+-----+
| name      | pid |
+-----------+-----+
| systemd   | 1   |
| ev·[31mil | 42  |
+-----------+-----+
"""


def test_ask_says_what_is_wrong(folder, answering, tmp_path):
    failed = ask(folder, "SELECT nope")
    assert failed.returncode == 1 and "no such column: nope" in failed.stderr
    nowhere = ask(tmp_path / "nowhere", "SELECT 1")
    assert nowhere.returncode == 70 and "No such file" in nowhere.stderr
    empty = ask(folder, " ")
    assert empty.returncode == 64 and "The query is empty" in empty.stderr
    environment = {name: value for name, value in os.environ.items() if name != "OSQUERY_DISTRIBUTED_DIRECTORY"}
    unnamed = subprocess.run([EXTENSION, "ask", "SELECT 1"], capture_output=True, text=True, env=environment)
    assert unnamed.returncode == 64 and "OSQUERY_DISTRIBUTED_DIRECTORY" in unnamed.stderr


def test_ask_gives_up_in_time_and_takes_the_query_back(folder):
    outcome = ask(folder, "--timeout", "1", "SELECT 1")
    assert outcome.returncode == 69 and "no result within 1 s" in outcome.stderr
    assert [name for name in os.listdir(folder) if name.endswith(".sql")] == []
