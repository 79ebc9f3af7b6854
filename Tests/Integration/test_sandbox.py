"""What the extension may not do once it has begun, tried from inside it."""

import ctypes
import errno
import os
import signal
import struct
import subprocess
import tempfile

import pytest

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
    assert attempt(("execute", "/bin/true")) == [errno.EACCES]
    assert attempt(("execute", "/bin/true"), OSQUERY_EXTENSION_SANDBOX="0") == [0]


def test_what_others_may_read_can_be_read(attempt):
    assert attempt(("read", "/etc/os-release")) == [0]


def words_of(start, **env):
    extension = start(env=env)
    assert extension.end() == 0
    return extension.words()


def test_a_setting_that_is_neither_is_said(start):
    assert "OSQUERY_EXTENSION_SANDBOX=no is neither 0 nor 1" in words_of(start, OSQUERY_EXTENSION_SANDBOX="no")
    assert words_of(start, OSQUERY_EXTENSION_SANDBOX="0") == words_of(start, OSQUERY_EXTENSION_SANDBOX="1") == ""


def without_landlock():
    """Has the kernel answer Landlock's system calls, of numbers 444 to 446 on all machines, as one that does not know them (seccomp(2))."""
    load, is_at_least, is_above, answer = 0x20, 0x35, 0x25, 0x06
    allow, unknown = 0x7FFF0000, 0x00050000 | errno.ENOSYS
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in [(load, 0, 0, 0), (is_at_least, 0, 2, 444), (is_above, 1, 0, 446), (answer, 0, 0, unknown), (answer, 0, 0, allow)])
    filter = ctypes.create_string_buffer(program)
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(filter))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    no_new_privileges, seccomp, mode_filter = 38, 22, 2
    assert prctl(no_new_privileges, 1, 0, 0, 0) == 0
    assert prctl(seccomp, mode_filter, ctypes.c_char_p(described), 0, 0) == 0


def test_a_kernel_without_is_said_and_nothing_else_changes(manager, start):
    extension = start(preexec_fn=without_landlock)
    manager.result("{}")
    assert extension.end() == 0
    [said] = extension.words().splitlines()
    assert "What may be written to is not confined" in said and "Function not implemented" in said


@pytest.mark.parametrize("gone", ["spool's parent", "queries"])
def test_where_a_folder_is_not_there_nothing_is_confined_and_that_is_said(start, tmp_path, gone):
    missing = str(tmp_path / "missing/folder")
    name = "OSQUERY_DISTRIBUTED_DIRECTORY" if gone == "queries" else "OSQUERY_JOURNAL_SPOOL"
    assert f"What may be written to is not confined: Cannot open {missing}" in words_of(start, **{name: missing})
