"""What one systemd-journal-remote takes: many hosts upload to it at once, and it is ended and started in between. Run with
`make bench-receiver`, beside a systemd-journald of its own; writes Markdown.

    receiver.py EXTENSION BUILD
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from session import Session, in_journal

HOSTS, LINES, SIZE = 20, 5000, 400
URL = "127.0.0.1:19534"
REMOTE, UPLOAD = "/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-upload"


def journalctl(*arguments):
    return subprocess.run(["journalctl", "-q", *arguments], stdout=subprocess.PIPE, check=True).stdout


def make_hosts(extension, build, folder):
    """A journal a host, with the lines that osqueryd would have brought there."""
    session = Session(f"{build}/driver", "host", [extension], folder)
    session.ask(f"results {LINES} {SIZE} 1")
    while in_journal(session.pid) < LINES:
        time.sleep(0.1)
    export = journalctl("OSQUERY_LOG_TYPE=string", "-o", "export", "--all")
    session.end()
    for number in range(HOSTS):
        os.makedirs(f"{folder}/hosts/{number}")
        text = export.replace(b"OSQUERY_HOST_IDENTIFIER=web-01", b"OSQUERY_HOST_IDENTIFIER=host-%d" % number)
        subprocess.run([REMOTE, "-o", f"{folder}/hosts/{number}/host.journal", "-"], input=text, check=True, stderr=subprocess.DEVNULL)


class Receiver:
    def __init__(self, folder):
        self.output = f"{folder}/received"
        os.makedirs(self.output, exist_ok=True)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [REMOTE, f"--listen-http={URL}", "--split-mode=none", f"--output={self.output}/all.journal"], stderr=subprocess.DEVNULL)
        time.sleep(0.5)

    def lines(self):
        try:
            return journalctl(f"--directory={self.output}", "OSQUERY_LOG_TYPE=string", "-o", "cat", "--output-fields=PRIORITY").count(b"\n")
        except subprocess.CalledProcessError:
            return 0

    def size(self):
        return sum(os.stat(os.path.join(self.output, name)).st_blocks * 512 for name in os.listdir(self.output))


class Host:
    def __init__(self, folder, number, state):
        self.command = [
            UPLOAD, f"--url=http://{URL}", f"--directory={folder}/hosts/{number}", f"--save-state={folder}/{state}-{number}", "--follow=no"]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)

    def is_done(self):
        """Whether all is uploaded; one that failed is started again, as its unit does."""
        code = self.process.poll()
        if code not in (None, 0):
            self.start()
        return code == 0


def run(folder, name, restart):
    receiver = Receiver(f"{folder}/{name}")
    begin = time.monotonic()
    hosts = [Host(folder, number, name) for number in range(HOSTS)]
    if restart:
        time.sleep(1)
        receiver.process.terminate()
        receiver.process.wait()
        receiver.start()
    deadline = begin + 240
    while not all([host.is_done() for host in hosts]) and time.monotonic() < deadline:
        time.sleep(0.1)
    seconds = time.monotonic() - begin
    receiver.process.terminate()
    receiver.process.wait()
    lines = receiver.lines()
    entries = map(json.loads, journalctl(
        f"--directory={receiver.output}", "OSQUERY_LOG_TYPE=string", "-o", "json",
        "--output-fields=OSQUERY_HOST_IDENTIFIER,OSQUERY_COUNTER").splitlines())
    distinct = len({(entry["OSQUERY_HOST_IDENTIFIER"], entry["OSQUERY_COUNTER"]) for entry in entries})
    for host in hosts:
        if host.process.poll() is None:
            host.process.kill()
    return {"lines": lines, "seconds": seconds, "size": receiver.size(), "distinct": distinct}


def main():
    extension, build = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="receiver-") as folder:
        make_hosts(extension, build, folder)
        plain, restarted = run(folder, "plain", False), run(folder, "restarted", True)
    wanted = HOSTS * LINES
    for result in (plain, restarted):
        if result["distinct"] != wanted:
            sys.exit(f"Of {wanted} lines {result['distinct']} arrived.")
    print(f"{HOSTS} hosts, {LINES:,} results of {SIZE} bytes each, one receiver, all on one machine of {os.cpu_count()} processors:\n")
    print("| | lines lost | sent again | lines/s | bytes on disk a line |\n|---|---|---|---|---|")
    for name, result in (("undisturbed", plain), ("receiver ended and started", restarted)):
        print(
            f"| {name} | {wanted - result['distinct']} | {result['lines'] - wanted:,} | {result['lines'] / result['seconds']:,.0f} | "
            f"{result['size'] / result['lines']:,.0f} |")


main()
