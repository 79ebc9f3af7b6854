"""Runs the micro-benchmarks, simdjson on the same texts, and dd for what the disk gives; prints Markdown. Run with `make bench`.

With a file system in memory at BENCH_TMPFS, a folder on disk at BENCH_DISK, and no systemd-journald to be seen.
"""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys

MICRO, SIMD = sys.argv[1:3]


def micro():
    output = subprocess.run([MICRO, "--format", "json", "--quiet"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return [(row["name"], float(row["time"])) for row in json.loads(output)["benchmarks"]]


def duration(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"


def entry_size(folder):
    """Bytes of an entry of 400 bytes as it is in the spool, with its fields."""
    [name] = [name for name in os.listdir(folder) if name.endswith(".db")]
    with contextlib.closing(sqlite3.connect(os.path.join(folder, name))) as database:
        return database.execute("SELECT length(body) FROM entries WHERE number > 2 LIMIT 1").fetchone()[0]


def dsync(folder, size, count=4000):
    """Writes of the size of an entry a second, each flushed."""
    output = subprocess.run(
        ["dd", "if=/dev/zero", f"of={folder}/dd", f"bs={size}", f"count={count}", "oflag=dsync"],
        stderr=subprocess.PIPE, text=True, check=True, env=os.environ | {"LC_ALL": "C"}).stderr
    os.unlink(f"{folder}/dd")
    return count / float(re.search(r"copied, ([\d.]+) s", output).group(1))


def main():
    parts, spools = [], []
    for name, time in micro():
        spool = re.match(r"Spool: (\d+) entries of 400 bytes from (\d+) threads in calls of (\d+), (.*)", name)
        if spool:
            threads = f"{spool[2]} thread{'s' if spool[2] != '1' else ''}, {spool[3]} entr{'ies' if spool[3] != '1' else 'y'} a call"
            spools.append((spool[4], threads, int(spool[1]) / time * 1e9))
            continue
        if spool := re.match(r"Spool: read (\d+) entries", name):
            spools.append(("in memory", "read back", int(spool[1]) / time * 1e9))
            continue
        size = re.search(r"of (\d+) bytes", name)
        parts.append((name, duration(time), f"{int(size[1]) / time:.2f}" if size and name.startswith("JSON") else ""))
    for line in subprocess.run([SIMD], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines():
        size, kind, time = line.split()
        parts.append((f"simdjson: find the members of a {kind} of {size} bytes", duration(float(time)), f"{int(size) / float(time):.2f}"))
    print("| | median | bytes/ns |\n|---|---|---|")
    for row in parts:
        print("| " + " | ".join(row) + " |")
    print("\nThe spool, entries of 400 bytes, each on the disk before it is acknowledged; a commit serves all that wait:\n")
    print("| | | lines/s |\n|---|---|---|")
    for folder, threads, rate in spools:
        print(f"| {folder} | {threads} | {rate:,.0f} |")
    disk = os.environ["BENCH_DISK"]
    size = entry_size(f"{disk}/spool-1-1")
    print(f"| on disk | `dd bs={size} oflag=dsync`, one flush a write | {dsync(disk, size):,.0f} |")


main()
