"""The plugin `gist` takes the texts that osqueryd takes, and no others.

fixtures/configurations.json has texts, and whether osqueryd 5.23.1 took each as its configuration (`taken`, by --config_check) and as
a pack (`pack`). `too_large` are those that it refused for their size alone. A text is a string, or the parts that it consists of, each
with how often it is repeated.
"""

import json
import os

import pytest
from gist_fixtures import needs_gist
from github import CONFIG, ask, error

pytestmark = needs_gist

with open(os.path.join(os.path.dirname(__file__), "fixtures", "configurations.json")) as file:
    CASES = json.load(file)
MIB = 1 << 20


def text_of(case):
    parts = case.get("parts", [case.get("text")])
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


def said(extension, part):
    return sum(part in line for line in extension.words().splitlines())


def test_there_are_texts_of_either_kind():
    assert len(CASES) == len({case["name"] for case in CASES}) > 150
    assert sum(case["taken"] for case in CASES) > 60 and sum(not case["taken"] for case in CASES) > 60


def test_what_osqueryd_takes_is_handed_out_and_nothing_else(manager, github, begin):
    extension = begin()
    wrong, given = [], None
    for case in CASES:
        text = text_of(case)
        github.serve({"osquery.conf": text})
        response = ask(manager)
        is_taken = response.status.code == 0 and response.response[0]["gist"] == text
        if is_taken:
            given = text
        elif given is not None and response.response[0]["gist"] != given:
            wrong.append((case["name"], "is not answered with the one before"))
        if is_taken != (case["taken"] or case.get("too_large", False) and len(text) + 1 <= 4 * MIB):
            wrong.append((case["name"], case["taken"]))
    assert wrong == []
    assert said(extension, "at most 1048576") == 5


def test_packs_are_taken_as_osqueryd_takes_them(manager, github, begin):
    extension = begin()
    wrong = []
    for number, case in enumerate(CASES):
        text = text_of(case)
        # A gist of its own for each: a revision with a broken pack does not replace one that has none.
        github.serve({"osquery.conf": CONFIG, "p.conf": text, "number.md": str(number)})
        assert ask(manager).status.code == 0
        response = ask(manager, action="genPack", name="p", value="gist")
        assert response.status.code == 1 or response.response == [{"p": text}]
        if (response.status.code == 0) != case["pack"]:
            wrong.append((case["name"], case["pack"]))
    assert wrong == []
    assert extension.process.poll() is None


@pytest.mark.parametrize("name, sentence", [
    ("comma after the last member", "near “{\"a\": 1,}"),
    ("line comment at the end of a line", "A comment must be a line of its own, beginning with # or //"),
    ("byte order mark", "is not a JSON object"), ("33 levels", "deeper than 32 levels"), ("a byte more than 4 MiB", "larger than 4 MiB")])
def test_the_error_says_what_is_wrong_with_the_text(manager, github, begin, name, sentence):
    case, = (case for case in CASES if case["name"] == name)
    github.serve({"osquery.conf": text_of(case)})
    begin()
    said = error(manager)
    assert said.startswith("osqueryd would not take osquery.conf: ") and sentence in said
