"""What tests of faults share: callers that know what was acknowledged, and a disk that is soon full."""

import contextlib
import subprocess
import threading
import time

from osqueryd import wait_until

# What marks the entries that open a stream and close it.
OPENED = "2cc246c37e2c45388385f8b2b6665767"
CLOSED = "71930729557f418b9f6a903ac30bf017"
NOW = {"OSQUERY_JOURNAL_WAIT": "0"}
FAST = {"OSQUERY_JOURNAL_WAIT": "0.2"}


class Load:
    """Callers that send numbered results until they are told to stop, and note what was acknowledged."""

    def __init__(self, manager, callers=1, pause=0.0, name="line"):
        self.manager, self.pause, self.name = manager, pause, name
        self.acknowledged = [0] * callers
        self.failures = []
        self.stopping = False
        self.threads = [threading.Thread(target=self._run, args=(caller,)) for caller in range(callers)]
        for thread in self.threads:
            thread.start()

    def _run(self, caller):
        while not self.stopping:
            number = self.acknowledged[caller]
            try:
                self.manager.result(text(self.name, caller, number))
            except Exception as failure:
                self.failures.append(failure)
                return
            self.acknowledged[caller] = number + 1
            time.sleep(self.pause)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def text(name, caller, number):
    return f'{{"name":"{name}{caller}","counter":{number}}}'


def send(manager, name, numbers):
    for number in numbers:
        manager.result(text(name, 0, number))


def entries_of(journal, name, caller):
    return [int(e["OSQUERY_COUNTER"]) for e in journal.entries(f"OSQUERY_QUERY_NAME={name}{caller}")]


def all_there(journal, load, timeout=30):
    """Waits for the replay to end; none missing, none doubled, in order within a caller."""
    total = sum(load.acknowledged)
    last = [f"{load.name}{caller}" for caller in range(len(load.acknowledged))]
    wait_until(
        lambda: sum(len(entries_of(journal, load.name, caller)) for caller in range(len(last))) >= total, timeout, 0.3)
    for caller, count in enumerate(load.acknowledged):
        assert count > 0
        assert entries_of(journal, load.name, caller) == list(range(count))
    assert load.failures == []


@contextlib.contextmanager
def small_disk(folder, mode="rw"):
    """A tmpfs of 8 MiB."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{mode},size=8m", "tmpfs", disk], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)
