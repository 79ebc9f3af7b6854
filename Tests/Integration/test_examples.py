"""The packages of Examples, each with Apache Thrift's Python library on the other end. `make examples` builds them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import sql
from osqueryd import wait_until

FOLDER = os.path.join(os.path.dirname(__file__), "../../.build/examples/debug")


@pytest.fixture
def run(manager):
    started = []

    def run(name, **environment):
        process = subprocess.Popen(
            [f"{FOLDER}/{name}", "--socket", manager.path, "--timeout", "3", "--interval", "3"],
            env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
        started.append(process)
        manager.wait_for_registration()
        return process

    yield run
    for process in started:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_logger(manager, run, tmp_path):
    log = tmp_path / "log"
    manager.logger_plugin = "file_logger"
    run("FileLogger", FILE_LOGGER_PATH=str(log))
    for request in ({"string": "one"}, {"snapshot": "two"}, {"status": "true", "log": '[{"m":"three"},{"m":"four"}]'}):
        assert manager.call("logger", "file_logger", request).status.code == 0
    assert log.read_text() == 'result one\nsnapshot two\nstatus {"m":"three"}\nstatus {"m":"four"}\n'


def test_a_table(manager, run):
    run("Planets")
    rows = manager.generate("planets")
    assert rows == [
        {"name": "Earth", "moons": "1", "day_length": "1.0"}, {"name": "Mars", "moons": "2", "day_length": "1.027"},
        {"name": "Vulcan", "moons": "0"}]
    assert manager.generate("planets", [("name", 2, "Mars")]) == rows[1:2]


@pytest.mark.parametrize("condition", [
    "name = 'Mars' OR name LIKE '%'", "name = 'Vulcan' OR name LIKE '%a%'", "name = 'Mars' OR (name LIKE 'E%' AND moons = 1)"])
def test_a_table_whose_rows_are_found_by_either_of_two_conditions(manager, run, condition):
    run("Planets")
    database = sql.database(manager, "planets")
    query = f"SELECT name FROM planets WHERE {condition} ORDER BY name"
    assert any("MULTI-INDEX OR" in row["detail"] for row in sql.rows(database, "EXPLAIN QUERY PLAN " + query))
    found = sql.rows(database, query)
    sql.keep(database, "planets")
    assert found == sql.rows(database, query)


def test_a_writable_table(manager, run):
    run("Notes")

    def change(**request):
        response = manager.call("table", "notes", {**request, "context": "{}"})
        assert response.status.code == 0
        return response.response

    assert change(action="insert", auto_rowid="false", json_value_array='["milk"]') == [{"status": "success", "id": "1"}]
    assert change(action="update", id="1", json_value_array='["bread"]') == [{"status": "success"}]
    assert manager.generate("notes", keeping_row_ids=True) == [{"rowid": "1", "text": "bread"}]
    assert change(action="insert", auto_rowid="false", json_value_array="[null]") == [{"status": "constraint"}]
    assert change(action="update", id="9", json_value_array='["cheese"]') == [{"status": "constraint"}]
    assert change(action="insert", auto_rowid="false", json_value_array='["butter"]') == [{"status": "success", "id": "2"}]
    assert change(action="update", id="1", new_id="2", json_value_array='["bread"]') == [{"status": "constraint"}]
    assert change(action="delete", id="2") == [{"status": "success"}]
    assert change(action="delete", id="1") == [{"status": "success"}]
    assert manager.generate("notes") == []


def test_a_config(manager, run, tmp_path):
    (tmp_path / "osquery.conf").write_text('{"schedule": {}}')
    (tmp_path / "p.conf").write_text('{"queries": {}}')
    run("FolderConfig", CONFIG_FOLDER=str(tmp_path))
    assert manager.call("config", "folder", {"action": "genConfig"}).response == [{"main": '{"schedule": {}}'}]
    pack = manager.call("config", "folder", {"action": "genPack", "name": "linux", "value": "p.conf"})
    assert pack.response == [{"linux": '{"queries": {}}'}]
    missing = manager.call("config", "folder", {"action": "genPack", "name": "x", "value": "../p.conf"})
    assert (missing.status.code, missing.status.message) == (1, "The directory has no readable file “../p.conf”.")


def test_a_distributed(manager, run):
    process = run("OneQuestion")
    first = manager.call("distributed", "one_question", {"action": "getQueries"}).response[0]["results"]
    assert json.loads(first) == {"queries": {"uptime": "SELECT days, hours FROM uptime"}}
    second = manager.call("distributed", "one_question", {"action": "getQueries"}).response[0]["results"]
    assert json.loads(second) == {"queries": {}}
    results = json.dumps({"queries": {"uptime": [{"days": "3"}]}, "statuses": {"uptime": 0}})
    assert manager.call("distributed", "one_question", {"action": "writeResults", "results": results}).status.code == 0
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=5)[0] == 'uptime [["days": "3"]]\n'
    assert process.returncode == 0


@pytest.mark.parametrize("end", ["signal", "shutdown"])
def test_an_extension_in_a_service_group(manager, run, end):
    process = run("ClockService")
    assert int(manager.generate("clock")[0]["seconds"]) >= 0
    path, uuid = manager.extension_path, manager.uuid
    if end == "signal":
        process.send_signal(signal.SIGTERM)
    else:
        manager.shutdown()
    assert process.wait(10) == 0
    assert not os.path.exists(path)
    # osqueryd knows that it has ended what it ended itself.
    assert (uuid in manager.extensions_by_uuid) == (end == "shutdown")


@pytest.mark.parametrize("end", ["osqueryd's", "cancellation"])
def test_an_extension_in_a_service_group_serves_osqueryd_to_its_end(worker, end):
    manager = worker()
    process = subprocess.Popen([f"{FOLDER}/ClockService", "--socket", manager.path, "--timeout", "3", "--interval", "3"])
    try:
        manager.wait_for_registration()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert int(manager.generate("clock")[0]["seconds"]) >= 0
        if end == "cancellation":
            process.send_signal(signal.SIGINT)
        else:
            manager.stop()
        begin = time.monotonic()
        assert process.wait(20) == 0
        assert time.monotonic() - begin < 5
        assert not os.path.exists(manager.extension_path)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def stand_in(tmp_path):
    """OsqueryTesting's program, with an extension of PyPI's SDK on the other end: answers lines with lines and an exit status."""
    script = tmp_path / "hello.py"
    script.write_text("""
import osquery

@osquery.register_plugin
class Hello(osquery.TablePlugin):
    def name(self):
        return "hello"

    def columns(self):
        return [osquery.TableColumn(name="text", type=osquery.STRING)]

    def generate(self, context):
        return [{"text": 'é "quoted"'}]

osquery.start_extension(name="hello", version="1.0.0")
""")
    path = str(tmp_path / "em")
    program = subprocess.Popen(
        [f"{FOLDER}/osquery-stand-in", "--socket", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: os.path.exists(path))
    extension = subprocess.Popen([sys.executable, str(script), "--socket", path, "--timeout", "3", "--interval", "3"])

    def ask(*lines):
        output, _ = program.communicate("".join(f"{line}\n" for line in lines), timeout=30)
        return [json.loads(line) for line in output.splitlines()], program.returncode

    yield ask
    for process in (program, extension):
        process.kill()
        process.wait()


REQUEST = {"registry": "table", "item": "hello", "request": {"action": "generate", "context": "{}"}}
ANSWER = {"code": 0, "message": "OK", "rows": [{"text": 'é "quoted"'}]}


def test_the_stand_in_calls_a_plugin(stand_in):
    assert stand_in(json.dumps(REQUEST), " ", json.dumps(REQUEST)) == ([ANSWER, ANSWER], 0)


@pytest.mark.parametrize(["line", "error"], [
    ("hello", "The line is not a JSON object: hello"),
    ("[]", "The line is not a JSON object: []"),
    (json.dumps({**REQUEST, "registry": "tables"}),
     "There is no registry “tables”. The registries are: config, distributed, logger, table."),
    (json.dumps({**REQUEST, "request": {"action": 7}}), "The value of “action” in “request” is not a string: 7"),
    (json.dumps({**REQUEST, "request": "generate"}), 'The value of “request” is not an object of strings: "generate"'),
    (json.dumps({**REQUEST, "plugin": "hello"}),
     "A request has no member “plugin”. Its members are registry, item and request."),
    (json.dumps({"registry": "table", "request": {}}),
     "The member “item” is missing. A request has the members registry, item and request."),
])
def test_the_stand_in_goes_on_after_a_bad_line(stand_in, line, error):
    assert stand_in(line, json.dumps(REQUEST)) == ([{"error": error}, ANSWER], 1)
