"""The executable under its second name, which keeps the logger apart from the other plugins."""

import json
import os
import shutil
import signal
import subprocess

import pytest
from conftest import EXTENSION, RunningExtension
from osqueryd import wait_until

FIRST, COMPANION = "tutorial-extension", "tutorial-extension-plugins"
LOGGER_PART = {"logger": {"journal"}, "table": {"journal_logger"}}


class Installation:
    """Both names in a directory, as packages install them, and the list that osqueryd is told of."""

    def __init__(self, manager, directory):
        self.manager = manager
        self.directory = directory / "extensions"
        self.directory.mkdir()
        self.first = self.directory / f"{FIRST}.ext"
        self.first.symlink_to(EXTENSION)
        self.companion = self.directory / f"{COMPANION}.ext"
        self.companion.symlink_to(f"{FIRST}.ext")
        self.list = directory / "extensions.load"
        manager.flags["extensions_autoload"] = str(self.list)
        self.running = []

    def write(self, *lines):
        self.list.write_text("".join(f"{line}\n" for line in lines))

    def start(self, executable, **env):
        extension = RunningExtension(self.manager, executable=str(executable), env=env)
        self.running.append(extension)
        self.manager.wait_for_registration()
        return extension

    def registered(self, name):
        registry = self.manager.registries[self.manager.uuid_of(name)]
        return {kind: set(plugins) for kind, plugins in registry.items()}


@pytest.fixture
def installed(manager, tmp_path):
    installation = Installation(manager, tmp_path)
    yield installation
    for extension in installation.running:
        extension.end(signal.SIGKILL)


@pytest.mark.parametrize("line", ["{0.companion}", "  {0.companion} \t", "{0.companion}\r", "{0.directory}", "{0.directory}/../extensions/"])
def test_two_that_are_listed_share_the_plugins(installed, line):
    installed.write(installed.first, line.format(installed))
    installed.start(installed.companion)
    installed.start(installed.first)
    assert installed.registered(FIRST) == LOGGER_PART
    companion = installed.registered(COMPANION)
    assert companion.pop("table") == {"systemd"}
    assert companion.pop("distributed") == {"directory"}
    assert companion in ({}, {"config": {"gist"}})


@pytest.mark.parametrize("line", ["#{0.companion}", "; {0.companion}", "/nowhere/tutorial-extension-plugins.ext", "{0.companion}.old", ""])
def test_one_that_is_listed_alone_has_all_plugins(installed, line):
    installed.write(installed.first, line.format(installed))
    installed.start(installed.first)
    registered = installed.registered(FIRST)
    assert registered["logger"] == {"journal"}
    assert registered["table"] == {"journal_logger", "systemd"}
    assert registered["distributed"] == {"directory"}


def test_a_list_that_is_changed_counts_from_osqueryds_next_start_on(installed):
    installed.write(installed.first, installed.companion)
    installed.start(installed.first)
    for _ in range(2):
        installed.write(installed.first)
        installed.manager.stop()
        installed.manager.extensions_by_uuid.clear()
        installed.manager.start()
        installed.manager.wait_for_registration()
        assert installed.registered(FIRST) == LOGGER_PART


def test_osqueryi_that_loads_the_companion_alone_has_its_part(installed):
    installed.manager.flags = {"extension": str(installed.companion), "extensions_autoload": "/nowhere/extensions.load"}
    installed.start(installed.companion)
    assert "logger" not in installed.registered(COMPANION)
    installed.start(installed.first)
    assert installed.registered(FIRST) == LOGGER_PART


def test_a_choice_of_plugins_holds_for_both(installed):
    installed.write(installed.first, installed.companion)
    installed.start(installed.first, OSQUERY_EXTENSION_PLUGINS="journal,systemd")
    installed.start(installed.companion, OSQUERY_EXTENSION_PLUGINS="journal,systemd")
    assert installed.registered(FIRST) == {"logger": {"journal"}}
    assert installed.registered(COMPANION) == {"table": {"systemd"}}


def test_the_logger_goes_on_while_the_companion_is_killed(installed, journal):
    installed.write(installed.first, installed.companion)
    first = installed.start(installed.first)
    logger = installed.manager.uuid
    for i in range(10):
        companion = installed.start(installed.companion)
        for line in range(10):
            if line == 5:
                os.kill(companion.pid, signal.SIGKILL)
            response = installed.manager.call("logger", "journal", {"string": f"{i} {line}", "category": "event"}, logger)
            assert response.status.code == 0
    assert first.process.poll() is None
    assert journal.texts("string") == [f"{i} {line}" for i in range(10) for line in range(10)]


def answer_live_query(manager, queries, number):
    query = queries / "kept.sql"
    query.write_text("SELECT 1 AS a")
    os.utime(query, (1, 1))
    results = {"queries": {"kept": [{"a": "1"}]}, "statuses": {"kept": 0}}
    for request in ({"action": "getQueries"}, {"action": "writeResults", "results": json.dumps(results)}):
        assert manager.call("distributed", "directory", request, number).status.code == 0


def test_what_a_companion_has_left_is_seen_and_replayed_without_it(installed, journal, journald, tmp_path):
    queries = tmp_path / "queries"
    queries.mkdir(mode=0o700)
    companion = installed.start(
        installed.companion, OSQUERY_DISTRIBUTED_DIRECTORY=str(queries), OSQUERY_JOURNAL_WAIT="0")
    journald.leave()
    answer_live_query(installed.manager, queries, installed.manager.uuid)
    companion.end()
    # The result, and the entries that open and close the stream.
    assert "3 entries" in spool_command("list") and "/plugins/" in spool_command("list")
    assert "MESSAGE={" in spool_command("export")
    assert "3 entries are kept" in subprocess.run([EXTENSION, "check"], capture_output=True, text=True, timeout=30).stdout
    journald.come_back()
    # The list does not have the companion any more.
    installed.write(installed.first)
    installed.start(installed.first)
    wait_until(lambda: len(journal.texts("distributed")) == 1, 10)
    wait_until(lambda: "Nothing is kept" in spool_command("list"), 10)


def spool_command(name):
    return subprocess.run([EXTENSION, "spool", name], capture_output=True, text=True, check=True, timeout=30).stdout


def test_a_directory_that_the_first_one_refuses_is_not_used_by_the_companion(installed, tmp_path):
    spool = tmp_path / "shared"
    spool.mkdir(mode=0o755)
    (spool / "file").write_text("")
    extension = installed.start(installed.companion, OSQUERY_JOURNAL_SPOOL=str(spool))
    assert "Cannot use as spool the directory" in extension.words()
    assert os.listdir(spool) == ["file"]


def test_the_plugins_of_a_companion_that_osqueryd_refuses_to_run_are_those_of_the_first(installed):
    installed.write(installed.first, installed.companion)
    installed.companion.unlink()
    shutil.copy(EXTENSION, installed.companion)
    installed.companion.chmod(0o757)
    installed.start(installed.first)
    assert installed.registered(FIRST)["table"] == {"journal_logger", "systemd"}


def test_both_keep_what_journald_does_not_take(installed, journal, journald, tmp_path):
    queries = tmp_path / "queries"
    queries.mkdir(mode=0o700)
    installed.write(installed.first, installed.companion)
    variables = {"OSQUERY_DISTRIBUTED_DIRECTORY": str(queries), "OSQUERY_JOURNAL_WAIT": "0"}
    companion = installed.start(installed.companion, **variables)
    number = installed.manager.uuid
    first = installed.start(installed.first, **variables)
    journald.leave()
    installed.manager.result("kept")
    answer_live_query(installed.manager, queries, number)
    for extension in (first, companion):
        extension.end(signal.SIGKILL)
        assert "Another process uses" not in extension.words()
    journald.come_back()
    installed.start(installed.companion, **variables)
    installed.start(installed.first, **variables)
    wait_until(lambda: journal.texts("string") == ["kept"] and len(journal.texts("distributed")) == 1, 10)
