"""The main job, end to end: osqueryd's logs, in the journal; then the other kinds of plugin. `make demo` runs it.

    demo.py EXTENSION STAND_IN

With an osqueryd on PATH it is that one, started as users start it; else osquery-stand-in, the program of OsqueryTesting, plays its
part over the same protocol, with requests that a running osqueryd sent.
"""

import contextlib
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import time

from demo_managers import Osqueryd, StandIn, quoted
from github import ID, GitHub, make_certificate

CONFIG = {"schedule": {"demo": {"query": "SELECT hour, minutes, seconds FROM time", "interval": 1}}}
FIELDS = "MESSAGE,OSQUERY_QUERY_NAME,OSQUERY_ACTION,OSQUERY_COUNTER,OSQUERY_HOST_IDENTIFIER,PRIORITY"
NEXT = """
What next:
  make deb && sudo apt-get install ./build/tutorial-extension_*.deb   # installs it
  sudo tutorial-extension check                                       # tells what keeps logs from the journal
README.md, “Use it”, has osqueryd's flags."""


def show(title, command):
    """Runs a command of the shell; what it prints is to be there."""
    print(f"\n{title}\n+ {command}", flush=True)
    output = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(output, end="", flush=True)
    if not output:
        sys.exit("Nothing was found in the journal.")


def show_journal(name, since):
    subprocess.run(["journalctl", "--sync"], check=True)
    show("osqueryd's own log lines:", f"journalctl -q {since} OSQUERY_LOG_TYPE=status -o cat")
    show(f"The results of the query “{name}”:", f"journalctl -q {since} OSQUERY_QUERY_NAME={name} -o cat")
    # With --since and without -r, journalctl 252 counts from the oldest.
    show("The newest of them, as fields:", f"journalctl -q {since} OSQUERY_QUERY_NAME={name} -r -n 1 -o verbose --output-fields={FIELDS}")


def ask(extension, query):
    """A live query, as on a terminal."""
    command = [extension, "ask", query]
    print(f"\nA live query, by the plugin “directory”:\n+ {quoted(command)}", flush=True)
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs) as process:
        os.close(theirs)
        # The end of a terminal is an error.
        with contextlib.suppress(OSError):
            while output := os.read(ours, 4096):
                print(output.decode().replace("\r\n", "\n"), end="", flush=True)
    os.close(ours)
    if process.returncode != 0:
        sys.exit(f"ask ended with code {process.returncode}.")


def main():
    # Not below /tmp: osqueryd runs no extension from there. Removed at the end.
    with tempfile.TemporaryDirectory(prefix="osquery-demo-", dir="/run") as directory:
        extension = f"{directory}/tutorial-extension.ext"
        shutil.copy(sys.argv[1], extension)
        os.chmod(extension, 0o555)
        for name in ("queries", "state"):
            os.mkdir(f"{directory}/{name}", 0o700)
        github = GitHub(*make_certificate(pathlib.Path(directory)))
        github.serve({"osquery.conf": json.dumps(CONFIG)})
        os.environ.update(
            STATE_DIRECTORY=f"{directory}/state", OSQUERY_DISTRIBUTED_DIRECTORY=f"{directory}/queries", OSQUERY_CONFIG_GIST=ID,
            OSQUERY_CONFIG_GIST_URL=github.url, SSL_CERT_FILE=f"{directory}/localhost.pem", HOME=directory)
        since = f"--since=@{int(time.time())}"
        osqueryd = shutil.which("osqueryd")
        with Osqueryd(osqueryd, extension, directory) if osqueryd else StandIn(sys.argv[2], extension, directory) as manager:
            show_journal(manager.log(since), since)
            manager.show_table(
                "The table systemd", "systemd", ["name", "sub_state"], ("name", "systemd-journald%"))
            manager.show_table("The table journal_logger", "journal_logger", ["entries_sent", "bytes_sent", "uptime", "version"])
            manager.show_configuration("The configuration out of a gist, from a stand-in for GitHub on loopback")
            with manager.answering_live_queries():
                ask(extension, "SELECT hour, minutes FROM time")
        print(NEXT)


main()
