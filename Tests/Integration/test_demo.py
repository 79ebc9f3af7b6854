"""What `make demo` prints without an osqueryd, and what all builds print."""

import os
import pathlib
import pty
import subprocess
import sys

import pytest
from conftest import EXTENSION

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
PROGRESS = ROOT / "packaging/progress"
# A compiler, with a warning of ours and one of a dependency's.
COMPILER = "echo '[1/2] Compiling a.swift'; echo '/s/a.swift:1:2: warning: ours'; echo '/s/checkouts/b.swift:1:2: warning: theirs'; "


@pytest.fixture(scope="module")
def demo():
    if "Gist" not in subprocess.run([EXTENSION, "--version"], capture_output=True, text=True).stdout:
        pytest.skip("THIS EXTENSION WAS BUILT WITHOUT THE TRAIT Gist")
    stand_in = ROOT / ".build/examples/debug/osquery-stand-in"
    environment = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run([sys.executable, HERE / "demo.py", EXTENSION, stand_in], capture_output=True, text=True, check=True, env=environment).stdout


def test_the_demo_shows_each_kind_of_plugin(demo):
    titles = [
        "osqueryd's own log lines:", "The results of the query", "The table systemd", "The table journal_logger", "The configuration out of a gist",
        "A live query"]
    places = [demo.index(f"\n{title}") for title in titles]
    assert places == sorted(places)
    assert '"schedule": {"demo"' in demo


def test_the_demo_draws_rows_as_osqueryi_does(demo):
    lines = demo[demo.index("The table journal_logger"):].splitlines()
    assert lines[2] == "| entries_sent | bytes_sent | uptime | version |"
    assert lines[1] == lines[3] == lines[5] == "+--------------+------------+--------+---------+"
    assert "{'" not in demo
    assert "| hour | minutes |" in demo[demo.index("A live query"):]


def test_the_newest_result_of_the_demo_is_the_newest(demo):
    results = demo[demo.index("The results of the query"):demo.index("The newest of them")].strip().splitlines()[2:]
    assert len(results) > 1
    assert f"    MESSAGE={results[-1]}\n" in demo[demo.index("The newest of them"):]


def test_the_demo_ends_with_what_to_do_next(demo):
    end = demo[demo.index("What next:"):]
    assert "make deb" in end and "sudo tutorial-extension check" in end and end.count("\n") < 6


@pytest.mark.parametrize(
    "script, environment, code, shown, errors",
    [
        ("exit 0", {}, 0, "Building …\n", "/s/a.swift:1:2: warning: ours\n"),
        ("echo error: broken; exit 3", {}, 3, "Building …\n", "[1/2] Compiling a.swift\n"),
        ("exit 0", {"V": "1"}, 0, "Building\n[1/2] Compiling a.swift\n", ""),
        ("exit 3", {"V": "1"}, 3, "Building\n[1/2] Compiling a.swift\n", ""),
    ])
def test_a_build_prints_one_line_unless_it_fails_or_v_is_1(script, environment, code, shown, errors):
    command = [PROGRESS, "Building", "sh", "-c", COMPILER + script]
    result = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"], **environment})
    assert result.returncode == code
    assert result.stdout.startswith(shown) and (environment or result.stdout == shown)
    assert result.stderr.startswith(errors)
    assert ("error: broken" in result.stderr) == ("broken" in script)
    if code == 0:
        assert "theirs" not in result.stderr


def test_on_a_terminal_a_build_shows_the_line_that_it_is_at():
    ours, theirs = pty.openpty()
    # It goes on once that has been shown.
    command = [PROGRESS, "Building", "sh", "-c", "echo '[1/2] Compiling a.swift'; read line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=theirs, env={"PATH": os.environ["PATH"], "TERM": "dumb"}) as process:
        os.close(theirs)
        shown = b""
        while b"Building: [1/2] Compiling a.swift" not in shown:
            shown += os.read(ours, 4096)
        process.stdin.write(b"\n")
        process.stdin.close()
        process.wait(20)
        while not shown.endswith(b"Building\r\n"):
            shown += os.read(ours, 4096)
    os.close(ours)
    assert process.returncode == 0
    assert shown.count(b"\n") == 1
