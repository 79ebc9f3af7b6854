"""The README's journalctl examples, run as they stand there."""

import os
import re
import subprocess

import pytest
from observed import observed_requests

README = os.path.join(os.path.dirname(__file__), "../../README.md")


def examples():
    with open(README, encoding="utf-8") as file:
        text = file.read()
    section = text[text.index("## Find your logs"):]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL).group(1)
    return block.strip().splitlines()


def test_there_are_six():
    assert len(examples()) == 6


@pytest.mark.parametrize("command", examples())
def test_each_finds_what_it_says(manager, extension, command):
    for line in observed_requests():
        if line["registry"] == "logger":
            manager.call(line["registry"], line["item"], line["request"])
    manager.status('[{"s":1,"f":"a.cpp","i":1,"m":"a warning","h":"h","c":"c","u":1}]')
    subprocess.run(["journalctl", "--sync"], check=True)
    output = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert output.stdout
    assert "No entries" not in output.stdout
