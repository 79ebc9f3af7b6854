"""Measures the extension beside a hand-written C one (floor.c) that does the same sends and nothing else.

Run with `make bench`. Both are driven as osqueryd drives an extension, a ping and a call connection each line, in turn within
one run: the ratios hold where the machine's speed drifts. Prints a table; asserts only that no line was lost.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../Integration"))
from osqueryd import Manager, wait_until  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def proc(pid):
    """CPU seconds, and memory in KiB, of a process."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.split(":", 1) for line in file if ":" in line)
    kib = {name: int(status[name].split()[0]) for name in ("RssAnon", "VmRSS", "VmHWM")}
    return (int(fields[11]) + int(fields[12])) / TICK, kib


def result(number, size):
    head = (
        '{"name":"bench","hostIdentifier":"web-01","calendarTime":"Mon Nov 23 09:34:12 2026 UTC","unixTime":1795426452,'
        '"epoch":0,"counter":%d,"numerics":false,"columns":{"padding":"' % number
    )
    tail = '"},"action":"added"}'
    return head + "x" * (size - len(head) - len(tail)) + tail


class Run:
    """An extension under measurement, registered with a manager of its own."""

    def __init__(self, command, directory, name):
        self.manager = Manager(os.path.join(directory, name)).start()
        begin = time.monotonic()
        self.process = subprocess.Popen([command, "--socket", self.manager.path, "--timeout", "3", "--interval", "3"])
        assert self.manager.registered.wait(5), f"{command} has not registered"
        self.start = self.manager.registered_at - begin
        wait_until(lambda: os.path.exists(self.manager.extension_path), pause=0.0005)

    def lines(self, count, size):
        """Sends results; CPU milliseconds per 1,000 and the median time of a line in microseconds."""
        texts = [result(number, size) for number in range(count)]
        before, _ = proc(self.process.pid)
        times = []
        for text in texts:
            begin = time.perf_counter()
            self.manager.result(text)
            times.append(time.perf_counter() - begin)
        after, _ = proc(self.process.pid)
        return (after - before) * 1e6 / count, statistics.median(times) * 1e6

    def memory(self):
        return proc(self.process.pid)[1]

    def end(self):
        self.manager.shutdown()
        self.process.wait(5)
        self.manager.stop()


def in_journal():
    output = subprocess.run(
        ["journalctl", "-q", "OSQUERY_LOG_TYPE=string", "-o", "cat", "--output-fields=PRIORITY"],
        stdout=subprocess.PIPE, check=True).stdout
    return output.count(b"\n")


def spread(values):
    return f"{statistics.median(values):8.1f}  ({min(values):.1f} … {max(values):.1f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("extension")
    parser.add_argument("floor")
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--soak", type=int, default=100_000)
    options = parser.parse_args()
    sent = 0
    with tempfile.TemporaryDirectory() as directory:
        os.environ["OSQUERY_JOURNAL_SPOOL"] = os.path.join(directory, "spool")
        starts = {"extension": [], "floor": []}
        for number in range(20):
            for name in starts:
                run = Run(getattr(options, name), directory, f"start-{name}-{number}")
                starts[name].append(run.start * 1000)
                run.end()
        runs = {name: Run(getattr(options, name), directory, name) for name in starts}
        idle = runs["extension"].memory()
        cpu, median, ratios = {n: [] for n in runs}, {n: [] for n in runs}, []
        for _ in range(options.rounds):
            for name, run in runs.items():
                milliseconds, microseconds = run.lines(options.lines, 400)
                cpu[name].append(milliseconds)
                median[name].append(microseconds)
                sent += options.lines
            ratios.append(cpu["extension"][-1] / cpu["floor"][-1])
        busy = runs["extension"].memory()
        runs["extension"].lines(options.soak, 400)
        sent += options.soak
        soaked = runs["extension"].memory()
        for run in runs.values():
            run.end()
    wait_until(lambda: in_journal() == sent, timeout=60, pause=1)
    print(f"{sent} lines sent, as many in the journal. Medians (least … most):")
    for name in runs:
        print(f"{name:10} start → registered, ms       {spread(starts[name])}")
    for name in runs:
        print(f"{name:10} CPU per 1,000 lines, ms      {spread(cpu[name])}")
        print(f"{name:10} p50 of a line, µs            {spread(median[name])}")
    print(f"extension ÷ floor, CPU                  {statistics.median(ratios):8.2f}  ({min(ratios):.2f} … {max(ratios):.2f})")
    for label, memory in (("idle", idle), (f"after {options.rounds * options.lines}", busy), (f"after {options.soak} more", soaked)):
        print(f"extension  memory {label}: " + ", ".join(f"{name} {kib} KiB" for name, kib in memory.items()))


main()
