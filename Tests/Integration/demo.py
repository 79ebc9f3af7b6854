"""The main job, end to end: osqueryd's logs, in the journal; then the other kinds of plugin. `make demo` runs it.

With an osqueryd on PATH it is that one, started as users start it; else osquery-stand-in, the program of OsqueryTesting, plays its
part over the same protocol, with requests that a running osqueryd sent.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from github import CONFIG as GIST, ID, GitHub, make_certificate
from observed import observed_requests

CONFIG = {"schedule": {"demo": {"query": "SELECT hour, minutes, seconds FROM time", "interval": 2}}}


def with_osqueryd(osqueryd, extension, directory):
    """The name of the query whose results are to be shown."""
    print(f"osqueryd is {osqueryd}, started as users start it.")
    with open(f"{directory}/extensions.load", "w") as file:
        file.write(extension + "\n")
    with open(f"{directory}/osquery.conf", "w") as file:
        json.dump(CONFIG, file)
    command = [
        osqueryd,
        f"--extensions_autoload={directory}/extensions.load",
        f"--pidfile={directory}/osquery.pid",
        f"--database_path={directory}/osquery.db",
        f"--extensions_socket={directory}/osquery.sock",
        f"--config_path={directory}/osquery.conf",
        "--logger_plugin=journal",
    ]
    print("+ " + " ".join(command))
    process = subprocess.Popen(command)
    time.sleep(12)
    process.terminate()
    process.wait(20)
    return "demo"


class StandIn:
    """osquery-stand-in under way."""

    def __init__(self, program, path):
        self.path = path
        self._process = subprocess.Popen(
            [program, "--socket", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, registry, item, request):
        """The plugin's answer: code, message and rows."""
        self._process.stdin.write(json.dumps({"registry": registry, "item": item, "request": request}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        return json.loads(answer) if answer else sys.exit("osquery-stand-in has ended.")

    def rows(self, registry, item, request):
        """The rows of an answer; what went wrong is printed."""
        answer = self.call(registry, item, request)
        if answer["code"] != 0:
            print(answer["message"])
        return answer["rows"]

    def end(self):
        self._process.stdin.close()
        self._process.wait(10)


def with_stand_in(program, extension, directory):
    requests = [line for line in observed_requests() if line["registry"] == "logger"]
    print(f"There is no osqueryd on PATH: a stand-in plays its part, with {len(requests)} requests that a running one sent.")
    manager = StandIn(program, f"{directory}/osquery.sock")
    command = [extension, "--socket", manager.path, "--timeout", "3", "--interval", "3"]
    print("+ " + " ".join(command))
    process = subprocess.Popen(command)
    try:
        for line in requests:
            answer = manager.call(line["registry"], line["item"], line["request"])
            if answer["code"] != (1 if line["request"].get("action") == "features" else 0):
                sys.exit(f"The extension answered with status {answer['code']}: {answer['message']}")
        other_kinds(manager, extension)
    finally:
        # As osqueryd ends: all at once, and the extension last.
        process.terminate()
        manager.end()
        code = process.wait(5)
    if code != 0:
        sys.exit(f"The extension ended with code {code}.")
    return "removed_row"


def other_kinds(manager, extension):
    """A table, the configuration out of a gist, and a live query."""
    print("\nThe table journal_logger: SELECT entries_sent, bytes_sent, uptime, version FROM journal_logger")
    for row in manager.rows("table", "journal_logger", {"action": "generate", "context": "{}"}):
        print({name: row[name] for name in ("entries_sent", "bytes_sent", "uptime", "version")})

    print("\nThe table systemd: SELECT name, sub_state FROM systemd WHERE name LIKE 'systemd-journald%'")
    context = {
        "constraints": [{"name": "name", "list": [{"op": 65, "expr": "systemd-journald%"}], "affinity": "TEXT"}],
        "colsUsed": ["name", "sub_state"]}
    for unit in manager.rows("table", "systemd", {"action": "generate", "context": json.dumps(context)}):
        print({name: unit[name] for name in ("name", "sub_state")})

    print("\nThe configuration out of a gist, from a stand-in for GitHub on loopback:")
    for row in manager.rows("config", "gist", {"action": "genConfig"}):
        print(row["gist"])

    print("A live query:")
    stopping = threading.Event()
    thread = threading.Thread(target=answer_live_queries, args=(manager, stopping))
    thread.start()
    command = [extension, "ask", "SELECT hour, minutes FROM time"]
    print("+ " + " ".join(command), flush=True)
    try:
        subprocess.run(command, check=True)
    finally:
        stopping.set()
        thread.join()


def answer_live_queries(manager, stopping):
    """What osqueryd does: asks for queries, runs them, brings their results."""
    while not stopping.wait(0.1):
        (row,) = manager.rows("distributed", "directory", {"action": "getQueries"})
        queries = json.loads(row["results"])["queries"]
        if queries:
            rows = [{"hour": time.strftime("%H"), "minutes": time.strftime("%M")}]
            results = {"queries": {name: rows for name in queries}, "statuses": {name: 0 for name in queries}}
            manager.call("distributed", "directory", {"action": "writeResults", "results": json.dumps(results)})


def show(title, command):
    print(f"\n{title}\n+ {command}", flush=True)
    output = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(output, end="")
    if not output:
        sys.exit("Nothing was found in the journal.")


def main():
    # Not below /tmp: osqueryd runs no extension from there. Removed at the end.
    with tempfile.TemporaryDirectory(prefix="osquery-demo-", dir="/run") as directory:
        extension = f"{directory}/tutorial-extension.ext"
        shutil.copy(sys.argv[1], extension)
        os.chmod(extension, 0o555)
        os.environ["OSQUERY_JOURNAL_SPOOL"] = f"{directory}/spool"
        os.environ["OSQUERY_DISTRIBUTED_DIRECTORY"] = f"{directory}/queries"
        os.mkdir(f"{directory}/queries", 0o700)
        github = GitHub(*make_certificate(pathlib.Path(directory)))
        github.serve({"osquery.conf": GIST})
        os.environ.update(
            OSQUERY_CONFIG_GIST=ID, OSQUERY_CONFIG_GIST_URL=github.url, SSL_CERT_FILE=f"{directory}/localhost.pem",
            STATE_DIRECTORY=f"{directory}/state")
        since = f"--since=@{int(time.time())}"
        osqueryd = shutil.which("osqueryd")
        name = with_osqueryd(osqueryd, extension, directory) if osqueryd else with_stand_in(sys.argv[2], extension, directory)
        subprocess.run(["journalctl", "--sync"], check=True)
        show("osqueryd's own log lines:", f"journalctl -q {since} OSQUERY_LOG_TYPE=status -o cat")
        show(f"The results of the query “{name}”:", f"journalctl -q {since} OSQUERY_QUERY_NAME={name} -o cat")
        fields = "OSQUERY_QUERY_NAME,OSQUERY_ACTION,OSQUERY_HOST_IDENTIFIER,PRIORITY"
        show("The newest of them, as fields:", f"journalctl -q {since} OSQUERY_QUERY_NAME={name} -n 1 -o verbose --output-fields={fields}")


main()
