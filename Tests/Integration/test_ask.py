"""The command `ask`."""

import json
import os
import pty
import re
import signal
import subprocess
import termios
import threading
import time

import pytest
from conftest import EXTENSION
from livequeries import queries, write
from osqueryd import wait_until


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


def command(folder, *arguments):
    return [EXTENSION, "ask", "--directory", str(folder), *arguments]


def ask(folder, *arguments, **options):
    return subprocess.run(command(folder, *arguments), capture_output=True, text=True, timeout=60, **options)


def read_until(terminal, text, output=""):
    """What comes from a terminal, up to some text."""
    while text not in output:
        output += os.read(terminal, 4096).decode()
    return output


def asked(folder):
    """The name of the query that `ask` has put into the folder, once it is there."""
    wait_until(lambda: list(folder.glob("ask-*.sql")))
    (query,) = folder.glob("ask-*.sql")
    return query.stem


def left(folder):
    """The files in the folder and in those within it."""
    return [file.name for file in folder.rglob("*") if file.is_file()]


def test_ask_prints_json_into_a_pipe(folder, answering):
    outcome = ask(folder, "SELECT pid, name FROM processes")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout) == answering
    assert os.listdir(folder / "results") == [] and os.listdir(folder / "done") == []


def test_ask_prints_a_table_on_a_terminal(folder, answering):
    controller, terminal = pty.openpty()
    outcome = subprocess.run(command(folder, "SELECT pid, name FROM processes"), stdout=terminal, timeout=60)
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


def test_ask_gives_up_in_time_and_takes_the_query_back(manager, folder):
    manager.flags.update(distributed_interval="60", disable_distributed="false", distributed_plugin="directory")
    outcome = ask(folder, "--socket", manager.path, "--timeout", "1", "SELECT 1")
    assert outcome.returncode == 69 and "no result within 1 s" in outcome.stderr
    assert "asks for queries every 60 s" in outcome.stderr
    assert left(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ask_takes_the_query_back_when_it_is_interrupted(manager, directory, folder, number):
    process = subprocess.Popen(command(folder, "SELECT 1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    name = asked(folder)
    assert queries(manager) == {"queries": {name: "SELECT 1"}}
    process.send_signal(number)
    assert process.communicate(timeout=60) == (b"", b"") and process.returncode == -number
    # osqueryd is at it.
    write(manager, queries={name: []}, statuses={name: 0})
    assert queries(manager) == {"queries": {}}
    assert left(folder) == [".attempts"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ask_ends_on_a_signal_while_nobody_reads_what_it_prints(manager, directory, folder, number):
    process = subprocess.Popen(command(folder, "SELECT 1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        name = asked(folder)
        queries(manager)
        # More than a pipe has room for.
        write(manager, queries={name: [{"1": "x" * (1 << 20)}]}, statuses={name: 0})
        wait_until(lambda: left(folder) == [".attempts"])
        process.send_signal(number)
        assert process.wait(20) == -number
    finally:
        process.kill()
        process.communicate()


def test_ask_takes_the_query_back_when_its_directory_cannot_be_flushed(folder, tmp_path):
    # The first flush is that of the file.
    fault = ["strace", "-o", str(tmp_path / "trace"), "-e", "inject=fsync:error=EIO:when=2"]
    outcome = subprocess.run([*fault, *command(folder, "SELECT 1")], capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 70 and "Cannot flush the directory of" in outcome.stderr
    assert left(folder) == []


@pytest.mark.parametrize("interval, limit", [("7", 120), ("300", 600)])
def test_ask_shows_on_a_terminal_what_it_waits_for(manager, directory, folder, interval, limit):
    manager.flags.update(distributed_interval=interval, disable_distributed="false", distributed_plugin="directory")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        command(folder, "--socket", manager.path, "SELECT 1"), stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    name = asked(folder)
    output = read_until(controller, f" of {limit} s, for osqueryd, which asks every {interval} s")
    line = r"\r\x1b\[KWaiting since ([0-2]\d:[0-5]\d:[0-6]\d), \d+ of .*"
    since = re.fullmatch(line, output)[1]
    # It is renewed in its place.
    renewed = read_until(controller, f" of {limit} s, for osqueryd, which asks every {interval} s")
    assert re.fullmatch(line, renewed)[1] == since and renewed != output
    assert queries(manager) == {"queries": {name: "SELECT 1"}}
    write(manager, queries={name: [{"1": "1"}]}, statuses={name: 0})
    assert json.loads(process.communicate(timeout=60)[0]) == [{"1": "1"}]
    # Nothing stays of it.
    assert read_until(controller, "\r\x1b[K", os.read(controller, 4096).decode()).endswith("\r\x1b[K")
    assert left(folder) == [".attempts"]


def test_ask_shows_on_a_narrow_terminal_one_line(folder, tmp_path):
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 30))
    process = subprocess.Popen(command(folder, "--socket", str(tmp_path / "nobody"), "SELECT 1"), stderr=terminal)
    os.close(terminal)
    output = read_until(controller, "\r\x1b[K", read_until(controller, " of "))
    process.terminate()
    process.wait(60)
    assert [len(line) for line in output.split("\r\x1b[K")][:2] == [0, 29]


@pytest.mark.parametrize("flags, reason", [
    ({"disable_distributed": "true", "distributed_plugin": "directory"}, "--disable_distributed=true"),
    ({"disable_distributed": "false", "distributed_plugin": "tls"}, "--distributed_plugin=tls")])
def test_ask_says_at_once_that_osqueryd_asks_for_no_queries(manager, folder, flags, reason):
    manager.flags.update(flags)
    outcome = ask(folder, "--socket", manager.path, "--timeout", "86400", "SELECT 1")
    assert outcome.returncode == 78
    assert f"osqueryd at {manager.path} runs with {reason}" in outcome.stderr
    assert "--disable_distributed=false --distributed_plugin=directory" in outcome.stderr
    assert left(folder) == []
