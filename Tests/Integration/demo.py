"""The main job, end to end: osqueryd's logs, in the journal; then the other kinds of plugin. `make demo` runs it.

With an osqueryd on PATH it is that one, started as users start it; else a stand-in plays its part over the same protocol, with
requests that a running osqueryd sent.
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
from osqueryd import Manager, observed_requests, wait_until

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


def with_stand_in(extension, directory):
    requests = [line for line in observed_requests() if line["registry"] == "logger"]
    print(f"There is no osqueryd on PATH: a stand-in plays its part, with {len(requests)} requests that a running one sent.")
    manager = Manager(f"{directory}/osquery.sock").start()
    command = [extension, "--socket", manager.path, "--timeout", "3", "--interval", "3"]
    print("+ " + " ".join(command))
    process = subprocess.Popen(command)
    try:
        manager.wait_for_registration()
        for line in requests:
            status = manager.call(line["registry"], line["item"], line["request"]).status
            if status.code != (1 if line["request"].get("action") == "features" else 0):
                sys.exit(f"The extension answered with status {status.code}: {status.message}")
        other_kinds(manager, extension, directory)
        manager.shutdown()
    finally:
        process.terminate()
        code = process.wait(5)
        manager.stop()
    if code != 0:
        sys.exit(f"The extension ended with code {code}.")
    return "removed_row"


def other_kinds(manager, extension, directory):
    """A table, the configuration out of a gist, and a live query."""
    print("\nThe table journal_logger: SELECT entries_sent, bytes_sent, uptime, version FROM journal_logger")
    (row,) = manager.generate("journal_logger")
    print({name: row[name] for name in ("entries_sent", "bytes_sent", "uptime", "version")})

    print("\nThe table systemd: SELECT name, sub_state FROM systemd WHERE name LIKE 'systemd-journald%'")
    response = manager.call("table", "systemd", {"action": "generate", "context": json.dumps({
        "constraints": [{"name": "name", "list": [{"op": 65, "expr": "systemd-journald%"}], "affinity": "TEXT"}],
        "colsUsed": ["name", "sub_state"]})})
    if response.status.code == 0:
        for unit in response.response:
            print({name: unit[name] for name in ("name", "sub_state")})
    else:
        print(response.status.message)

    print("\nThe configuration out of a gist, from a stand-in for GitHub on loopback:")
    response = manager.call("config", "gist", {"action": "genConfig"})
    print(response.response[0]["gist"] if response.status.code == 0 else response.status.message)

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
        response = manager.call("distributed", "directory", {"action": "getQueries"})
        queries = json.loads(response.response[0]["results"])["queries"]
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
        name = with_osqueryd(osqueryd, extension, directory) if osqueryd else with_stand_in(extension, directory)
        subprocess.run(["journalctl", "--sync"], check=True)
        show("osqueryd's own log lines:", f"journalctl -q {since} OSQUERY_LOG_TYPE=status -o cat")
        show(f"The results of the query “{name}”:", f"journalctl -q {since} OSQUERY_QUERY_NAME={name} -o cat")
        fields = "OSQUERY_QUERY_NAME,OSQUERY_ACTION,OSQUERY_HOST_IDENTIFIER,PRIORITY"
        show("The newest of them, as fields:", f"journalctl -q {since} OSQUERY_QUERY_NAME={name} -n 1 -o verbose --output-fields={fields}")
    wait_until(lambda: not os.path.exists(directory))


main()
