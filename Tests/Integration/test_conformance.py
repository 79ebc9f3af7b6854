"""Other implementations of the protocol on the other end: Apache Thrift's C++ library, and PyPI's osquery SDK beside ours."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import EXTENSION
from osquery.extensions.ttypes import ExtensionResponse
from osqueryd import Manager, encode_call, wait_until
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer
from version import VERSION

ROOT = os.path.join(os.path.dirname(__file__), "../..")
PEER = f"{ROOT}/.build/peer/peer"
EXAMPLES = f"{ROOT}/.build/examples/debug"


class CppManager:
    """osqueryd's side, in C++."""

    def __init__(self, path):
        self.path = path
        self.process = subprocess.Popen([PEER, "manager", path], stdout=subprocess.PIPE, text=True)
        wait_until(lambda: os.path.exists(path))

    def line(self):
        return self.process.stdout.readline().strip()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def cpp(tmp_path):
    manager = CppManager(str(tmp_path / "cpp.em"))
    yield manager
    manager.stop()


def peer(*arguments):
    return subprocess.run([PEER, *arguments], stdout=subprocess.PIPE, text=True, timeout=30).stdout.splitlines()


def test_every_method_of_ours_is_called_by_cpp(cpp, journal):
    process = subprocess.Popen([EXTENSION, "--socket", cpp.path], stderr=subprocess.PIPE, text=True)
    registered = cpp.line().split()
    assert registered[:3] == ["registered", "tutorial-extension", VERSION]
    # 15 columns and the attributes, 18 and them; a logger has no route info.
    assert {"logger:journal:0", "table:journal_logger:16", "table:systemd:19", "distributed:directory:0"} <= set(registered)
    path = f"{cpp.path}.7000"
    wait_until(lambda: os.path.exists(path))
    assert peer("call", path, "logger", "journal", "string", '{"name":"cpp"}') == ["ping 0 7000", "call 0 OK"]
    assert journal.texts("string") == ['{"name":"cpp"}']
    assert peer("call", path, "logger", "journal", "action", "features") == ["ping 0 7000", "call 1 OK"]
    table = peer("call", path, "table", "journal_logger", "action", "generate", "context", "{}")
    assert table[1] == "call 0 OK" and "entries_sent=1" in table[2]
    columns = peer("call", path, "table", "journal_logger", "action", "columns")
    assert columns[2] == "row id=column name=entries_sent op=0 type=BIGINT"
    assert peer("call", path, "table", "nothing")[1].startswith("call 1 There is no table plugin “nothing”")
    assert peer("shutdown", path) == ["shut down"]
    # It serves its manager to the end.
    assert peer("call", path, "logger", "journal", "string", '{"name":"late"}') == ["ping 0 7000", "call 0 OK"]
    cpp.stop()
    assert process.wait(5) == 0
    process.communicate()
    assert journal.texts("string") == ['{"name":"cpp"}', '{"name":"late"}']


def test_an_end_by_signal_deregisters_in_cpp(cpp):
    process = subprocess.Popen([EXTENSION, "--socket", cpp.path], stderr=subprocess.PIPE, text=True)
    assert cpp.line().startswith("registered")
    wait_until(lambda: os.path.exists(f"{cpp.path}.7000"))
    process.send_signal(signal.SIGINT)
    assert f"process {cpp.process.pid}" in process.stderr.readline()
    # A second one has it wait no longer for the end of its manager.
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    process.communicate()
    assert cpp.line() == "deregistered 7000 1"


def test_every_method_of_cpps_is_called_by_our_client(cpp):
    process = subprocess.Popen([EXTENSION, "--socket", cpp.path], stderr=subprocess.DEVNULL)
    cpp.line()
    output = subprocess.run(
        [f"{EXAMPLES}/AskOsquery", cpp.path, "SELECT 'é漢'"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert output.splitlines() == [
        f"extension 7000 tutorial-extension {VERSION}", "logger_plugin journal,planets", "row 42 SELECT 'é漢'",
        'columns [["number": "INTEGER"]]']
    failed = subprocess.run([f"{EXAMPLES}/AskOsquery", cpp.path, "nope"], stdout=subprocess.PIPE, text=True).stdout
    assert f"getQueryColumns at {cpp.path}: osqueryd answered with status 1: no such column: nope" in failed
    process.kill()
    process.wait()


PYTHON_TABLE = """
import osquery

@osquery.register_plugin
class Planets(osquery.TablePlugin):
    def name(self):
        return "planets"

    def columns(self):
        return [
            osquery.TableColumn(name="name", type=osquery.STRING),
            osquery.TableColumn(name="moons", type=osquery.INTEGER),
            osquery.TableColumn(name="day_length", type="DOUBLE"),
        ]

    def generate(self, context):
        rows = [
            {"name": "Earth", "moons": 1, "day_length": 1.0},
            {"name": "Mars", "moons": 2, "day_length": 1.027},
            {"name": "Vulcan", "moons": 0},
        ]
        wanted = [
            item["expr"] for column in context.get("constraints", []) if column["name"] == "name"
            for item in column["list"] if item["op"] == 2]
        return [row for row in rows if not wanted or row["name"] in wanted]

osquery.start_extension(name="planets", version="1.0.0")
"""


def encode_rows(rows):
    """The end of a response, from its rows on, and of the message."""
    transport = TMemoryBuffer()
    ExtensionResponse(response=rows).write(TBinaryProtocol(transport))
    return transport.getvalue() + b"\0"


def raw(path, request):
    """The bytes of an answer, as they come over the wire."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(encode_call("table", "planets", request))
        connection.settimeout(1)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except TimeoutError:
            pass
        return answer


@pytest.fixture
def sdks(tmp_path):
    """The same table, in PyPI's SDK and in ours, each with a manager of its own."""
    script = tmp_path / "planets.py"
    script.write_text(PYTHON_TABLE)
    found, processes = {}, []
    for name, command in {"pypi": [sys.executable, str(script)], "ours": [f"{EXAMPLES}/Planets"]}.items():
        manager = Manager(str(tmp_path / name)).start()
        processes.append(subprocess.Popen([*command, "--socket", manager.path, "--timeout", "3", "--interval", "3"]))
        manager.wait_for_registration()
        found[name] = manager
    time.sleep(0.2)
    yield found
    for process in processes:
        process.kill()
        process.wait()
    for manager in found.values():
        manager.stop()


@pytest.mark.parametrize("constraints", [[], [("name", 2, "Mars")], [("name", 2, "Vulcan")], [("name", 2, "none")]])
def test_the_same_query_has_the_same_answer_in_pypis_sdk_and_ours(sdks, constraints):
    context = json.dumps({"constraints": [
        {"name": column, "list": [{"op": op, "expr": value}], "affinity": "TEXT"} for column, op, value in constraints]})
    request = {"action": "generate", "context": context}
    rows = {}
    for name, manager in sdks.items():
        answer = raw(manager.extension_path, request)
        # Field 2 of the response, a list of maps: byte for byte. Ours says its number in the status, which PyPI's leaves out.
        rows[name] = answer[answer.index(bytes.fromhex("0f00020d")):]
    decoded = {name: manager.call("table", "planets", request) for name, manager in sdks.items()}
    # As Apache Thrift writes the same rows, and, but for the numbers, what PyPI's writes.
    assert rows["ours"] == encode_rows(decoded["ours"].response)
    for row in decoded["ours"].response:
        assert int(row.pop("rowid")) >= 0
    assert encode_rows(decoded["ours"].response) == rows["pypi"]
    assert decoded["ours"].response == decoded["pypi"].response
    assert decoded["ours"].status.code == decoded["pypi"].status.code == 0
    assert decoded["ours"].status.message == decoded["pypi"].status.message


def test_the_same_table_has_the_same_route_info_in_pypis_sdk_and_ours(sdks):
    def routes(manager):
        registered = manager.registries[manager.uuid]["table"]["planets"]
        assert manager.call("table", "planets", {"action": "columns"}).response == registered
        return registered

    ours, pypi = routes(sdks["ours"]), routes(sdks["pypi"])
    # osquery's own SDK ends with the table's attributes; PyPI's knows neither these nor options of columns.
    assert ours[-1] == {"id": "attributes", "attributes": "0"}
    assert ours[0].pop("op") == "1" and pypi[0].pop("op") == "0"
    assert ours[:-1] == pypi
