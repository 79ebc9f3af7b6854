"""What the integration tests share: a manager, an extension that is registered with it, and the journal."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

import pytest
from load import NOW
from osqueryd import Manager, wait_until
from worker import WorkerProcess

pytest_plugins = ["gist_fixtures"]

EXTENSION = os.environ.get("EXTENSION", os.path.join(os.path.dirname(__file__), "../../build/tutorial-extension.ext"))

# A shell that runs the tests in the background has these ignored, which what they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


class Journal:
    """What came into the journal after this was made.

    Told apart by time: journalctl's --after-cursor leaves out an entry too many where the cursor's own does not match (252).
    """

    def __init__(self):
        subprocess.run(["journalctl", "--sync"], check=True)
        self.since = time.time()

    def read(self, *matches):
        # A journald that has just been started takes a moment before it answers.
        wait_until(lambda: subprocess.run(["journalctl", "--sync"], capture_output=True).returncode == 0, 20, 0.1)
        command = ["journalctl", "-q", "--all", "-o", "json", f"--since=@{int(self.since)}", *matches]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout

    def entries(self, *matches):
        entries = [json.loads(line) for line in self.read(*matches).splitlines()]
        return [entry for entry in entries if int(entry["__REALTIME_TIMESTAMP"]) >= self.since * 1e6]

    def texts(self, log_type):
        """The MESSAGE of each entry of a type, in order. journalctl shows bytes that are no UTF-8 as a list of numbers."""
        return [text_of(entry["MESSAGE"]) for entry in self.entries(f"OSQUERY_LOG_TYPE={log_type}")]


def text_of(value):
    return bytes(value) if isinstance(value, list) else value


class Journald:
    """The private systemd-journald of with-journald, to be stopped, killed and started again."""

    SOCKET = "/run/systemd/journal/socket"
    PID_FILE = "/run/systemd/journald.pid"

    @property
    def pid(self):
        if os.path.exists(self.PID_FILE):
            with open(self.PID_FILE) as file:
                return int(file.read())
        return int(os.environ["JOURNALD_PID"])

    def kill(self, number=signal.SIGKILL):
        pid = self.pid
        os.kill(pid, number)
        while is_running(pid):
            time.sleep(0.001)

    def leave(self):
        """Ends in order, and takes its socket's name along: nobody is there any more, for whoever is connected or would be."""
        # One that was just started removes the socket of the one before.
        wait_until(self.is_listening)
        os.rename(self.SOCKET, self.SOCKET + ".away")
        self.kill(signal.SIGTERM)

    def come_back(self):
        os.unlink(self.SOCKET + ".away")
        self.start()
        wait_until(lambda: os.path.exists(self.SOCKET))

    def is_listening(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            try:
                peer.connect(self.SOCKET)
            except OSError:
                return False
        return True

    held = None

    def hold_socket(self):
        """From now on the socket is ours and handed to each journald, as systemd does: what is in it outlives a journald."""
        self.kill()
        os.unlink(self.SOCKET)
        self.held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.held.bind(self.SOCKET)
        os.chmod(self.SOCKET, 0o666)
        for option in (socket.SO_PASSCRED, socket.SO_PASSSEC if hasattr(socket, "SO_PASSSEC") else 34):
            self.held.setsockopt(socket.SOL_SOCKET, option, 1)
        self.start()

    def start(self):
        command, options = [os.environ["JOURNALD_START"]], {}
        if self.held:
            # sd_listen_fds(3): descriptor 3, for this very process.
            script = f"exec 3<&{self.held.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec {command[0]}"
            command, options = ["bash", "-c", script], {"pass_fds": [self.held.fileno()]}
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
        with open(self.PID_FILE, "w") as file:
            file.write(str(process.pid))
        # Its end is waited for by nobody, so that pid is not given to another.
        _started.append(process)


_started = []


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def journald():
    """A journald that runs before the test and after it, whatever the test does."""
    journald = Journald()
    yield journald
    if os.path.exists(Journald.SOCKET + ".away"):
        if is_running(journald.pid):
            os.rename(Journald.SOCKET + ".away", Journald.SOCKET)
        else:
            os.unlink(Journald.SOCKET + ".away")
    if journald.held:
        journald.kill()
        os.unlink(Journald.SOCKET)
        journald.held.close()
        journald.held = None
    if is_running(journald.pid):
        os.kill(journald.pid, signal.SIGCONT)
    else:
        journald.start()
        wait_until(lambda: os.path.exists(Journald.SOCKET))


class RunningExtension:
    """The extension as osqueryd's watcher starts it."""

    def __init__(self, manager, *flags, interval=3, timeout=3, env=None, wrapper=(), executable=EXTENSION, **options):
        arguments = ["--socket", manager.path, "--timeout", str(timeout), "--interval", str(interval), *flags]
        environment = {**os.environ, **(env or {})}
        self.manager = manager
        self.spool = environment["OSQUERY_JOURNAL_SPOOL"]
        self.stderr = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*wrapper, executable, *arguments], stderr=self.stderr, env=environment, **options)
        self.pid = self.process.pid

    def memory(self):
        with open(f"/proc/{self.pid}/status") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        return {name: int(status[name].split()[0]) for name in ("RssAnon", "VmRSS", "VmHWM")}

    def spooled_bytes(self):
        """What the extension itself says waits on the disk."""
        return int(self.manager.generate("journal_logger")[0]["spool_bytes"])

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def cpu(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(10)

    def words(self):
        """What it has said on stderr."""
        self.stderr.seek(0)
        return self.stderr.read()


@pytest.fixture(autouse=True)
def spool(tmp_path, monkeypatch):
    """No test leaves anything in the system's own folder."""
    monkeypatch.setenv("OSQUERY_JOURNAL_SPOOL", str(tmp_path / "spool"))


@pytest.fixture(scope="session")
def faulty_disk(tmp_path_factory):
    """A library that makes the disk fail, to be preloaded: see faulty-disk.c."""
    return preloaded("faulty-disk.c", tmp_path_factory.mktemp("preload"))


def preloaded(source, folder):
    """A library to be preloaded, compiled into a folder."""
    library = os.path.join(folder, source.removesuffix(".c") + ".so")
    path = os.path.join(os.path.dirname(__file__), source)
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, path, "-ldl"], check=True)
    return library


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def manager_class():
    """What `manager` is, for tests that need more of an osqueryd."""
    return Manager


@pytest.fixture
def manager(tmp_path, manager_class):
    manager = manager_class(str(tmp_path / "em")).start()
    yield manager
    manager.stop()


@pytest.fixture
def worker(tmp_path):
    """Starts managers that are processes of their own, and ends those that a test leaves running."""
    with contextlib.ExitStack() as stack:

        def start(**options):
            worker = WorkerProcess(str(tmp_path / "em"), **options)
            stack.callback(worker.stop)
            return worker

        yield start


@pytest.fixture
def start(manager):
    """Starts extensions, and ends those that a test leaves running."""
    started = []

    def start(*flags, registered=True, **options):
        extension = RunningExtension(options.pop("at", manager), *flags, **options)
        started.append(extension)
        if registered:
            manager.wait_for_registration()
        return extension

    yield start
    for extension in started:
        if extension.process.poll() is None:
            extension.end(signal.SIGKILL)


@pytest.fixture
def run(manager):
    """Starts extensions one after the other, and ends those that a test leaves running."""
    running = []

    def run(env=NOW, **options):
        manager.registered.clear()
        running.append(RunningExtension(manager, env=env, **options))
        manager.wait_for_registration()
        return running[-1]

    yield run
    for extension in running:
        extension.end(signal.SIGKILL)


@pytest.fixture
def extension(start):
    return start()


@pytest.fixture
def folder(tmp_path):
    """The folder of live queries."""
    folder = tmp_path / "queries"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def directory(start, folder):
    return start(env={"OSQUERY_DISTRIBUTED_DIRECTORY": str(folder)})
