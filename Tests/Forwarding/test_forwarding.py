"""The files of packaging/forwarding, with the programs that they are for: only paths and the receiver's name are put in."""

import json
import os
import shutil
import subprocess
import threading
import time

import pytest
from observed import observed_requests
from osqueryd import wait_until

FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/forwarding")
TOOLS = "/lib/systemd"


def packaged(name, **replacements):
    with open(os.path.join(FILES, name), encoding="utf-8") as file:
        text = file.read()
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, str(new))
    return text


def log_observed(manager):
    for line in observed_requests():
        if line["registry"] == "logger":
            manager.call(line["registry"], line["item"], line["request"])


def lines_of(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


@pytest.fixture
def rsyslog(tmp_path):
    """rsyslog with the packaged file; what comes out of osquery's pipe, and the file of JSON lines."""
    pipe, output = tmp_path / "syslog_pipe", tmp_path / "journal.jsonl"
    os.mkfifo(pipe)
    text = packaged("rsyslog.conf", **{"/var/osquery/syslog_pipe": pipe, "/var/log/osquery/journal.jsonl": output})
    (tmp_path / "rsyslog.conf").write_text(f'global(workDirectory="{tmp_path}")\n' + text)
    assert "End of config validation" in subprocess.run(
        ["rsyslogd", "-N1", "-f", tmp_path / "rsyslog.conf"], capture_output=True, text=True, check=True).stderr
    # Held open for writing too, so that the reader sees no end.
    descriptor = os.open(pipe, os.O_RDWR)
    received = []
    thread = threading.Thread(target=lambda: [received.append(line) for line in open(descriptor, encoding="utf-8")], daemon=True)
    thread.start()
    process = subprocess.Popen(["rsyslogd", "-n", "-f", tmp_path / "rsyslog.conf", "-i", tmp_path / "pid"])
    time.sleep(2)
    yield received, output
    process.terminate()
    process.wait(20)


def test_rsyslog_brings_fields_and_makes_no_circle(manager, extension, journal, rsyslog):
    received, output = rsyslog
    log_observed(manager)
    # What syslog_events would find, were it osquery's own.
    manager.result(json.dumps({"name": "syslog", "columns": {"message": "from the pipe"}, "action": "added"}))
    subprocess.run(["systemd-cat", "-t", "foreign"], input="".join(f"line {n}\n" for n in range(50)), text=True, check=True)
    ours = [entry for entry in journal.entries() if "OSQUERY_LOG_TYPE" in entry]
    wait_until(lambda: len(lines_of(output)) >= len(ours), 20, 0.05)
    wait_until(lambda: sum("foreign" in line for line in received) >= 50, 20, 0.05)
    time.sleep(1)
    assert sum("foreign" in line for line in received) == 50
    assert not [line for line in received if "osquery" in line or "from the pipe" in line or "tutorial-extension" in line]
    brought = [json.loads(line) for line in lines_of(output)]
    assert len(brought) == len(ours)
    names = [name for name in ours[-1] if name.startswith("OSQUERY_")]
    assert names and [{name: entry[name] for name in names} for entry in brought[-1:]] == [{name: ours[-1][name] for name in names}]


@pytest.fixture
def syslog_ng(tmp_path):
    """syslog-ng with the packaged file, in a system of its own, since it conflicts with rsyslog; the file of JSON lines."""
    system = os.environ["SYSLOG_NG"]
    output = tmp_path / "journal.jsonl"
    (tmp_path / "syslog-ng.conf").write_text("@version: 3.35\n" + packaged("syslog-ng.conf", **{"/var/log/osquery/journal.jsonl": output}))
    mounts = ["/proc", "/run/log", str(tmp_path)]
    for path in mounts:
        os.makedirs(system + path, exist_ok=True)
        subprocess.run(["mount", "--bind", path, system + path], check=True)
    shutil.copy("/etc/machine-id", f"{system}/etc/machine-id")
    files = ["-f", tmp_path / "syslog-ng.conf", "-R", tmp_path / "state", "-c", tmp_path / "control", "-p", tmp_path / "pid"]
    process = subprocess.Popen(["chroot", system, "syslog-ng", "--foreground", "--no-caps", *files])
    time.sleep(2)
    yield output
    process.terminate()
    process.wait(20)
    for path in mounts:
        subprocess.run(["umount", "-l", system + path], check=True)


def test_syslog_ng_brings_fields(manager, extension, journal, syslog_ng):
    log_observed(manager)
    subprocess.run(["systemd-cat", "-t", "foreign"], input="a line\n", text=True, check=True)
    ours = [entry for entry in journal.entries() if "OSQUERY_LOG_TYPE" in entry]

    def brought():
        """It begins with the whole journal, in which other tests have logged."""
        entries = map(json.loads, lines_of(syslog_ng))
        return [entry for entry in entries if int(entry["_SOURCE_REALTIME_TIMESTAMP"]) >= journal.since * 1e6]

    wait_until(lambda: len(brought()) >= len(ours), 20, 0.05)
    assert [fields(entry) for entry in brought()] == [fields(entry) for entry in ours]


def fields(entry):
    return {name: value for name, value in entry.items() if name.startswith("OSQUERY_") or name == "MESSAGE"}


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def certificates(tmp_path):
    """An authority, and a certificate of it for each end."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", "/CN=ca", cwd=tmp_path)
    for name in ("remote", "upload"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", cwd=tmp_path)
        (tmp_path / "names").write_text(f"subjectAltName=IP:{RECEIVER if name == 'remote' else SENDER}\n")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "1",
            "-extfile", "names", cwd=tmp_path)
    return tmp_path


SENDER, RECEIVER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def hosts():
    """Two hosts with a cable between them, and to nobody else: commands that run something on each."""
    keepers = [subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE) for _ in range(2)]
    for keeper in keepers:
        keeper.stdout.readline()
    on = [["nsenter", f"--net=/proc/{keeper.pid}/ns/net"] for keeper in keepers]
    subprocess.run([*on[0], "ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(keepers[1].pid)], check=True)
    for host, address in zip(on, (SENDER, RECEIVER)):
        subprocess.run([*host, "ip", "address", "add", f"{address}/24", "dev", "cable"], check=True)
        subprocess.run([*host, "ip", "link", "set", "cable", "up"], check=True)
    yield on
    for keeper in keepers:
        keeper.kill()
        keeper.wait()


def test_journal_upload_brings_all_fields_also_after_the_receiver_was_away(manager, extension, journal, certificates, hosts):
    sending, receiving = hosts
    folder = certificates
    paths = {"/etc/ssl/ca/trusted.pem": folder / "ca.pem"}
    for name in ("remote", "upload"):
        own = {f"/etc/ssl/private/journal-{name}.pem": folder / f"{name}.key", f"/etc/ssl/certs/journal-{name}.pem": folder / f"{name}.pem"}
        more = {"RECEIVER": RECEIVER} if name == "upload" else {}
        os.makedirs(f"/run/systemd/journal-{name}.conf.d", exist_ok=True)
        with open(f"/run/systemd/journal-{name}.conf.d/osquery.conf", "w") as file:
            file.write(packaged(f"journal-{name}.conf", **own, **paths, **more))
    output = folder / "journals"
    output.mkdir()

    def receive():
        return subprocess.Popen([*receiving, f"{TOOLS}/systemd-journal-remote", f"--listen-https={RECEIVER}:19532", f"--output={output}"])

    def upload():
        return subprocess.Popen([*sending, f"{TOOLS}/systemd-journal-upload", f"--save-state={folder}/state"])

    def arrived():
        found = subprocess.run(
            ["journalctl", f"--directory={output}", "-o", "json", "--all", "-q"], capture_output=True, check=True).stdout
        return [entry for entry in map(json.loads, found.splitlines()) if "OSQUERY_LOG_TYPE" in entry]

    def as_set(entries):
        """Each entry with its time and all fields that are not journald's own."""
        return {
            (entry["__REALTIME_TIMESTAMP"], *sorted((name, str(value)) for name, value in entry.items() if name[0] != "_"))
            for entry in entries}

    receiver = receive()
    sender = None
    try:
        time.sleep(1)
        sender = upload()
        log_observed(manager)
        ours = [entry for entry in journal.entries() if "OSQUERY_LOG_TYPE" in entry]
        wait_until(lambda: len(arrived()) >= len(ours), 20, 0.05)
        receiver.terminate()
        receiver.wait(20)
        log_observed(manager)
        # Its unit starts it again (systemd-journal-upload.service, Restart=on-failure).
        if sender.poll() is None:
            sender.terminate()
        sender.wait(20)
        receiver = receive()
        time.sleep(1)
        sender = upload()
        ours = [entry for entry in journal.entries() if "OSQUERY_LOG_TYPE" in entry]
        wait_until(lambda: len(arrived()) >= len(ours), 20, 0.05)
        since = journal.since * 1e6
        there = [entry for entry in arrived() if int(entry["__REALTIME_TIMESTAMP"]) >= since]
        # What was under way when the receiver went is sent again.
        doubled = len(there) - len(ours)
        assert 0 <= doubled <= 1
        assert as_set(there) == as_set(ours)
    finally:
        for process in (sender, receiver):
            if process is not None:
                process.kill()
                process.wait()
