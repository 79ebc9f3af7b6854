"""What tells the version tells the same one."""

import glob
import re

import pytest
from version import ROOT, VERSION


@pytest.mark.parametrize("path, pattern", [
    ("CHANGELOG.md", r"## \[(\d.*)\]"),
    ("packaging/debian/changelog", r"tutorial-extension \((.*)\)"),
    ("packaging/tutorial-extension.spec", r"%changelog\n\* .* - (.*)-1\n"),
    # A picture of the demo, which prints a row of the table journal_logger; `make recording` draws it.
    ("docs/demo.svg", r"\| (\d+\.\d+\.\d+) +\|</text>"),
])
def test_the_newest_entry_is_of_this_version(path, pattern):
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        assert re.search(pattern, file.read()).group(1) == VERSION


def test_users_are_told_to_depend_on_this_version():
    for path in ("README.md", *glob.glob("Sources/*/*.docc/*.md", root_dir=ROOT), *glob.glob("Examples/*/Package.swift", root_dir=ROOT)):
        with open(f"{ROOT}/{path}", encoding="utf-8") as file:
            for found in re.findall(r'tutorial-extension[^\n]*from: "(.*?)"', file.read()):
                assert found == VERSION, path
