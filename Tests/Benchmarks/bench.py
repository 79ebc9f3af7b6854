"""Measures the extension beside its peers, and writes what it measured. Run with `make bench`, beside a systemd-journald of its own.

All are driven as osqueryd drives an extension, in turn within one run: ratios are taken round by round, and hold where the machine's
speed drifts. That no line was lost is looked up in the journal at the end. Prints nothing but what it is doing: report.py makes the
tables.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from session import Session, in_journal

SIZES = {"100 B": 100, "400 B": 400, "4 KiB": 4096}
BATCHES = (1, 8, 100)
SNAPSHOTS = {"1 MiB": (1 << 20, 20), "16 MiB": (16 << 20, 2), "64 MiB": (64 << 20, 1)}
CALLERS = (1, 4, 16)
# Where the caller and the extension run: a wake-up on the same processor costs a third of one on another, and a run that is left alone
# has a mixture of both.
FIRST, SECOND = {0}, {min(1, os.cpu_count() - 1)}
PLACES = {"the same processor": (FIRST, FIRST), "two processors": (FIRST, SECOND)}
PAYLOADS = (100, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)
CONNECTIONS = (0, 10, 100, 300, 1000)
SOAK_PARTS = 20


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.results = {}
        build = options.build
        ours = [options.extension]
        self.peers = {"extension": (ours, {}), "floor": ([f"{build}/floor"], {})}
        self.missing = {}
        for name, command in {
            "C++ SDK": [f"{build}/sdk"],
            "Python SDK": [options.python, os.path.join(os.path.dirname(os.path.abspath(__file__)), "sdk.py")],
        }.items():
            if os.path.exists(command[0]):
                self.peers[name] = (command, {})
            else:
                self.missing[name] = f"{command[0]} was not built"
        self.sessions = {}

    def start(self, name, environment=None):
        command, base = self.peers[name]
        label = name.replace(" ", "-").replace("+", "p")
        return Session(f"{self.options.build}/driver", label, command, self.directory, base | (environment or {}))

    def note(self, scenario, case, name, answer):
        self.results.setdefault(scenario, {}).setdefault(str(case), {}).setdefault(name, []).append(answer)

    def in_turn(self, scenario, case, command, names, rounds=None):
        """One round that does not count, then the others, each of all peers in turn."""
        for number in range((rounds or self.options.rounds) + 1):
            for name in names:
                answer = self.sessions[name].ask(command)
                if number:
                    self.note(scenario, case, name, answer)

    def run(self):
        everyone = list(self.peers)
        say("starts")
        for _ in range(self.options.starts):
            for name in everyone:
                session = self.start(name)
                self.note("start", "", name, session.start)
                session.end()
        self.sessions = {name: self.start(name) for name in everyone}
        self.sessions["floor, 4 threads"] = Session(
            f"{self.options.build}/driver", "floor4", self.peers["floor"][0], self.directory, {"FLOOR_THREADS": "4"})
        time.sleep(3)
        self.memory("idle")
        for label, size in SIZES.items():
            say(f"results of {label}")
            self.in_turn("results", label, f"results {self.options.lines} {size} 1", everyone)
        for place, processors in PLACES.items():
            say(f"results of 400 bytes, on {place}")
            for name in everyone:
                self.sessions[name].pin(*processors)
            self.in_turn("places", place, f"results {self.options.lines} 400 1", everyone)
        for name in everyone:
            self.sessions[name].pin(FIRST | SECOND, FIRST | SECOND)
        for callers in CALLERS[1:]:
            say(f"{callers} callers")
            self.in_turn(
                "callers", callers, f"results {self.options.lines} 400 {callers}", [*everyone, "floor, 4 threads"])
        pair = ["extension", "floor"]
        for batch in BATCHES:
            say(f"status lines, {batch} a call")
            self.in_turn("status", batch, f"status {self.options.lines * min(batch, 8)} {batch}", pair)
        for label, (size, count) in SNAPSHOTS.items():
            say(f"snapshots of {label}")
            self.in_turn("snapshots", label, f"snapshot {count} {size}", everyone if size < 2 << 20 else pair, 5)
        time.sleep(1)
        self.memory("after 64 MiB")
        self.soak()
        say("payloads")
        for size in PAYLOADS:
            self.in_turn("payload", size, f"results {max(20, min(2000, (16 << 20) // size))} {size} 1", pair, 3)
        say("open connections")
        for count in CONNECTIONS:
            for name in ("extension",):
                self.sessions[name].ask(f"connect {count}")
                for _ in range(3):
                    self.note("connections", count, name, self.sessions[name].ask("results 2000 400 1"))
        self.sessions["extension"].ask("connect 0")
        self.verify()
        self.spooling()
        for session in self.sessions.values():
            session.end()

    def memory(self, moment):
        for name in self.sessions:
            self.note("memory", moment, name, self.sessions[name].ask("memory"))

    def soak(self):
        say(f"soak of {self.options.soak} lines")
        session = self.sessions["extension"]
        for part in range(SOAK_PARTS):
            answer = session.ask(f"results {self.options.soak // SOAK_PARTS} 400 1")
            answer |= session.ask("memory")
            self.note("soak", (part + 1) * self.options.soak // SOAK_PARTS, "extension", answer)
        self.memory(f"after {self.options.soak} lines")

    def verify(self):
        """All lines are in the journal."""
        say("looking for all lines in the journal")
        for name, session in self.sessions.items():
            found, deadline = -1, time.monotonic() + 120
            # One batch of status lines is one entry for those that do not take it apart, and was not sent to them.
            while found < session.sent and time.monotonic() < deadline:
                time.sleep(1)
                found = in_journal(session.pid)
            if found != session.sent:
                sys.exit(f"{name}: {session.sent} lines were sent, {found} are in the journal.")
            self.note("verified", "", name, {"lines": found})

    def spooling(self):
        """journald is away, and comes back."""
        say("journald is away")
        session = self.sessions["extension"]
        journald = int(os.environ["JOURNALD_PID"])
        os.kill(journald, signal.SIGTERM)
        while os.path.exists(f"/proc/{journald}") and "Z" not in open(f"/proc/{journald}/stat").read().rsplit(")", 1)[1][:3]:
            time.sleep(0.05)
        before = session.sent
        for callers in (1, 4):
            self.note("spool", callers, "extension", session.ask(f"results {self.options.lines} 400 {callers}"))
        spooled = session.sent - before
        cpu = self.cpu(session.pid)
        successor = subprocess.Popen([os.environ["JOURNALD_START"]])
        with open("/run/systemd/journald.pid", "w") as file:
            file.write(str(successor.pid))
        while not os.path.exists("/run/systemd/journal/socket"):
            time.sleep(0.001)
        begin = time.monotonic()
        # The last thing that is done with what was replayed: its place on the disk is given back.
        spool = os.path.join(self.directory, "extension.spool")
        while any(os.path.getsize(os.path.join(spool, name)) for name in os.listdir(spool) if name.endswith("-wal")):
            time.sleep(0.002)
        seconds = time.monotonic() - begin
        self.note("replay", "", "extension", {
            "lines": spooled, "lines_per_s": spooled / seconds, "cpu_per_1000": (self.cpu(session.pid) - cpu) / spooled * 1e6})

    @staticmethod
    def cpu(pid):
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("extension")
    parser.add_argument("build", help="the folder with driver, floor and sdk")
    parser.add_argument("python", help="an interpreter with osquery and systemd-python")
    parser.add_argument("output")
    parser.add_argument("--lines", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--soak", type=int, default=100_000)
    options = parser.parse_args()
    begin = time.monotonic()
    directory = tempfile.mkdtemp(prefix="bench-")
    try:
        bench = Bench(options, directory)
        bench.run()
    finally:
        shutil.rmtree(directory)
    with open(options.output, "w") as file:
        json.dump({"results": bench.results, "missing": bench.missing, "seconds": time.monotonic() - begin}, file)
    say(f"{time.monotonic() - begin:.0f} s")


main()
