"""The version of the extension, as its one constant has it."""

import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")

with open(f"{ROOT}/Sources/TutorialExtension/Version.swift") as file:
    VERSION = re.search(r'current = "(.*)"', file.read()).group(1)
