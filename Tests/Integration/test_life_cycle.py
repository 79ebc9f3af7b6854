"""Start, registration and end, with osqueryd's side played by Apache Thrift's Python library."""

import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import EXTENSION, RunningExtension
from osqueryd import FIRST_UUID, Manager, connect, wait_until
from thrift.transport.TTransport import TTransportException
from version import VERSION


def test_it_registers_what_osqueryd_demands(manager, extension):
    [info] = manager.extensions_by_uuid.values()
    assert (info.name, info.version) == ("tutorial-extension", VERSION)
    assert tuple(map(int, info.sdk_version.split("."))) >= (1, 7, 7)
    ((uuid, registry),) = manager.registries.items()
    assert uuid == FIRST_UUID
    assert registry["logger"] == {"journal": []}
    assert set(registry["table"]) == {"journal_logger", "systemd"}
    assert registry["distributed"] == {"directory": []}
    # Without the trait Gist there is none.
    assert registry.get("config", {"gist": []}) == {"gist": []}


def test_it_answers_as_soon_as_its_socket_is_there(manager, start):
    start(registered=False)
    wait_until(lambda: manager.extensions_by_uuid and os.path.exists(manager.extension_path), pause=0.0001)
    with connect(manager.extension_path) as client:
        assert client.ping().uuid == manager.uuid


@pytest.mark.parametrize("spelling", [["--socket", "S"], ["--socket=S"]])
def test_flags_in_both_spellings(manager, spelling):
    flags = [flag.replace("S", manager.path) for flag in spelling] + ["--timeout=3", "--interval", "3", "--verbose"]
    process = subprocess.Popen([EXTENSION, *flags], stderr=subprocess.DEVNULL)
    manager.wait_for_registration()
    process.terminate()
    assert process.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(manager, extension, number):
    path = manager.extension_path
    begin = time.monotonic()
    assert extension.end(number) == 0
    assert time.monotonic() - begin < 1
    assert not os.path.exists(path)
    assert "deregisterExtension" in manager.calls
    assert manager.extensions_by_uuid == {}


def test_shutdown_is_answered_before_it_ends(manager, extension):
    path = manager.extension_path
    manager.shutdown()  # raises when there is no answer
    assert extension.process.wait(2) == 0
    assert not os.path.exists(path)


def test_what_was_answered_is_in_the_journal_once_and_nothing_else(manager, extension, journal):
    """Four callers in a loop while SIGTERM comes: what was answered is in the journal, once, and nothing of what was not even begun.

    Of a call that was under way when the extension ended, either is right.
    """
    answered, cut_off, lock = [], [], threading.Lock()

    def run(caller):
        number = 0
        while True:
            text = f'{{"name":"{caller}-{number}"}}'
            try:
                manager.result(text)
            except Exception:
                cut_off.append(text)
                return
            with lock:
                answered.append(text)
            number += 1

    callers = [threading.Thread(target=run, args=(caller,)) for caller in range(4)]
    for caller in callers:
        caller.start()
    time.sleep(0.3)
    assert extension.end() == 0
    for caller in callers:
        caller.join(5)
    assert len(answered) > 10 and len(cut_off) == 4
    logged = journal.texts("string")
    assert len(logged) == len(set(logged))
    assert set(answered) <= set(logged) <= set(answered) | set(cut_off)


def test_started_by_hand_it_ends_when_osqueryd_is_gone(manager, start):
    extension = start(timeout=1)
    path = manager.extension_path
    manager.stop()
    assert extension.process.wait(3) == 0
    assert not os.path.exists(path)


def test_a_socket_that_appears_late_is_found_at_once(tmp_path):
    manager = Manager(str(tmp_path / "late"))
    extension = RunningExtension(manager)
    time.sleep(1)
    begin = time.monotonic()
    manager.start()
    manager.wait_for_registration()
    # Far less than the interval of 3 s at which it looks after osqueryd.
    assert manager.registered_at - begin < 1
    assert extension.end() == 0
    manager.stop()


def test_a_dead_predecessors_socket_is_replaced_and_a_foreign_file_is_not(tmp_path):
    manager = Manager(str(tmp_path / "em")).start()
    first = RunningExtension(manager)
    manager.wait_for_registration()
    first.end(signal.SIGKILL)
    assert os.path.exists(manager.extension_path)
    manager.next_uuid = manager.uuid
    second = RunningExtension(manager)
    wait_until(lambda: answers(manager.extension_path))
    assert second.end() == 0
    foreign = f"{manager.path}.{manager.next_uuid}"
    with open(foreign, "w") as file:
        file.write("precious")
    third = RunningExtension(manager)
    wait_until(lambda: os.path.exists(f"{foreign[:-1]}{int(foreign[-1]) + 1}"))
    with open(foreign) as file:
        assert file.read() == "precious"
    assert third.end() == 0
    assert "File exists" in third.words()
    manager.stop()


def answers(path):
    try:
        with connect(path) as client:
            return client.ping().code == 0
    except TTransportException:
        return False


@pytest.mark.parametrize(
    "names, is_shell, warns",
    [("journal", False, False), ("filesystem,journal", False, False), ("filesystem", False, True), ("tls,filesystem", False, True),
     ("filesystem", True, False)])
def test_a_logger_plugin_flag_that_leaves_it_out_is_said_once_and_not_to_osqueryi(tmp_path, names, is_shell, warns):
    manager = Manager(str(tmp_path / "em"), logger_plugin=names, is_shell=is_shell).start()
    extension = RunningExtension(manager, interval=1)
    manager.wait_for_registration()
    wait_until(lambda: manager.calls.count("extensions") >= 2)
    assert extension.end() == 0
    manager.stop()
    assert extension.words().count("--logger_plugin=journal") == (1 if warns else 0)


@pytest.mark.parametrize("spelling", [["--interval", "0"], ["--interval=0"]])
def test_with_an_interval_of_0_it_looks_often_and_pauses_each_time(tmp_path, start, spelling):
    """What osqueryd hands on of --extensions_interval=0, and the same as the parser reads it."""
    looks = []

    class Recording(Manager):
        def extensions(self):
            looks.append(time.monotonic())
            return super().extensions()

    manager = Recording(str(tmp_path / "em")).start()
    extension = start(*spelling, at=manager, registered=False)
    manager.wait_for_registration()
    # With an interval of 3 s that would take half a minute.
    wait_until(lambda: len(looks) > 10, 20)
    # The next look comes 200 ms after the answer to the one before, however busy the machine is.
    assert min(later - earlier for earlier, later in zip(looks, looks[1:])) > 0.19
    assert extension.end() == 0
    manager.stop()


def test_it_gives_up_what_it_has_no_use_for(manager, extension):
    with open(f"/proc/{extension.pid}/status") as file:
        status = file.read()
    assert "NoNewPrivs:\t1\n" in status and "Umask:\t0077\n" in status


def oom_score_adjust(pid):
    with open(f"/proc/{pid}/oom_score_adj") as file:
        return int(file.read())


def may_lower_it():
    """Root in a container often lacks CAP_SYS_RESOURCE, which is number 24 (capabilities(7))."""
    with open("/proc/self/status") as file:
        return any(line.startswith("CapEff:") and int(line.split()[1], 16) >> 24 & 1 for line in file)


RANKS = [(0, -500), (300, -500), (-500, -500), (-900, -900)]


@pytest.mark.skipif(not may_lower_it(), reason="CAP_SYS_RESOURCE IS NOT THERE")
@pytest.mark.parametrize("inherited, own", RANKS)
def test_when_memory_is_short_others_are_ended_first(start, inherited, own):
    def inherit():
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(inherited))

    assert oom_score_adjust(start(preexec_fn=inherit).pid) == own


@pytest.mark.parametrize("inherited, own", RANKS)
def test_it_asks_the_kernel_for_a_lower_rank_and_never_for_a_higher_one(start, tmp_path, inherited, own):
    """With a file in the kernel's place, which anybody may write to."""
    file = tmp_path / "oom_score_adj"
    file.write_text(f"{inherited}\n")
    script = 'mount --bind "$0" "/proc/$$/oom_score_adj" && exec "$@"'
    extension = start(wrapper=["sh", "-c", script, file])
    assert int(file.read_text()) == own
    assert extension.end() == 0


def test_without_the_right_to_it_the_rank_of_those_that_are_ended_stays(tmp_path):
    for folder in (tmp_path, *(folder for folder in tmp_path.parents if "pytest" in folder.name)):
        folder.chmod(0o711)
    folder = tmp_path / "nobodys"
    folder.mkdir(mode=0o700)
    manager = Manager(str(folder / "em")).start()
    for path in (folder, manager.path):
        os.chown(path, 65534, 65534)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", EXTENSION, "--socket", manager.path]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={"OSQUERY_JOURNAL_SPOOL": str(folder / "spool")})
    try:
        manager.wait_for_registration()
        assert "Uid:\t65534" in open(f"/proc/{process.pid}/status").read()
        assert oom_score_adjust(process.pid) == oom_score_adjust("self")
        manager.result("{}")
        process.terminate()
        assert process.communicate(timeout=10)[1] == ""
        assert process.returncode == 0
    finally:
        process.kill()
        manager.stop()


def test_others_of_its_user_cannot_read_its_memory(tmp_path):
    """Files in /proc of a process that is not dumpable belong to root, whoever runs it (proc(5))."""
    for folder in (tmp_path, *(folder for folder in tmp_path.parents if "pytest" in folder.name)):
        folder.chmod(0o711)
    folder = tmp_path / "nobodys"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", EXTENSION, "--socket", folder / "em", "--timeout", "3"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={"OSQUERY_JOURNAL_SPOOL": str(folder / "spool")})
    try:
        wait_until(lambda: "0077" in open(f"/proc/{process.pid}/status").read())
        assert "Uid:\t65534" in open(f"/proc/{process.pid}/status").read()
        assert os.stat(f"/proc/{process.pid}/mem").st_uid == 0
    finally:
        process.kill()
        process.wait()


def test_quiet_by_default(manager, extension):
    manager.result("{}")
    assert extension.end() == 0
    assert extension.words() == ""


def test_verbose_says_what_happens(manager, start):
    extension = start("--verbose")
    extension.end()
    words = extension.words()
    assert "Registered with osqueryd" in words
    assert "ends" in words


def test_own_words_go_to_the_journal_where_stderr_leads_there(manager, journal):
    with socket.socket(socket.AF_UNIX) as stream:
        # As systemd connects a unit's stderr (systemd: src/libsystemd/sd-journal/journal-send.c, sd_journal_stream_fd).
        stream.connect("/run/systemd/journal/stdout")
        stream.sendall(b"unit\n\n6\n0\n0\n0\n0\n")
        status = os.fstat(stream.fileno())
        process = subprocess.Popen(
            [EXTENSION, "--socket", manager.path, "--verbose"], stderr=stream,
            env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        manager.wait_for_registration()
        process.terminate()
        assert process.wait(5) == 0
    entries = journal.entries("SYSLOG_IDENTIFIER=tutorial-extension")
    assert [entry["PRIORITY"] for entry in entries] == ["6", "6"]
    assert "Registered with osqueryd" in entries[0]["MESSAGE"]
    assert not any("OSQUERY_LOG_TYPE" in entry for entry in entries)
    assert all(entry["_TRANSPORT"] == "journal" for entry in entries)
