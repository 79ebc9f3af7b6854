"""The commands of README and docs, run as they stand there, on a system that has the package and an osqueryd that logs."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from test_system import system  # noqa: F401
from unit import FOLDER, HERE, run, sockets, wait_until

sys.path.insert(0, os.path.join(HERE, "../Integration"))
from observed import observed_requests  # noqa: E402
from osqueryd import connect  # noqa: E402

ROOT = os.path.join(HERE, "../..")
MARK = "Not run by test_docs.py: "
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)
# Names that stand for others'.
EXAMPLES = {"NAME": "removed_row", "HOST": "web-01"}


def pages():
    return ["README.md", "CONTRIBUTING.md", "SECURITY.md", *(f"docs/{name}" for name in sorted(os.listdir(f"{ROOT}/docs")) if name.endswith(".md"))]


def blocks():
    for page in pages():
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            for match in BLOCK.finditer(file.read()):
                if match["language"] == "sh":
                    yield page, match["mark"], match["text"].strip().splitlines()


def commands():
    return list(dict.fromkeys((page, line) for page, mark, lines in blocks() if mark is None for line in lines))


@pytest.fixture(scope="module")
def logged(system, tmp_path_factory):  # noqa: F811
    """What a running osqueryd sent is in the journal, and in that of a receiver. There is a sudo for root."""
    wait_until(lambda: len(sockets(answering=True)) == 2, 20)
    [extension] = [name for name in sockets(answering=True) if name != "em"]
    with connect(f"{FOLDER}/{extension}") as client:
        for line in observed_requests():
            if line["registry"] == "logger":
                client.call(line["registry"], line["item"], line["request"])
        client.call("logger", "journal", {"status": "true", "log": '[{"s":1,"f":"a.cpp","i":1,"m":"a warning"}]'})
    run("journalctl", "--sync")
    os.makedirs("/var/log/journal/remote", exist_ok=True)
    run("sh", "-c", "journalctl -q -o export OSQUERY_LOG_TYPE=string | /lib/systemd/systemd-journal-remote -o /var/log/journal/remote/a.journal -")
    tools = tmp_path_factory.mktemp("bin")
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tools / "sudo").chmod(0o755)
    return {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}


def test_what_is_not_run_says_why():
    marks = [mark for _, mark, _ in blocks() if mark is not None]
    assert marks and all(mark.startswith(MARK) and len(mark) > len(MARK) + 10 for mark in marks)


@pytest.mark.parametrize("page, command", commands())
def test_the_command_does_what_it_says(logged, page, command):
    if "osqueryi " in command and not shutil.which("osqueryi"):
        pytest.skip("NOT RUN: there is no osqueryi; make test-system OSQUERYD=/path/of/osqueryd runs it")
    words = [EXAMPLES.get(word, word) for word in re.split(r"(\b)", command)]
    line = "".join(words)
    follows = " -f" in command
    if command.endswith("# with osqueryd stopped"):
        run("systemctl", "stop", "osqueryd.service")
    # One that follows never ends by itself.
    process = subprocess.run(
        ["timeout", "5" if follows else "60", "bash", "-o", "pipefail", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=logged)
    if command.endswith("# with osqueryd stopped"):
        run("systemctl", "start", "osqueryd.service")
    assert process.returncode == (124 if follows else 0), process.stdout
    if "journalctl" in command:
        assert process.stdout and "No entries" not in process.stdout
