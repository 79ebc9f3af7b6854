"""The plugin `gist` keeps as the last good configuration what osqueryd has taken, and gives it instead of what osqueryd refused."""

import json

import pytest
from configured import ConfiguredManager
from gist_fixtures import needs_gist
from github import CONFIG, ID, ask, config, error, reply
from osqueryd import wait_until

pytestmark = needs_gist

# What is within the bounds of some versions of osqueryd, and not of this one.
REFUSED = json.dumps({"schedule": {"large": {"query": "SELECT 1 " + " " * (1 << 20), "interval": 5}}})
OTHER = '{"schedule": {"other": {"query": "SELECT 2", "interval": 60}}}'


@pytest.fixture
def manager_class():
    return ConfiguredManager


@pytest.fixture
def saved(state):
    """The text that is kept on disk, and the hash of what was refused."""

    def saved():
        path = state / "gist.json"
        if not path.exists():
            return None
        content = json.loads(path.read_text())
        return content["good"]["files"]["osquery.conf"], content.get("refused")

    return saved


def take(manager, github, saved, text=CONFIG, **files):
    """Has osqueryd take a configuration, which is then the last good one."""
    github.serve({"osquery.conf": text, **files})
    assert manager.refresh() == text
    wait_until(lambda: saved() == (text, None))


def end(extension, manager):
    extension.end()
    manager.extensions_by_uuid.clear()


def test_a_configuration_is_kept_once_osqueryd_has_it_and_not_when_it_is_handed_out(manager, github, begin, saved, state):
    begin()
    assert config(manager) == [{"gist": CONFIG}]
    queries = len(manager.queries)
    wait_until(lambda: len(manager.queries) >= queries + 3)
    assert saved() is None
    manager.refresh()
    wait_until(lambda: saved() == (CONFIG, None))
    assert oct((state / "gist.json").stat().st_mode)[-3:] == "600"


def test_the_last_good_configuration_survives_an_end_and_github(manager, github, begin, saved):
    first = begin()
    github.serve({"osquery.conf": CONFIG, "p.conf": '{"queries": {}}'}, ETag='"x"')
    manager.refresh()
    wait_until(saved)
    end(first, manager)
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    second = begin()
    assert config(manager) == [{"gist": CONFIG}]
    assert ask(manager, action="genPack", name="p", value="").response == [{"p": '{"queries": {}}'}]
    assert "s ago is used" in second.words() and "status 503" in second.words()
    assert github.requests[-1][1]["if-none-match"] == '"x"'
    end(second, manager)
    begin(gist="12345")
    assert "status 404" in error(manager), "another gist's configuration was used"


def test_what_osqueryd_refuses_is_not_kept_and_the_last_good_one_runs_again(manager, github, begin, saved):
    extension = begin()
    take(manager, github, saved)
    github.serve({"osquery.conf": REFUSED})
    assert manager.refresh() == REFUSED
    assert manager.scheduled == []
    wait_until(lambda: saved() == (CONFIG, manager.config_hash))
    for _ in range(3):
        assert manager.refresh() == CONFIG
        assert manager.scheduled == ["time"]
    assert extension.words().count("did not take") == 1
    take(manager, github, saved, OTHER)
    assert manager.scheduled == ["other"]


def test_what_was_refused_stays_refused_after_a_restart_of_either(manager, github, begin, saved):
    extension = begin()
    take(manager, github, saved)
    github.serve({"osquery.conf": REFUSED})
    manager.refresh()
    wait_until(lambda: saved()[1] is not None)
    manager.restart()
    assert manager.refresh() == CONFIG
    end(extension, manager)
    manager.restart()
    begin()
    assert manager.refresh() == CONFIG
    assert manager.scheduled == ["time"]


def test_a_worker_that_dies_before_it_has_taken_the_configuration_does_not_refuse_it(manager, github, begin, saved):
    begin()
    assert config(manager) == [{"gist": CONFIG}]
    manager.restart()
    assert manager.refresh() == CONFIG
    wait_until(lambda: saved() == (CONFIG, None))


def test_refreshes_in_quick_succession_end_with_the_last_one(manager, github, begin, saved):
    begin()
    take(manager, github, saved)
    for text in (OTHER, CONFIG, OTHER, OTHER):
        github.serve({"osquery.conf": text})
        assert config(manager) == [{"gist": text}]
    manager.update(OTHER)
    wait_until(lambda: saved() == (OTHER, None))


PACKS = {
    "schedule": {
        "a": {"query": "SELECT 1", "interval": 60}, "b": {"query": "SELECT 2", "interval": "60", "platform": "windows"},
        "c": {"query": "SELECT 3", "interval": 60, "shard": 1}},
    "packs": {
        "away": {"discovery": ["SELECT 1 WHERE 0"], "queries": {"q": {"query": "SELECT 4", "interval": 60}}},
        "here": {"platform": "linux", "queries": {"q": {"query": "SELECT 5", "interval": 60, "removed": False}}},
        "file": "gist"}}


def test_packs_and_queries_that_do_not_run_here_keep_no_configuration_from_being_good(manager, github, begin, saved):
    begin()
    manager.inactive, manager.delimiter = {"away"}, "/"
    take(manager, github, saved, json.dumps(PACKS), **{"file.conf": '{"queries": {"q": {"query": "SELECT 6", "interval": 60}}}'})
    assert manager.scheduled == ["a", "pack/file/q", "pack/here/q"]


@pytest.mark.parametrize("file", ['{"queries": {},}', None], ids=["broken", "missing"])
def test_a_revision_with_a_pack_that_osqueryd_would_not_take_does_not_replace_the_last_good_one(manager, github, begin, saved, file):
    extension = begin()
    take(manager, github, saved)
    files = {"osquery.conf": json.dumps(PACKS), "file.conf": file}
    github.serve({name: text for name, text in files.items() if text})
    for _ in range(2):
        assert manager.refresh() == CONFIG
    assert extension.words().count("file.conf") == 1
    assert saved() == (CONFIG, None)


def test_without_a_last_good_one_a_pack_less_is_better_than_no_configuration(manager, github, begin, saved):
    extension = begin()
    github.serve({"osquery.conf": json.dumps(PACKS)})
    manager.refresh()
    assert "a" in manager.scheduled
    assert "no file “file.conf”" in extension.words()
    queries = len(manager.queries)
    wait_until(lambda: len(manager.queries) >= queries + 4)
    assert saved() is None


def test_a_query_that_osqueryd_lacks_keeps_a_configuration_from_being_good(manager, github, begin, saved):
    begin()
    github.serve({"osquery.conf": OTHER})
    manager.refresh()
    manager.packs["main"]["queries"]["other"]["query"] = "SELECT 3"
    queries = len(manager.queries)
    wait_until(lambda: len(manager.queries) >= queries + 4)
    assert saved() is None
    manager.packs["main"]["queries"]["other"]["query"] = "SELECT 2"
    wait_until(lambda: saved() == (OTHER, None))


@pytest.mark.parametrize("text", ['{"options": {}}', '{"schedule": {"q": {"interval": 1}}}', '{"schedule": {"q": {"query": "SELECT 1", "interval": 0}}}'])
def test_what_cannot_be_told_is_given_as_long_as_github_answers_and_never_kept(manager, github, begin, saved, text):
    extension = begin()
    take(manager, github, saved)
    github.serve({"osquery.conf": text})
    for _ in range(2):
        assert manager.refresh() == text
    wait_until(lambda: "cannot be told" in extension.words())
    assert saved() == (CONFIG, None)
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    assert manager.refresh() == CONFIG


def test_queries_that_run_on_some_hosts_alone_do_not_keep_a_configuration_from_being_good(manager, github, begin, saved):
    begin()
    take(manager, github, saved, '{"schedule": {"q": {"query": "SELECT 1", "interval": 5, "platform": "windows"}}}')


def test_a_broken_revision_is_logged_once_and_costs_no_rate_limit(manager, github, begin, saved):
    extension = begin()
    take(manager, github, saved)

    def answer(request):
        if request.headers.get("If-None-Match") == '"bad"':
            request.send_response(304)
            request.end_headers()
        else:
            reply(request, json.dumps({"files": {"osquery.conf": {"content": "{,}"}}}), ETag='"bad"')

    github.answers[f"/gists/{ID}"] = answer
    for _ in range(3):
        assert manager.refresh() == CONFIG
    assert github.requests[-1][1]["if-none-match"] == '"bad"'
    assert extension.words().count("would not take") == 1


def test_what_version_0_1_0_kept_is_read(manager, github, begin, state):
    state.mkdir(mode=0o700)
    old = {"gist": f"/gists/{ID}", "etag": '"x"', "fetched": 1, "files": {"osquery.conf": CONFIG}}
    (state / "gist.json").write_text(json.dumps(old))
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    begin()
    assert config(manager) == [{"gist": CONFIG}]


@pytest.fixture
def fallback(tmp_path):
    path = tmp_path / "osquery.conf"
    path.write_text(OTHER)
    return path


def test_the_fallback_is_used_only_until_there_is_a_last_good_one(manager, github, begin, saved, fallback):
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    extension = begin(OSQUERY_CONFIG_GIST_FALLBACK=str(fallback))
    assert manager.refresh() == OTHER
    assert f"The configuration in {fallback} is used: GitHub answered with status 503" in extension.words()
    take(manager, github, saved)
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    assert manager.refresh() == CONFIG


def test_the_fallback_is_used_for_a_gist_that_is_broken_from_the_start(manager, github, begin, saved, fallback):
    github.serve({"osquery.conf": "{,}"})
    begin(OSQUERY_CONFIG_GIST_FALLBACK=str(fallback))
    assert manager.refresh() == OTHER
    assert manager.scheduled == ["other"] and saved() is None


def test_the_fallback_is_used_for_a_gist_that_osqueryd_refuses_from_the_start(manager, github, begin, saved, fallback):
    extension = begin(OSQUERY_CONFIG_GIST_FALLBACK=str(fallback))
    github.serve({"osquery.conf": REFUSED})
    assert manager.refresh() == REFUSED
    wait_until(lambda: "did not take" in extension.words())
    assert manager.refresh() == OTHER
    assert saved() is None


def test_a_pack_that_the_fallback_only_names_is_said_of_the_fallback(manager, github, begin, fallback):
    fallback.write_text('{"packs": {"p": "*"}}')
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    begin(OSQUERY_CONFIG_GIST_FALLBACK=str(fallback))
    assert config(manager) == [{"gist": fallback.read_text()}]
    said = error(manager, action="genPack", name="p", value="*")
    assert said == f"The fallback {fallback} only names the pack “p”: write the pack itself there, as an object."


@pytest.mark.parametrize("content, sentence", [("{,}", "osqueryd would not take"), (None, "No such file or directory"), ("", "not a JSON object")])
def test_a_fallback_that_cannot_be_used_is_said_with_why_it_was_needed(manager, github, begin, tmp_path, content, sentence):
    path = tmp_path / "fallback.conf"
    if content is not None:
        path.write_text(content)
    github.answers[f"/gists/{ID}"] = lambda request: reply(request, "", 503)
    begin(OSQUERY_CONFIG_GIST_FALLBACK=str(path))
    said = error(manager)
    for part in ("status 503", "OSQUERY_CONFIG_GIST_FALLBACK", str(path), sentence):
        assert part in said
