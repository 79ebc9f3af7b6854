"""The life cycle of an extension made with the library: its signals, its main function, and what its plugins are told. `make examples` builds it."""

import ctypes
import os
import re
import signal
import subprocess
import threading

import pytest

SUBJECT = os.path.join(os.path.dirname(__file__), "../../.build/examples/debug/Subject")
EQUALS = 2
LIBC = ctypes.CDLL(None)


@pytest.fixture
def subject(manager):
    started = []

    def subject(*flags, **options):
        process = subprocess.Popen(
            [SUBJECT, "--socket", manager.path, "--timeout", "3", "--interval", "3", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        started.append(process)
        manager.wait_for_registration()
        return process

    yield subject
    for process in started:
        process.kill()
        process.communicate()


def block_and_ignore():
    """What a parent could leave to those that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def signals(manager, name, table="command"):
    """The numbers in such a set of signals, as a program that a plugin starts has it; posix_spawn(3) itself ignores 32 and 33."""
    output, _ = command(manager, "grep", name, "/proc/self/status", table=table)
    bits = int(output.removeprefix(f"{name}:"), 16)
    return {number for number in range(1, 32) if bits >> (number - 1) & 1}


def command(manager, *arguments, table="command"):
    [row] = manager.generate(table, [("line", EQUALS, "\n".join(arguments))])
    return row["output"], int(row["code"])


IN_A_TASK = {**os.environ, "SUBJECT_RUNS_IN_A_TASK": "1"}


@pytest.mark.parametrize("inherited", [None, block_and_ignore])
@pytest.mark.parametrize("environment", [None, IN_A_TASK])
def test_programs_that_a_plugin_starts_have_all_signals(manager, subject, inherited, environment):
    subject(preexec_fn=inherited, env=environment)
    assert (signals(manager, "SigBlk"), signals(manager, "SigIgn")) == (set(), set())
    assert command(manager, "timeout", "1", "sleep", "10") == ("", 124)
    assert command(manager, "bash", "-c", "yes | head -1") == ("y\n", 0)


@pytest.mark.parametrize("table", ["command_after_await", "command_in_actor", "command_in_group"])
@pytest.mark.parametrize("environment", [None, IN_A_TASK])
def test_programs_that_a_suspended_call_starts_have_all_signals(manager, subject, table, environment):
    subject(env=environment)
    assert (signals(manager, "SigBlk", table), signals(manager, "SigIgn", table)) == (set(), set())
    assert command(manager, "timeout", "1", "sleep", "10", table=table) == ("", 124)


def test_a_program_under_nohup_ignores_sighup_and_so_do_those_that_it_starts(manager, subject):
    subject(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert signals(manager, "SigIgn") == {signal.SIGHUP}


def test_a_crash_in_a_call_prints_where(manager, subject):
    process = subject(env={**os.environ, "SWIFT_BACKTRACE": "enable=yes,color=no,interactive=no,cache=no"})
    with pytest.raises(Exception):
        manager.generate("crash")
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode < 0
    assert "Fatal error: the plugin is broken" in stderr
    assert re.search(r"Crash\.generate.*Main\.swift", stderr), stderr


@pytest.mark.parametrize("inherited", [None, block_and_ignore])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("environment", [None, IN_A_TASK])
def test_a_signal_ends_one_with_other_threads_in_order(manager, subject, number, inherited, environment):
    process = subject(preexec_fn=inherited, env=environment)
    assert len(os.listdir(f"/proc/{process.pid}/task")) > 2
    path = manager.extension_path
    process.send_signal(number)
    assert process.communicate(timeout=20) == ("onShutdown\n", "")
    assert process.returncode == 0
    assert manager.extensions_by_uuid == {}
    assert not os.path.exists(path)


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGHUP])
def test_a_closed_pipe_or_terminal_does_not_end_it(manager, subject, number):
    process = subject()
    process.send_signal(number)
    assert command(manager, "echo", "here") == ("here\n", 0)
    assert process.poll() is None


def test_a_signal_during_a_call_lets_it_be_answered(manager, subject):
    process = subject()
    output, code = command(manager, "bash", "-c", f"kill -TERM {process.pid}; sleep 0.3; echo answered")
    assert (output, code) == ("answered\n", 0)
    assert process.communicate(timeout=20)[0] == "onShutdown\n"
    assert process.returncode == 0


def test_signals_to_all_threads_lose_no_call(manager, subject):
    """Handlers interrupt system calls: each of them is made again."""
    process = subject()
    sent, ended = [], threading.Event()

    def storm():
        while not ended.is_set():
            for task in os.listdir(f"/proc/{process.pid}/task"):
                # A thread may have ended meanwhile.
                sent.append(LIBC.tgkill(process.pid, int(task), signal.SIGHUP) == 0)

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for i in range(50):
            assert command(manager, "echo", f"{i}") == (f"{i}\n", 0)
    finally:
        ended.set()
        thread.join()
    assert sum(sent) > 50


def test_where_osqueryd_does_not_take_it_again_its_socket_is_removed(manager, subject):
    process = subject("--timeout", "0", "--interval", "0")
    path = manager.extension_path
    manager.refusals = ["not again"] * 10_000
    manager.extensions_by_uuid.clear()
    output, stderr = process.communicate(timeout=60)
    assert process.returncode == 69
    assert output == "onShutdown\n"
    assert stderr.splitlines()[-1].startswith("subject: osqueryd did not register this extension. ")
    assert not os.path.exists(path)


def test_a_plugin_is_told_where_osqueryd_listens(manager, subject):
    subject()
    assert manager.generate("whereabouts") == [{"socket": manager.path}]


# The main function.


def run(*arguments):
    return subprocess.run([SUBJECT, *arguments], capture_output=True, text=True, timeout=60)


def test_without_an_osqueryd_it_prints_a_sentence_and_ends_with_its_code(tmp_path):
    result = run("--socket", str(tmp_path / "none"), "--timeout", "0")
    assert result.returncode == 69
    assert result.stdout == "onShutdown\n"
    assert re.fullmatch(r"subject: osqueryd was not reached within 0 s\. .*\n", result.stderr), result.stderr


def test_it_tells_its_version():
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, "subject 1.2.3\n", "")


def test_help_has_its_name():
    result = run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "USAGE: subject --socket <socket>" in result.stdout
    assert "--interval" in result.stdout


@pytest.mark.parametrize("arguments", [(), ("--nonsense",), ("--socket", "/x", "--timeout", "-1"), ("--socket", "/x", "--interval", "a")])
def test_wrong_flags_print_the_usage_once(arguments):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (64, "")
    assert len(re.findall(r"usage: subject --socket <socket>", result.stderr, re.IGNORECASE)) == 1
    assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize("flags", [(), ("--verbose",)])
def test_verbose_says_what_happens(manager, subject, flags):
    process = subject(*flags)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=20)[1]
    assert ("Registered with osqueryd." in said) == bool(flags)
