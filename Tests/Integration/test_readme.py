"""The journalctl examples of README and docs, run as they stand there."""

import os
import re
import subprocess

import pytest
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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}" for name in os.listdir(f"{ROOT}/docs") if name.endswith(".md"))])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(page)):
        assert target.startswith("https://") or os.path.exists(os.path.join(ROOT, os.path.dirname(page), target)), target


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
