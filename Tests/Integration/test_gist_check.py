"""`check` says what osqueryd starts with where its configuration comes from a gist."""

import json

import pytest
from gist_fixtures import needs_gist
from github import CONFIG, ID
from test_check import System, osqueryd  # noqa: F401

pytestmark = needs_gist


class GistSystem(System):
    def __init__(self, folder, monkeypatch):
        super().__init__(folder)
        self.state = folder / "state"
        self.flags |= {"config_plugin": "gist", "config_refresh": "60"}
        self.monkeypatch = monkeypatch
        self.set(OSQUERY_CONFIG_GIST=ID, STATE_DIRECTORY=str(self.state))

    def set(self, **variables):
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)

    def unset(self, *names):
        for name in names:
            self.monkeypatch.delenv(name)

    def keep(self, text=CONFIG, gist=ID):
        self.state.mkdir(mode=0o700)
        revision = {"gist": f"/gists/{gist}", "fetched": 1, "files": {"osquery.conf": text}}
        (self.state / "gist.json").write_text(json.dumps({"good": revision}))

    def found(self, part):
        """The one finding with this in its text."""
        finding, = (finding for finding in self.findings() if part in finding["text"])
        return finding


@pytest.fixture
def system(tmp_path, journal, monkeypatch):
    return GistSystem(tmp_path, monkeypatch)


def test_a_first_start_that_needs_github_is_a_warning(system):
    finding = system.found("No configuration of the gist is kept")
    assert finding["level"] == "warning" and "300 s" in finding["text"]
    assert "OSQUERY_CONFIG_GIST_FALLBACK" in finding["remedy"] and "--config_accelerated_refresh=" in finding["remedy"]
    system.flags["config_accelerated_refresh"] = "7"
    assert "only after 7 s" in system.found("No configuration of the gist is kept")["text"]


def test_what_is_kept_of_this_gist_is_enough(system):
    system.keep()
    assert system.found("gist.json")["level"] == "ok"


@pytest.mark.parametrize("kept", [{"gist": "12345"}, {"text": "{,}"}], ids=["another gist's", "broken"])
def test_what_cannot_be_used_is_as_if_nothing_were_kept(system, kept):
    system.keep(**kept)
    assert system.found("gist.json")["level"] == "warning"


def test_a_fallback_is_enough_if_osqueryd_would_take_it(system, tmp_path):
    path = tmp_path / "fallback.conf"
    path.write_text(CONFIG)
    system.set(OSQUERY_CONFIG_GIST_FALLBACK=str(path))
    assert system.found(str(path))["level"] == "ok"
    path.write_text("{,}")
    assert system.found(str(path))["level"] == "error"
    path.unlink()
    assert system.found(str(path))["level"] == "error"


def test_a_gist_that_is_not_named_is_an_error(system):
    system.set(OSQUERY_CONFIG_GIST="a b")
    assert system.found("OSQUERY_CONFIG_GIST")["level"] == "error"


def test_a_gist_that_osqueryd_alone_is_told_of_is_found(system, osqueryd):
    system.keep()
    osqueryd()
    system.unset("OSQUERY_CONFIG_GIST", "STATE_DIRECTORY")
    assert system.found(str(system.state / "gist.json"))["level"] == "ok"


def test_a_gist_that_osqueryd_is_not_told_of_is_an_error(system, osqueryd):
    system.unset("OSQUERY_CONFIG_GIST")
    osqueryd()
    assert system.found("OSQUERY_CONFIG_GIST is not set")["level"] == "error"


def test_without_an_osqueryd_it_is_unknown_whether_a_gist_is_named(system):
    system.unset("OSQUERY_CONFIG_GIST")
    finding = system.found("OSQUERY_CONFIG_GIST is not set in this environment")
    assert finding["level"] == "warning"


def test_a_gist_that_is_read_once_is_a_warning(system):
    del system.flags["config_refresh"]
    assert system.found("--config_refresh is not set")["level"] == "warning"


def test_nothing_is_said_of_another_plugin(system):
    system.flags["config_plugin"] = "filesystem"
    assert not any("gist" in finding["text"] for finding in system.findings())
