"""`spool`: what waits on disk is listed, exported for systemd's own tools, and dropped only when it may be."""

import os
import re
import subprocess

from conftest import EXTENSION
from load import Load
from osqueryd import wait_until


def spool(folder, *arguments, **options):
    return subprocess.run([EXTENSION, "spool", *arguments, "--directory", folder], capture_output=True, timeout=20, **options)


def test_what_waits_is_listed_exported_and_dropped(manager, start, journald, tmp_path):
    journald.leave()
    extension = start()
    texts = [f'{{"name":"kept","counter":{number}}}' for number in range(5)]
    for text in texts:
        manager.result(text)
    listed = spool(extension.spool, "list", check=True).stdout.decode()
    # With the one that opens the stream.
    assert "\t6 entries\t" in listed and "since @1" in listed

    exported = spool(extension.spool, "export", check=True).stdout
    assert exported.count(b"\nMESSAGE=") == 6
    journal = tmp_path / "spool.journal"
    subprocess.run(["/lib/systemd/systemd-journal-remote", "-o", journal, "-"], input=exported, check=True, capture_output=True)
    found = subprocess.run(["journalctl", "--file", journal, "-o", "cat"], check=True, capture_output=True, text=True).stdout
    assert found.splitlines()[1:] == texts

    refused = spool(extension.spool, "drop", "--yes")
    assert refused.returncode == 70 and b"Stop osqueryd first" in refused.stderr
    assert spool(extension.spool, "drop").returncode == 64
    manager.shutdown()
    extension.process.wait(5)
    # And the one that closes it.
    assert b"\t7 entries\t" in spool(extension.spool, "list", check=True).stdout
    spool(extension.spool, "drop", "--yes", check=True)
    assert b"Nothing is kept" in spool(extension.spool, "list", check=True).stdout


def test_damage_is_said_and_left_out(manager, start, journald):
    journald.leave()
    extension = start()
    for number in range(3):
        manager.result(f'{{"name":"kept","counter":{number}}}')
    manager.shutdown()
    extension.process.wait(5)
    for entry in os.scandir(extension.spool):
        with open(entry.path, "rb") as file:
            text = file.read()
        with open(entry.path, "wb") as file:
            file.write(text.replace(b'"counter":1', b'"counter":x'))
    listed = spool(extension.spool, "list", check=True).stdout
    assert b"\t4 entries\t" in listed and b"1 entry cannot be read" in listed
    exported = spool(extension.spool, "export", check=True)
    assert exported.stdout.count(b"\nMESSAGE=") == 4 and b"1 entry that cannot be read was left out" in exported.stderr


def test_it_is_listed_and_exported_whole_while_entries_come(manager, start, journald):
    journald.leave()
    extension = start()
    load = Load(manager, name="kept")
    wait_until(lambda: load.acknowledged[0] > 200)
    for _ in range(20):
        before = load.acknowledged[0]
        exported = spool(extension.spool, "export", check=True).stdout
        numbers = [int(number) for number in re.findall(rb"\nOSQUERY_COUNTER=(\d+)\n", exported)]
        assert numbers[:before] == list(range(before))
        listed = spool(extension.spool, "list", check=True).stdout
        assert b"cannot be read" not in listed
        assert int(re.search(rb"\t(\d+) entries\t", listed)[1]) >= before
    load.stop()


def test_export_shows_its_progress_on_a_terminal(manager, start, journald):
    journald.leave()
    extension = start()
    for number in range(5):
        manager.result(f'{{"name":"kept","counter":{number}}}')
    terminal, other = os.openpty()
    command = [EXTENSION, "spool", "export", "--directory", extension.spool]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=other, check=True, timeout=20)
    assert b"6 of 6 entries" in os.read(terminal, 4096)
    os.close(terminal)
    os.close(other)


def test_a_directory_that_does_not_exist_is_an_empty_one(tmp_path):
    for command in ("list", "export"):
        result = spool(tmp_path / "nowhere", command, check=True)
        assert b"Nothing is kept" in result.stderr and result.stdout == b""
    spool(tmp_path / "nowhere", "drop", "--yes", check=True)
