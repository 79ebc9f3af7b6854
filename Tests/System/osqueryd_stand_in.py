"""osqueryd's pair of processes, for a unit: a watcher that starts a worker and what extensions.load lists and starts again what has
ended, and a worker that sends numbered lines for as long as it is asked to.

    osqueryd_stand_in.py --flagfile=FILE

The worker reads how many status lines it shall have sent in all from LINES in the folder of the socket, and writes there how many were
acknowledged. On SIGTERM it ends, as osqueryd's does: where QUERY is there, a query is under way, and it first runs that to its end, for
2 s, and logs its rows. How many it has recorded as delivered so far is in recorded.
"""

import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Integration"))
from osquery.extensions.ttypes import ExtensionResponse, ExtensionStatus  # noqa: E402
from osqueryd import Manager  # noqa: E402

BATCH = 20
# Rows of the query under way.
ROWS = 20
QUERY_SECONDS = 2
# After which osqueryd's watcher kills what has not ended (osquery: core/watcher.cpp, stopChild, with --alarm_timeout=15).
STOP_SECONDS = 11


def flags(path):
    with open(path) as file:
        return dict(line.strip().removeprefix("--").split("=", 1) for line in file if "=" in line)


def number(path):
    try:
        with open(path) as file:
            return int(file.read() or 0)
    except FileNotFoundError:
        return 0


def write_number(path, value):
    with open(f"{path}.new", "w") as file:
        file.write(str(value))
    os.rename(f"{path}.new", path)


class Worker(Manager):
    def query(self, sql):
        """What osqueryd says of its logger, which is all that it is asked."""
        return ExtensionResponse(ExtensionStatus(0, "OK", 0), [{"active": "1"}] if "osquery_registry" in sql else [])

    def finish_query(self, folder):
        """Rows are recorded as delivered before they are logged: there is no second try."""
        first = number(f"{folder}/recorded")
        write_number(f"{folder}/recorded", first + ROWS)
        for row in range(first, first + ROWS):
            time.sleep(QUERY_SECONDS / ROWS)
            try:
                self.result(json.dumps({"name": "under_way", "counter": row, "action": "added", "columns": {}}))
            except Exception as problem:
                print(f"Error logging the results of query under_way: {problem}", file=sys.stderr)


def worker(options):
    socket = options["extensions_socket"]
    folder = os.path.dirname(socket)
    if os.path.exists(socket):
        os.unlink(socket)
    manager = Worker(socket, logger_plugin=options["logger_plugin"]).start()
    sent = number(f"{folder}/acknowledged")
    is_ending = []

    def end(*_):
        is_ending.append(True)
        # With all sockets' names, and only then the query is finished (osquery: extensions/interface.cpp, removeStalePaths).
        for name in glob.glob(f"{socket}*"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    signal.signal(signal.SIGTERM, end)
    while not is_ending:
        if sent >= number(f"{folder}/LINES") or not manager.extensions_by_uuid:
            time.sleep(0.01)
            continue
        lines = [{"s": 0, "f": "load.cpp", "i": sent + n, "m": "load", "h": "h", "c": "c", "u": 1} for n in range(BATCH)]
        try:
            manager.status(json.dumps(lines))
        except Exception as problem:  # A dead extension: osqueryd would lose these lines, we send them again.
            print(problem, file=sys.stderr)
            time.sleep(0.05)
            continue
        sent += BATCH
        write_number(f"{folder}/acknowledged", sent)
    if os.path.exists(f"{folder}/QUERY"):
        manager.finish_query(folder)
    # As osqueryd does: whoever still calls it is not waited for.
    os._exit(0)


def watcher(options):
    socket = options["extensions_socket"]
    with open(options["extensions_autoload"]) as file:
        extensions = [line.strip() for line in file if line.strip() and line[0] not in "#;"]
    commands = [[sys.executable, os.path.abspath(__file__), sys.argv[1], "--worker"]]
    commands += [[path, "--socket", socket, "--timeout", "3", "--interval", "1"] for path in extensions]
    environment = os.environ | {"OSQUERY_EXTENSION": "true"}
    processes = [subprocess.Popen(command, env=environment) for command in commands]

    def end(*_):
        # systemd has sent one to each process, and that is enough.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    try:
        while True:
            time.sleep(0.5)
            for index, process in enumerate(processes):
                if process.poll() is not None:
                    processes[index] = subprocess.Popen(commands[index], env=environment)
    finally:
        stop(processes)
        if os.path.exists(socket):
            os.unlink(socket)


def stop(processes):
    """Worker and extensions at once, each of which has got SIGTERM from systemd before."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


options = flags(sys.argv[1].removeprefix("--flagfile="))
worker(options) if "--worker" in sys.argv else watcher(options)
