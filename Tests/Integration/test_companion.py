"""The executable under its second name, which keeps the logger apart from the other plugins."""

import json
import os
import signal

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


@pytest.mark.parametrize("line", ["{0.companion}", "  {0.companion} \t", "{0.directory}", "{0.directory}/../extensions/"])
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
    query = queries / "kept.sql"
    query.write_text("SELECT 1 AS a")
    os.utime(query, (1, 1))
    results = {"queries": {"kept": [{"a": "1"}]}, "statuses": {"kept": 0}}
    for request in ({"action": "getQueries"}, {"action": "writeResults", "results": json.dumps(results)}):
        assert installed.manager.call("distributed", "directory", request, number).status.code == 0
    for extension in (first, companion):
        extension.end(signal.SIGKILL)
        assert "Another process uses" not in extension.words()
    journald.come_back()
    installed.start(installed.companion, **variables)
    installed.start(installed.first, **variables)
    wait_until(lambda: journal.texts("string") == ["kept"] and len(journal.texts("distributed")) == 1, 10)
