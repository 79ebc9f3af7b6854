"""The journalctl examples of README and docs, run as they stand there."""

import os
import re
import subprocess
import sys

import pytest
from conftest import EXTENSION
from observed import observed_requests

ROOT = os.path.join(os.path.dirname(__file__), "../..")
PAGES = ("README.md", "docs/query.md")


def text_of(page):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read()


def examples(page):
    """The first block of commands under that heading."""
    text = text_of(page)
    block = re.search(r"```sh\n(.*?)```", text[text.index("# Find your logs"):], re.DOTALL).group(1)
    return block.strip().splitlines()


def test_there_are_six_and_they_are_the_same():
    assert len(examples(PAGES[0])) == 6
    assert examples(PAGES[0]) == examples(PAGES[1])


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", *(f"docs/{name}" for name in os.listdir(f"{ROOT}/docs") if name.endswith(".md"))])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(page)):
        assert target.startswith("https://") or os.path.exists(os.path.join(ROOT, os.path.dirname(page), target)), target


def test_osqueryi_waits_for_each_extension_that_it_is_told_to_start():
    """Without --extensions_require its answer to a query is “no such table”."""
    pages = ["README.md", *(f"docs/{name}" for name in os.listdir(f"{ROOT}/docs")), *(f"Sources/Osquery/Osquery.docc/{name}" for name in os.listdir(f"{ROOT}/Sources/Osquery/Osquery.docc"))]
    lines = [line for page in pages if page.endswith(".md") for line in text_of(page).splitlines()]
    started = [line for line in lines if re.search("osqueryi.* --extension ", line)]
    # README, tables, troubleshoot, and the library's Testing and WhatAnExtensionIs.
    assert len(started) >= 5
    assert [line for line in started if "--extensions_require=" not in line] == []


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/internals.md"])
def test_each_test_that_is_named_is_there(page):
    there = set()
    for folder, _, names in os.walk(f"{ROOT}/Tests"):
        for name in names:
            there.add(name)
            if name.endswith(".py"):
                there.update(re.findall(r"^def (test_\w+)", text_of(os.path.relpath(os.path.join(folder, name), ROOT)), re.MULTILINE))
    named = re.findall(r"`(test_\w+(?:\.py)?)`", text_of(page))
    assert len(named) > 8 and set(named) <= there, set(named) - there


def test_the_tables_of_variables_and_flags_are_the_declarations():
    command = [sys.executable, f"{ROOT}/packaging/reference.py", EXTENSION, f"{ROOT}/docs/configure.md", "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_each_variable_that_the_sources_name_is_in_the_table():
    table, read = set(re.findall(r"^\| `([A-Z_]+)` \|", text_of("docs/configure.md"), re.MULTILINE)), set()
    for folder, _, names in os.walk(f"{ROOT}/Sources"):
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                source = file.read()
            read |= set(re.findall(r'(?:environment|value|getenv)\("([A-Z_]+)"\)', source))
    # What systemd and osqueryd say to those that they start is nobody's to set.
    assert {"OSQUERY_JOURNAL_WAIT", "STATE_DIRECTORY"} <= read - {"JOURNAL_STREAM", "OSQUERY_EXTENSION"} <= table


@pytest.mark.parametrize("command", examples(PAGES[0]))
def test_each_finds_what_it_says(manager, extension, command):
    for line in observed_requests():
        if line["registry"] == "logger":
            manager.call(line["registry"], line["item"], line["request"])
    manager.status('[{"s":1,"f":"a.cpp","i":1,"m":"a warning","h":"h","c":"c","u":1}]')
    subprocess.run(["journalctl", "--sync"], check=True)
    output = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert output.stdout
    assert "No entries" not in output.stdout
