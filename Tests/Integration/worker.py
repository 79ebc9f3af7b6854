"""osqueryd's worker, as a process of its own that has started no extension: a stand-in that finishes its query before it ends.

    worker.py SOCKET UUID ROWS SECONDS

On SIGTERM it logs ROWS results over SECONDS, in between the answer to the live query “live”, and ends. What happens it says on
standard output, a JSON object a line. A line “calls” on standard input has it say what it was called, and a line “log” has it log results, one
after the other, from then on: it goes on with that while it ends, and has no query to finish.
"""

import contextlib
import glob
import json
import os
import signal
import subprocess
import sys
import threading
import time

from osqueryd import FIRST_UUID, Manager, wait_until


class WorkerProcess(Manager):
    """A worker in a process of its own. Its extension can be called from here, too."""

    def __init__(self, path, rows=20, seconds=2.0, uuid=FIRST_UUID):
        super().__init__(path)
        command = [sys.executable, __file__, path, str(uuid), str(rows), str(seconds)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.read("listening")

    def read(self, name):
        """What it says under this name, next."""
        for line in self.process.stdout:
            said = json.loads(line)
            if name in said:
                self.last = said
                return said[name]
        raise AssertionError(f"the worker has ended and not said {name}")

    def wait_for_registration(self, timeout=5):
        self.extensions_by_uuid = {self.read("registered"): None}
        wait_until(lambda: os.path.exists(self.extension_path), timeout)

    def calls_so_far(self):
        self.process.stdin.write("calls\n")
        self.process.stdin.flush()
        return self.read("calls")

    def start_logging(self):
        """Has it log results from now on, until it ends."""
        self.process.stdin.write("log\n")
        self.process.stdin.flush()

    def logged(self):
        """Waits for it to end, and answers what it has logged meanwhile; what was lost fails the test."""
        logged = self.read("logged")
        assert self.process.wait(20) == 0
        assert self.last["lost"] == []
        return logged

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def say(**what):
    print(json.dumps(what), flush=True)


class Worker(Manager):
    def registerExtension(self, info, registry):
        status = super().registerExtension(info, registry)
        say(registered=status.uuid)
        return status

    def log_until_stopped(self):
        self.stopping = threading.Event()
        self.logging = threading.Thread(target=self._log)
        self.logging.start()

    logging = None

    def finish_logging(self):
        # For a while after the names of all sockets are gone.
        time.sleep(0.1)
        self.stopping.set()
        self.logging.join()

    def _log(self):
        logged, lost = [], []
        row = 0
        while not self.stopping.is_set():
            try:
                self.result(json.dumps({"name": "query", "counter": row, "columns": {}}))
                logged.append(row)
            except Exception as problem:
                lost.append(f"{row}: {problem!r}")
            row += 1
        say(logged=logged, lost=lost)

    def finish_query(self, rows, seconds):
        """What osqueryd has recorded as delivered before it calls the logger: there is no second try."""
        logged, lost = [], []
        for row in range(rows):
            time.sleep(seconds / rows)
            text = json.dumps({"name": "query", "counter": row, "columns": {"pid": os.getpid()}})
            try:
                self.result(text)
                logged.append(row)
                if row == rows // 2:
                    results = json.dumps({"queries": {"live": [{"row": str(row)}]}, "statuses": {"live": 0}})
                    assert self.call("distributed", "directory", {"action": "writeResults", "results": results}).status.code == 0
            except Exception as problem:
                lost.append(f"{row}: {problem!r}")
        say(logged=logged, lost=lost)


def main():
    path, uuid, rows, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    worker = Worker(path, uuid=uuid).start()

    def end(*_):
        # What osqueryd's worker takes for it, and more, as the extension may be slower here.
        time.sleep(0.05)
        # osqueryd's worker takes the names of all sockets with it, and only then finishes its query (osquery:
        # extensions/interface.cpp, removeStalePaths).
        for name in glob.glob(f"{path}*") if not os.environ.get("KEEPS_NAMES") else []:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        if worker.logging:
            worker.finish_logging()
        else:
            time.sleep(0.05)
            worker.finish_query(rows, seconds)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    say(listening=path)
    for line in sys.stdin:
        if line.strip() == "calls":
            say(calls=worker.calls)
        if line.strip() == "log":
            worker.log_until_stopped()


if __name__ == "__main__":
    main()
