"""The unit osqueryd.service, as osquery's package has it, on a system that has the Debian package. OSQUERYD names the osqueryd to run;
without it a stand-in takes its place.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../Integration"))
from osqueryd import connect  # noqa: E402

DEB = os.environ["DEB"]
OSQUERYD = os.environ.get("OSQUERYD")
FOLDER = "/var/osquery"
# Whether systemd can bound what a unit takes (cgroups(7)).
IS_UNIFIED = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
LIMITED = "" if IS_UNIFIED else os.path.join(HERE, "limited") + " "
UNIT = """[Unit]
Description=The osquery Daemon
After=network.service syslog.service

[Service]
TimeoutStartSec=0
ExecStart={command} --flagfile=/etc/osquery/osquery.flags --config_path=/etc/osquery/osquery.conf
Restart=on-failure
KillMode=control-group
KillSignal=SIGTERM
TimeoutStopSec=15
CPUQuota=20%

[Install]
WantedBy=multi-user.target
"""
FLAGS = ["--extensions_autoload=/etc/osquery/extensions.load", f"--extensions_socket={FOLDER}/em", "--logger_plugin=journal"]


def run(*command, check=True):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=check).stdout


def wait_until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, run("journalctl", "-n", "40", "--no-pager")
        time.sleep(0.1)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


class StandIn:
    """osqueryd_stand_in.py: its lines are status lines."""

    command = f"{sys.executable} {HERE}/osqueryd_stand_in.py"
    flags, configuration = FLAGS, {}
    match = ["OSQUERY_LOG_TYPE=status", "CODE_FILE=load.cpp"]
    field = "CODE_LINE"

    @staticmethod
    def number(entry):
        return int(entry["CODE_LINE"])

    def acknowledged(self):
        try:
            with open(f"{FOLDER}/acknowledged") as file:
                return int(file.read())
        except FileNotFoundError:
            return 0

    def send(self, count):
        total = self.acknowledged() + count
        write(f"{FOLDER}/LINES.new", str(total))
        os.rename(f"{FOLDER}/LINES.new", f"{FOLDER}/LINES")
        return total


class Osqueryd:
    """The program OSQUERYD: its lines are rows that two files' sizes tell a scheduled query to return."""

    command = OSQUERYD
    flags = [
        *FLAGS, f"--database_path={FOLDER}/osquery.db", f"--pidfile={FOLDER}/osquery.pid", "--extensions_timeout=10",
        "--schedule_splay_percent=0", "--watchdog_level=-1", "--disable_events"]
    match = ["OSQUERY_QUERY_NAME=load"]
    field = "MESSAGE"
    configuration = {
        "schedule": {
            "load": {
                "query": "WITH RECURSIVE bounds(first, last) AS MATERIALIZED (SELECT (SELECT size FROM file WHERE path = '{0}/FIRST'), "
                "(SELECT size FROM file WHERE path = '{0}/LAST')), rows(n) AS (SELECT first FROM bounds UNION ALL SELECT n + 1 FROM rows, "
                "bounds WHERE n + 1 < last) SELECT n FROM rows, bounds WHERE n < last".format(FOLDER),
                "interval": 1, "removed": False, "denylist": False},
            # Takes a few seconds of a fifth of a processor, where the file is there.
            "under_way": {
                "query": f"WITH RECURSIVE steps(n) AS (SELECT 1 FROM file WHERE path = '{FOLDER}/QUERY' UNION ALL SELECT n + 1 FROM steps "
                "WHERE n < 3000000) SELECT n / 300000 AS part, abs(random()) AS value FROM steps WHERE n % 300000 = 0",
                "interval": 1, "removed": False, "denylist": False},
            "clock": {"query": "SELECT unix_time FROM time", "interval": 1, "removed": False, "denylist": False},
            "unit": {"query": "SELECT name, pid FROM systemd WHERE name = 'osqueryd.service'", "interval": 1, "snapshot": True},
        }
    }

    def __init__(self):
        self._acknowledged = self._sent = self._runs = 0

    @staticmethod
    def number(entry):
        return int(json.loads(entry["MESSAGE"])["columns"]["n"])

    @staticmethod
    def runs():
        """How often its worker has run the query; None where it does not say."""
        try:
            with connect(f"{FOLDER}/em") as client:
                [row] = client.query("SELECT executions FROM osquery_schedule WHERE name = 'load'").response
                return int(row["executions"])
        except Exception:
            # It has been stopped, or is about to be there.
            return None

    def acknowledged(self):
        """One run can have been under way when the lines were asked for, the next returns them, and the one after that comes when they
        are logged."""
        runs = self.runs()
        if runs is not None:
            if runs < self._runs:
                self._runs = 0
            if runs >= self._runs + 3:
                self._acknowledged = self._sent
        return self._acknowledged

    def send(self, count):
        wait_until(lambda: self.runs() is not None, 60)
        self.acknowledged()
        self._runs = self.runs() or 0
        self._sent += count
        for name, size in (("LAST", self._sent), ("FIRST", self._acknowledged)):
            with open(f"{FOLDER}/{name}", "a") as file:
                file.truncate(size)
        return self._sent


lines = Osqueryd() if OSQUERYD else StandIn()
# How many it has logged so far; has it log so many more, and returns how many those will be in all.
acknowledged, send = lines.acknowledged, lines.send


def entries(*matches, fields=()):
    run("journalctl", "--sync")
    output = run("journalctl", "-q", "--all", "-o", "json", *matches, *([f"--output-fields={','.join(fields)}"] if fields else []))
    return [json.loads(line) for line in output.splitlines()]


def numbers():
    """The numbers of the lines that are in the journal, each as often as it is there."""
    return sorted(lines.number(entry) for entry in entries(*lines.match, fields=[lines.field]))


def install():
    """Installs the package, and starts the unit."""
    os.makedirs(FOLDER, exist_ok=True)
    write("/etc/osquery/osquery.flags", "\n".join([*lines.flags, ""]))
    write("/etc/osquery/osquery.conf", json.dumps(lines.configuration))
    write("/etc/systemd/system/osqueryd.service", UNIT.format(command=LIMITED + lines.command))
    run("dpkg", "--install", DEB)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--now", "osqueryd.service")
    wait_until(lambda: any(".ext" in command for command in pids()), 20)


JOURNALD = ["systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service"]


def stop_journald():
    run("systemctl", "stop", *JOURNALD)


def start_journald():
    # systemd starts nothing that was started five times in 10 s.
    run("systemctl", "reset-failed", *JOURNALD)
    run("systemctl", "start", *JOURNALD)


def set_in_unit(name, *settings):
    """A drop-in with these settings, or none."""
    path = f"/etc/systemd/system/osqueryd.service.d/{name}.conf"
    if settings:
        write(path, "\n".join(["[Service]", *settings, ""]))
    else:
        os.unlink(path)
    run("systemctl", "daemon-reload")


def pids():
    """The processes of the unit: the watcher and its children, by their command lines."""
    main = run("systemctl", "show", "--value", "-p", "MainPID", "osqueryd.service").strip()
    commands = {}
    # One may just have ended.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        children = []
        # Each thread has those that it has started.
        for thread in os.listdir(f"/proc/{main}/task"):
            with open(f"/proc/{main}/task/{thread}/children") as file:
                children += file.read().split()
        for pid in [main, *children]:
            with open(f"/proc/{pid}/cmdline") as file:
                commands[file.read()] = pid
        return commands
    return {}


def sockets(answering):
    """The sockets at which somebody answers, or nobody: one whose process was killed leaves its file."""
    found = set()
    for name in os.listdir(FOLDER):
        with socket.socket(socket.AF_UNIX) as client:
            if name.startswith("em") and (client.connect_ex(f"{FOLDER}/{name}") == 0) == answering:
                found.add(name)
    return found


def is_complete():
    """Whether all of osqueryd runs, and the extension has registered."""
    return len(pids()) == 3 and len(sockets(answering=True)) == 2
