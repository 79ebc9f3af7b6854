"""How the extension ends beside an osqueryd whose worker first finishes its query."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import EXTENSION, RunningExtension, preloaded
from osqueryd import Manager, wait_until

# How long the extension serves an osqueryd that does not end, in seconds.
BOUND = 10
PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Starts the extension for a worker, with a live query for it to answer; ends it where a test does not."""
    folder = tmp_path / "queries"
    folder.mkdir(mode=0o700)
    (folder / "live.sql").write_text("SELECT 1")
    os.utime(folder / "live.sql", (time.time() - 5, time.time() - 5))
    monkeypatch.setenv("OSQUERY_DISTRIBUTED_DIRECTORY", str(folder))
    with contextlib.ExitStack() as stack:

        def run(worker, **options):
            extension = RunningExtension(worker, interval=1, **options)
            stack.callback(extension.end, signal.SIGKILL)
            worker.wait_for_registration()
            assert "live" in worker.call("distributed", "directory", {"action": "getQueries"}).response[0]["results"]
            return extension

        yield run


@pytest.fixture(scope="session")
def older_kernel(tmp_path_factory):
    """A library that has the kernel know less, to be preloaded: see older-kernel.c."""
    return preloaded("older-kernel.c", tmp_path_factory.mktemp("preload"))


def counters(journal):
    return [int(entry["OSQUERY_COUNTER"]) for entry in journal.entries("OSQUERY_QUERY_NAME=query")]


def live_results(journal):
    return [json.loads(text)["rows"] for text in journal.texts("distributed")]


def ended_soon(wait):
    """Whether it ends well before the bound, now that the worker has ended; its exit code is returned."""
    begin = time.monotonic()
    code = wait()
    assert time.monotonic() - begin < BOUND / 2
    return code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_of_all_at_once_loses_nothing_of_the_query_under_way(worker, run, journal, number):
    worker = worker(rows=20, seconds=2)
    extension = run(worker)
    path = worker.extension_path
    worker.process.terminate()
    extension.process.send_signal(number)
    time.sleep(0.3)
    # osqueryd's watcher sends another one.
    extension.process.terminate()
    assert worker.logged() == list(range(20))
    assert ended_soon(lambda: extension.process.wait(20)) == 0
    assert counters(journal) == list(range(20))
    assert live_results(journal) == [[{"row": "10"}]]
    assert not os.path.exists(path)
    assert extension.words().count(f"process {worker.process.pid}") == 1


@pytest.mark.parametrize("stop", range(10))
def test_a_stop_in_the_middle_of_results_loses_none(worker, run, journal, stop):
    """The worker removes the extension's socket between one result and the next."""
    worker = worker()
    extension = run(worker)
    worker.start_logging()
    wait_until(lambda: len(counters(journal)) > 20)
    for process in (worker.process, extension.process):
        process.terminate()
    logged = worker.logged()
    assert ended_soon(lambda: extension.process.wait(20)) == 0
    assert counters(journal) == logged == list(range(len(logged)))


@pytest.mark.parametrize("started_by", ["osqueryd", "hand"])
def test_a_worker_that_ends_alone_loses_nothing_of_its_query(worker, run, journal, started_by, monkeypatch):
    """As when osqueryd's watchdog stops it: the extension is told by nobody."""
    if started_by == "osqueryd":
        monkeypatch.setenv("OSQUERY_EXTENSION", "true")
    worker = worker(rows=20, seconds=2)
    extension = run(worker)
    worker.process.terminate()
    assert worker.logged() == list(range(20))
    assert counters(journal) == list(range(20))
    if started_by == "osqueryd":
        assert extension.process.poll() is None
    else:
        assert extension.process.wait(10) == 0


def test_a_socket_that_somebody_removes_again_and_again_is_made_eight_times(manager, start):
    extension = start()
    path = manager.extension_path
    for _ in range(8):
        os.unlink(path)
        wait_until(lambda: os.path.exists(path))
        manager.result("{}")
    os.unlink(path)
    wait_until(lambda: "cannot be made again" in extension.words())
    assert not os.path.exists(path)
    assert extension.process.poll() is None


@pytest.mark.parametrize("kernel", ["6.4", "5.2", "namespace"])
def test_an_older_kernel_loses_nothing_of_the_query_under_way(worker, run, journal, older_kernel, kernel, monkeypatch):
    if kernel == "namespace":
        # A process that cannot be told is taken to have ended when its socket is gone.
        monkeypatch.setenv("KEEPS_NAMES", "1")
    worker = worker(rows=10, seconds=1)
    extension = run(worker, env={"LD_PRELOAD": older_kernel, "OLDER_KERNEL": kernel})
    worker.process.terminate()
    extension.process.terminate()
    assert worker.logged() == list(range(10))
    assert ended_soon(lambda: extension.process.wait(20)) == 0
    assert counters(journal) == list(range(10))


def test_the_end_of_the_watcher_loses_nothing_of_the_query_under_way(worker, journal, monkeypatch):
    monkeypatch.setenv("OSQUERY_EXTENSION", "true")
    worker = worker(rows=10, seconds=1)
    # So that its exit code is told to us.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        script = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(100)"
        command = [sys.executable, "-c", script, EXTENSION, "--socket", worker.path, "--timeout", "3", "--interval", "1"]
        watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        pid = int(watcher.stdout.readline())
        worker.wait_for_registration()
        watcher.kill()
        watcher.wait()
        # osqueryd's worker notices it, and ends in order, too.
        worker.process.terminate()
        worker.logged()
        assert os.waitstatus_to_exitcode(ended_soon(lambda: os.waitpid(pid, 0)[1])) == 0
    finally:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0)
    assert counters(journal) == list(range(10))


def test_after_shutdown_by_osqueryd_results_are_logged_until_it_has_ended(worker, run, journal):
    worker = worker(rows=10, seconds=1)
    extension = run(worker)
    worker.shutdown()  # raises when there is no answer
    worker.process.terminate()
    worker.logged()
    assert ended_soon(lambda: extension.process.wait(20)) == 0
    assert counters(journal) == list(range(10))
    assert live_results(journal) == [[{"row": "5"}]]


def test_an_idle_osqueryd_ends_with_its_extension_at_once(worker, run):
    worker = worker(rows=0)
    extension = run(worker)
    worker.process.terminate()
    extension.process.terminate()
    worker.logged()
    assert ended_soon(lambda: extension.process.wait(20)) == 0


@pytest.mark.parametrize("reason", ["signal", "shutdown"])
def test_an_osqueryd_that_does_not_end_is_served_for_10_s(worker, run, journal, reason):
    worker = worker()
    extension = run(worker)
    path = worker.extension_path
    begin = time.monotonic()
    worker.shutdown() if reason == "shutdown" else extension.process.terminate()
    served = 0
    while extension.process.poll() is None and time.monotonic() - begin < 3 * BOUND:
        with contextlib.suppress(Exception):
            worker.result(f'{{"name":"query","counter":{served}}}')
            served += 1
        time.sleep(0.1)
    assert extension.process.wait(1) == 0
    assert time.monotonic() - begin >= BOUND
    assert served > 10 and counters(journal) == list(range(served))
    assert f"osqueryd (process {worker.process.pid}) has not ended" in extension.words()
    assert not os.path.exists(path)
    assert "deregisterExtension" in worker.calls_so_far()


def test_a_second_sigterm_does_not_end_it_and_a_second_sigint_does(worker, run, journal):
    worker = worker()
    extension = run(worker)
    path = worker.extension_path
    for counter in range(3):
        extension.process.terminate()
        time.sleep(0.3)
        worker.result(f'{{"name":"query","counter":{counter}}}')
    extension.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    worker.result('{"name":"query","counter":3}')
    assert ended_soon(lambda: extension.end(signal.SIGINT)) == 0
    assert counters(journal) == [0, 1, 2, 3]
    assert not os.path.exists(path)
    assert "deregisterExtension" in worker.calls_so_far()


def test_while_it_ends_it_calls_no_other_osqueryd(worker, run, tmp_path):
    """Another one at the same path is neither registered with nor told that an extension of this number has gone."""
    worker = worker()
    extension = run(worker)
    extension.process.send_signal(signal.SIGINT)
    other = Manager(worker.path, uuid=worker.uuid + 1).start()
    try:
        # Longer than the interval in which it looks otherwise.
        time.sleep(2)
        worker.result("{}")
        assert ended_soon(lambda: extension.end(signal.SIGINT)) == 0
        assert other.calls == []
    finally:
        other.stop()


def test_without_an_osqueryd_to_serve_it_ends_at_once(worker, run, monkeypatch):
    monkeypatch.setenv("OSQUERY_EXTENSION", "true")
    worker = worker()
    extension = run(worker)
    worker.stop()
    # It waits for a new worker.
    wait_until(lambda: "extensions" in extension.words())
    assert extension.process.poll() is None
    assert ended_soon(extension.end) == 0


def test_the_osqueryd_that_has_started_it_is_not_waited_for(manager, extension):
    """osqueryi, and osqueryd with --disable_watchdog: it waits for the extension."""
    assert ended_soon(extension.end) == 0
    assert extension.words() == ""
    assert manager.calls[-1] == "deregisterExtension"
