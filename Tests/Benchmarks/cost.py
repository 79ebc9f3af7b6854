"""Counts the instructions and the heap allocations of a line, which hardly differ from run to run, and compares them with what
thresholds.json allows. Run with `make cost`; `--update` writes what was counted, and a tenth more, there.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

from session import Session

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "thresholds.json")
CASES = {
    "result of 400 bytes": "results 1000 400 1",
    "result of 4 KiB": "results 1000 4096 1",
    "status line, 8 a call": "status 8000 8",
}
ALLOCATORS = ("malloc", "calloc", "posix_memalign", "aligned_alloc")


def control(*arguments):
    subprocess.run(["callgrind_control", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def totals(path):
    """Instructions, and calls of the allocator's functions, in a profile of callgrind. A name is spelled once and then numbered; the
    line behind `calls=` is what the call cost, and counted where it was spent."""
    names, callee = {}, None
    instructions = calls = 0
    with open(path) as file:
        for line in file:
            if line.startswith("calls="):
                calls += int(line[6:].split()[0]) if callee in ALLOCATORS else 0
                next(file)
            elif line[0] in "+-*0123456789":
                instructions += int(line.split()[1])
            elif name := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
                if name[3]:
                    names[name[2]] = name[3].strip()
                if name[1] == "cfn":
                    callee = names.get(name[2])
    return instructions, calls


def count(extension, driver, command):
    """Instructions and allocations a line."""
    with tempfile.TemporaryDirectory() as directory:
        profile = os.path.join(directory, "profile")
        session = Session(driver, "cost", [
            "/usr/bin/valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={profile}", extension],
            directory, quiet=True)
        # What the first calls set up does not count, nor what the start leaves to a moment later.
        session.ask("results 200 400 1")
        session.ask("status 80 8")
        time.sleep(3)
        control("--instr=on", str(session.pid))
        lines = session.ask(command)["lines"]
        control("--instr=off", str(session.pid))
        session.end()
        instructions, calls = totals(profile)
        return {"instructions": round(instructions / lines), "allocations": round(calls / lines, 2)}


def main():
    extension, driver = sys.argv[1:3]
    counted = {name: count(extension, driver, command) for name, command in CASES.items()}
    if "--update" in sys.argv:
        allowed = {n: {"instructions": int(c["instructions"] * 1.1), "allocations": c["allocations"] + 0.5} for n, c in counted.items()}
        with open(FILE, "w") as file:
            json.dump(allowed, file, indent=4)
            file.write("\n")
    with open(FILE) as file:
        allowed = json.load(file)
    exceeded = False
    for name, cost in counted.items():
        for what, number in cost.items():
            most = allowed[name][what]
            exceeded |= number > most
            print(f"{name}: {number:g} {what}, {'more than the' if number > most else 'of'} {most:g} allowed")
    if exceeded:
        sys.exit("A line costs more than it may: make it cheaper, or say why in the commit that raises thresholds.json (--update).")


main()
