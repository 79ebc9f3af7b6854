"""What the extension may not do once it has begun, tried from inside it."""

import ctypes
import errno
import os
import re
import signal
import struct
import subprocess
import tempfile

import pytest
from conftest import preloaded

HERE = os.path.dirname(__file__)


@pytest.fixture(scope="session")
def inside(tmp_path_factory):
    library = tmp_path_factory.mktemp("preload") / "inside.so"
    source = os.path.join(HERE, "inside.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
    return str(library)


@pytest.fixture
def attempt(manager, start, inside, tmp_path, monkeypatch):
    """Tries (what, path…), and tells of each how it went: 0 or errno."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("OSQUERY_DISTRIBUTED_DIRECTORY", str(tmp_path / "queries"))
    monkeypatch.setenv("OSQUERY_CONFIG_GIST", "0123456789abcdef0123")
    (tmp_path / "queries").mkdir(mode=0o700)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sockets").mkdir()
    manager.stop()
    manager.path = str(tmp_path / "sockets/em")
    manager.start()

    def attempt(*attempts, **env):
        with tempfile.TemporaryFile("w+") as report:
            lines = "\n".join("\t".join(str(word) for word in words) for words in attempts)
            os.set_inheritable(report.fileno(), True)
            environment = {"LD_PRELOAD": inside, "ATTEMPTS": lines, "REPORT": str(report.fileno()), **env}
            extension = start(env=environment, pass_fds=[report.fileno()])
            report.seek(0)
            results = [int(line) for line in report.read().split()]
            extension.end(signal.SIGKILL)
        assert len(results) == len(attempts)
        return results

    return attempt


def every_kind(folder):
    """All that makes, changes or removes something in a folder."""
    old, stale = folder / "old", folder / "stale"
    for path in (old, stale, folder / "victim"):
        path.write_text("kept")
    (folder / "empty").mkdir()
    return [
        ("make-file", folder / "file"), ("write", old), ("truncate", old), ("remove", folder / "victim"),
        ("rename", stale, folder / "renamed"), ("make-folder", folder / "folder"), ("remove-folder", folder / "empty"),
        ("make-link", folder / "link"), ("make-pipe", folder / "pipe"), ("make-device", folder / "device"),
        ("make-block-device", folder / "disk"), ("make-socket", folder / "socket"),
    ]


def names(attempts, results, wanted=0):
    return {words[0] for words, result in zip(attempts, results) if result == wanted}


def test_elsewhere_nothing_can_be_changed(attempt, tmp_path):
    attempts = every_kind(tmp_path / "elsewhere") + [("make-file", "/etc/osquery-new"), ("make-file", "/var/lib/new")]
    assert attempt(*attempts) == [errno.EACCES] * len(attempts)
    assert (tmp_path / "elsewhere/old").read_text() == "kept"


def test_what_is_forbidden_there_root_could_do_otherwise(attempt, tmp_path):
    attempts = every_kind(tmp_path / "elsewhere")
    assert attempt(*attempts, OSQUERY_EXTENSION_SANDBOX="0") == [0] * len(attempts)


@pytest.mark.parametrize("folder", ["spool", "state"])
def test_in_its_folders_files_can_be_made_and_removed_and_no_more(attempt, tmp_path, folder):
    (tmp_path / folder).mkdir(mode=0o700)
    attempts = every_kind(tmp_path / folder)
    results = attempt(*attempts)
    assert names(attempts, results) == {"make-file", "write", "truncate", "remove", "rename"}
    assert set(results) == {0, errno.EACCES}


def test_in_the_folder_of_queries_folders_too(attempt, tmp_path):
    attempts = every_kind(tmp_path / "queries")
    results = attempt(*attempts)
    assert names(attempts, results) == {"make-file", "write", "truncate", "remove", "rename", "make-folder"}
    assert set(results) == {0, errno.EACCES}


def test_in_the_sockets_folder_sockets_can_be_made_and_things_removed(attempt, tmp_path):
    attempts = every_kind(tmp_path / "sockets")
    results = attempt(*attempts)
    # A file cannot be renamed: that would make one.
    assert names(attempts, results) == {"make-socket", "remove"}
    assert set(results) == {0, errno.EACCES}


def test_nothing_leaves_its_folder(attempt, tmp_path):
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "spool/old").write_text("")
    (tmp_path / "elsewhere/old").write_text("")
    results = attempt(
        ("rename", tmp_path / "spool/old", tmp_path / "elsewhere/new"), ("rename", tmp_path / "elsewhere/old", tmp_path / "spool/new"))
    assert set(results) <= {errno.EACCES, errno.EXDEV}


def test_nothing_is_executed(attempt):
    programs = [("execute", "/bin/true"), ("execute-in-memory", "/bin/true")]
    assert attempt(*programs) == [errno.EPERM] * 2
    assert attempt(*programs, OSQUERY_EXTENSION_SANDBOX="0") == [0] * 2


@pytest.mark.parametrize("folder", ["elsewhere", "spool"])
def test_modes_owners_times_and_attributes_cannot_be_changed(attempt, tmp_path, folder):
    (tmp_path / folder).mkdir(mode=0o700, exist_ok=True)
    path = tmp_path / folder / "old"
    path.write_text("kept")
    path.chmod(0o600)
    os.setxattr(path, "trusted.test", b"0")
    changes = [(what, path) for what in (
        "change-mode", "change-mode-here", "change-mode-of-open", "change-mode-by-number", "change-owner", "change-owner-of-link",
        "change-owner-of-open", "change-times", "set-attribute", "remove-attribute", "set-flags")]
    before = path.stat()
    assert attempt(*changes) == [errno.EPERM] * len(changes)
    assert path.stat() == before and os.getxattr(path, "trusted.test") == b"0"
    path.unlink()
    path.write_text("")
    # Some file systems, and older kernels, have not all of them.
    results = attempt(*changes, OSQUERY_EXTENSION_SANDBOX="0")
    assert set(results) <= {0, errno.ENOSYS, errno.ENOTTY, errno.EOPNOTSUPP}, results
    assert path.stat().st_uid == 1 and path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("abi", ["i386", "x32"])
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="OTHER MACHINES HAVE ONE ABI")
def test_calls_by_other_numbers_are_refused_too(attempt, abi):
    assert attempt(("other-abi", abi)) == [errno.EPERM]


def test_system_calls_past_a_filter_are_refused(attempt):
    assert attempt(("make-ring", "")) == [errno.EPERM]
    assert attempt(("make-ring", ""), OSQUERY_EXTENSION_SANDBOX="0") == [0]


def test_every_thread_is_confined(manager, start):
    extension = start()
    # It holds for threads that are started later as well.
    manager.status("[]")
    tasks = os.listdir(f"/proc/{extension.pid}/task")
    modes = {task: field_of(f"/proc/{extension.pid}/task/{task}/status", "Seccomp") for task in tasks}
    assert len(modes) > 1 and set(modes.values()) == {"2"}, modes


def field_of(path, name):
    with open(path) as file:
        return dict(line.split(":\t") for line in file.read().splitlines() if ":\t" in line)[name]


@pytest.mark.parametrize("backtrace", ["enable=no", "enable=yes"])
def test_a_crash_ends_it(start, inside, backtrace):
    """Swift's runtime would execute another program to tell where."""
    environment = {"LD_PRELOAD": inside, "ATTEMPTS": "crash\t", "REPORT": "2", "SWIFT_BACKTRACE": backtrace}
    extension = start(registered=False, env=environment)
    assert extension.process.wait(10) == -signal.SIGSEGV


def test_what_others_may_read_can_be_read(attempt):
    assert attempt(("read", "/etc/os-release")) == [0]


def words_of(start, **env):
    extension = start(env=env)
    assert extension.end() == 0
    return extension.words()


def test_a_setting_that_is_neither_is_said(start):
    assert "OSQUERY_EXTENSION_SANDBOX=no is neither 0 nor 1" in words_of(start, OSQUERY_EXTENSION_SANDBOX="no")
    assert words_of(start, OSQUERY_EXTENSION_SANDBOX="0") == words_of(start, OSQUERY_EXTENSION_SANDBOX="1") == ""


def without(first, last):
    """Has the kernel answer system calls as one that does not know them (seccomp(2))."""
    load, is_at_least, is_above, answer = 0x20, 0x35, 0x25, 0x06
    allow, unknown = 0x7FFF0000, 0x00050000 | errno.ENOSYS
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in [(load, 0, 0, 0), (is_at_least, 0, 2, first), (is_above, 1, 0, last), (answer, 0, 0, unknown), (answer, 0, 0, allow)])
    filter = ctypes.create_string_buffer(program)
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(filter))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    no_new_privileges, seccomp, mode_filter = 38, 22, 2
    assert prctl(no_new_privileges, 1, 0, 0, 0) == 0
    assert prctl(seccomp, mode_filter, ctypes.c_char_p(described), 0, 0) == 0


LANDLOCK = range(444, 447)
SECCOMP = [{"x86_64": 317, "aarch64": 277}[os.uname().machine]]


@pytest.mark.parametrize("calls, says", [(LANDLOCK, "What may be written to"), (SECCOMP, "What may be executed")])
def test_a_kernel_without_is_said_and_nothing_else_changes(manager, start, calls, says):
    extension = start(preexec_fn=lambda: without(calls[0], calls[-1]))
    manager.result("{}")
    assert extension.end() == 0
    [said] = extension.words().splitlines()
    assert f"{says} is not confined" in said and "Function not implemented" in said


@pytest.mark.parametrize("gone", ["spool's parent", "queries"])
def test_where_a_folder_is_not_there_nothing_is_confined_and_that_is_said(start, tmp_path, gone):
    missing = str(tmp_path / "missing/folder")
    name = "OSQUERY_DISTRIBUTED_DIRECTORY" if gone == "queries" else "OSQUERY_JOURNAL_SPOOL"
    assert f"What may be written to is not confined: Cannot open {missing}" in words_of(start, **{name: missing})


def test_a_filter_that_another_thread_is_in_the_way_of_is_said_with_the_thread(start, tmp_path):
    extension = start(env={"LD_PRELOAD": preloaded("filtered-thread.c", tmp_path)})
    assert re.search(r"What may be executed is not confined: Cannot apply .* to thread \d+, which has another,", extension.words())
