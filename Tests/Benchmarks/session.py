"""An extension under measurement, driven by driver.cpp as osqueryd drives one."""

import json
import os
import subprocess


class Session:
    def __init__(self, driver, name, command, directory, environment=None, quiet=False):
        self.name = name
        self.sent = 0
        self.process = subprocess.Popen(
            [driver, os.path.join(directory, f"{name}.em"), *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None, text=True,
            cwd=directory,
            env=os.environ | {"OSQUERY_JOURNAL_SPOOL": os.path.join(directory, f"{name}.spool")} | (environment or {}))
        first = self.process.stdout.readline()
        if not first:
            raise RuntimeError(f"{command[0]} has not registered.")
        self.start = json.loads(first)
        self.pid = self.start["pid"]

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} has ended in “{command}”.")
        answer = json.loads(answer)
        self.sent += answer.get("lines", 0)
        return answer

    def pin(self, driver, extension):
        """Keeps the driver's threads and the extension's on these processors."""
        for pid, processors in ((self.process.pid, driver), (self.pid, extension)):
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), processors)

    def end(self):
        self.process.stdin.write("end\n")
        self.process.stdin.flush()
        self.process.wait(30)


def in_journal(pid):
    """Entries of osqueryd's logs that a process has brought into the journal."""
    output = subprocess.run(
        ["journalctl", "-q", f"_PID={pid}", "SYSLOG_IDENTIFIER=osqueryd", "-o", "cat", "--output-fields=PRIORITY"],
        stdout=subprocess.PIPE, check=True).stdout
    return output.count(b"\n")
