"""What an executable's declarations say of its commands and variables."""

import json
import subprocess


def _output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def command(executable):
    """swift-argument-parser's description of the command."""
    return json.loads(_output(executable, "--experimental-dump-help"))["command"]


def variables(executable):
    """Each a name, what it means, and what holds where it is not set."""
    return json.loads(_output(executable, "variables", "--json"))


def version(executable):
    return _output(executable, "--version").split()[0]
