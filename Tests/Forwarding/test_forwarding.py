"""The files of packaging/forwarding, with the programs that they are for: only paths and the receiver's name are put in."""

import json
import os
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


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def certificates(tmp_path):
    """An authority, and a certificate of it for each end."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", "/CN=ca", cwd=tmp_path)
    for name in ("remote", "upload"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost", cwd=tmp_path)
        (tmp_path / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "1",
            "-extfile", "names", cwd=tmp_path)
    return tmp_path


def test_journal_upload_brings_all_fields_also_after_the_receiver_was_away(manager, extension, journal, certificates):
    folder = certificates
    paths = {"/etc/ssl/ca/trusted.pem": folder / "ca.pem"}
    for name in ("remote", "upload"):
        own = {f"/etc/ssl/private/journal-{name}.pem": folder / f"{name}.key", f"/etc/ssl/certs/journal-{name}.pem": folder / f"{name}.pem"}
        more = {"RECEIVER": "localhost"} if name == "upload" else {}
        os.makedirs(f"/run/systemd/journal-{name}.conf.d", exist_ok=True)
        with open(f"/run/systemd/journal-{name}.conf.d/osquery.conf", "w") as file:
            file.write(packaged(f"journal-{name}.conf", **own, **paths, **more))
    output = folder / "journals"
    output.mkdir()

    def receive():
        return subprocess.Popen([f"{TOOLS}/systemd-journal-remote", "--listen-https=127.0.0.1:19532", f"--output={output}"])

    def upload():
        return subprocess.Popen([f"{TOOLS}/systemd-journal-upload", f"--save-state={folder}/state"])

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
