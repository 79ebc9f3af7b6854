"""`spool`: what waits on disk is listed, exported for systemd's own tools, and dropped only when it may be."""

import os
import subprocess

from conftest import EXTENSION


def spool(folder, *arguments, **options):
    return subprocess.run([EXTENSION, "spool", *arguments, "--directory", folder], capture_output=True, timeout=20, **options)


def test_what_waits_is_listed_exported_and_dropped(manager, start, journald, tmp_path):
    journald.leave()
    extension = start()
    texts = [f'{{"name":"kept","counter":{number}}}' for number in range(5)]
    for text in texts:
        manager.result(text)
    listed = spool(extension.spool, "list", check=True).stdout.decode()
    assert "\t5 entries\t" in listed and "since @1" in listed

    exported = spool(extension.spool, "export", check=True).stdout
    assert exported.count(b"\nMESSAGE=") == 5
    journal = tmp_path / "spool.journal"
    subprocess.run(["/lib/systemd/systemd-journal-remote", "-o", journal, "-"], input=exported, check=True, capture_output=True)
    found = subprocess.run(["journalctl", "--file", journal, "-o", "cat"], check=True, capture_output=True, text=True).stdout
    assert found.splitlines() == texts

    refused = spool(extension.spool, "drop", "--yes")
    assert refused.returncode == 70 and b"another process holds" in refused.stderr and b"Stop osqueryd" in refused.stderr
    assert spool(extension.spool, "drop").returncode == 64
    manager.shutdown()
    extension.process.wait(5)
    assert b"\t5 entries\t" in spool(extension.spool, "list", check=True).stdout
    spool(extension.spool, "drop", "--yes", check=True)
    assert b"Nothing is kept" in spool(extension.spool, "list", check=True).stdout


def test_damage_is_said_and_left_out(manager, start, journald):
    journald.leave()
    extension = start()
    for number in range(3):
        manager.result(f'{{"name":"kept","counter":{number}}}')
    manager.shutdown()
    extension.process.wait(5)
    (name,) = [name for name in os.listdir(extension.spool) if name.startswith("spool-")]
    path = os.path.join(extension.spool, name)
    with open(path, "r+b") as file:
        text = file.read()
        file.seek(text.index(b'"counter":1'))
        file.write(b"x")
    assert b"\t2 entries\t" in spool(extension.spool, "list", check=True).stdout
    exported = spool(extension.spool, "export", check=True)
    assert exported.stdout.count(b"\nMESSAGE=") == 2 and b"no whole entry" in exported.stderr


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path):
    for command in ("list", "export"):
        result = spool(tmp_path / "nowhere", command, check=True)
        assert b"Nothing is kept" in result.stderr and result.stdout == b""
    spool(tmp_path / "nowhere", "drop", "--yes", check=True)
