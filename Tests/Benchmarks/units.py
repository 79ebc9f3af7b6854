"""Scans of the table systemd with 10, 100 and 1,000 units more than a booted system has. Run with `make bench`, in a container that
systemd has booted; writes JSON.
"""

import json
import subprocess
import sys
import tempfile
import time

from session import Session


def systemctl(*arguments):
    return subprocess.run(["systemctl", *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


def main():
    extension, build, output = sys.argv[1:4]
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        session = Session(f"{build}/driver", "units", [extension], directory)
        made = 0
        for wanted in (10, 100, 1000):
            for number in range(made, wanted):
                with open(f"/run/systemd/system/many-{number}.service", "w") as file:
                    file.write("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
            with open("/run/systemd/system/many.target", "w") as file:
                file.write("[Unit]\nWants=" + " ".join(f"many-{number}.service" for number in range(wanted)) + "\n")
            made = wanted
            systemctl("daemon-reload")
            systemctl("start", "--no-block", "--job-mode=ignore-dependencies", "many.target")
            deadline = time.monotonic() + 60
            while systemctl("list-units", "--all", "--plain", "--no-legend", "many-*.service").count("\n") < wanted:
                if time.monotonic() > deadline:
                    sys.exit(f"systemd has not loaded {wanted} units.")
                time.sleep(0.2)
            session.ask("table 1")
            results[wanted] = [session.ask("table 2") for _ in range(7)]
        session.end()
    with open(output, "w") as file:
        json.dump(results, file)


main()
