"""Makes the manual page out of what the executable's own declarations say, and of what stands in manual-sections.mdoc.

    manual.py EXECUTABLE >tutorial-extension.1
"""

import os
import sys
import time

import declared


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def spelled(name):
    return ("-" if name["kind"] == "long" else "") + name["name"]


def synopsis(arguments):
    words = []
    for argument in arguments:
        if not argument["shouldDisplay"]:
            continue
        value = f"Ar {argument['valueName']}"
        word = value if argument["kind"] == "positional" else "Fl " + escape(spelled(argument["preferredName"]))
        if argument["kind"] == "option":
            word += " " + value
        if argument["isRepeating"]:
            word += " ..."
        words.append(f".Op {word}" if argument["isOptional"] else f".{word}")
    return words


def options(arguments):
    lines = [".Bl -tag -width Ds"]
    for argument in arguments:
        if not argument["shouldDisplay"]:
            continue
        if argument["kind"] == "positional":
            lines.append(f".It Ar {argument['valueName']}")
        else:
            value = f" Ar {argument['valueName']}" if argument["kind"] == "option" else ""
            lines.append(".It " + " , ".join(f"Fl {escape(spelled(name))}" + value for name in argument["names"]))
        lines.append(escape(argument.get("abstract", "")))
        if argument.get("defaultValue"):
            lines.append(f"The default is {escape(argument['defaultValue'])}.")
    return lines + [".El"]


def variables(executable):
    lines = [".Sh ENVIRONMENT", "osqueryd hands its own environment on to its extensions; in a unit of systemd that is", ".Li Environment= ."]
    lines.append(".Bl -tag -width Ds")
    for variable in declared.variables(executable):
        lines += [f".It Ev {variable['name']}", escape(variable["meaning"]), f"The default is: {escape(variable['default'])}."]
    return lines + [".El"]


def main():
    executable = sys.argv[1]
    command = declared.command(executable)
    version = declared.version(executable)
    name = command["commandName"]
    # The date of the release, where whoever builds it says which (reproducible-builds.org/specs/source-date-epoch).
    date = time.strftime("%B %-d, %Y", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    subcommands = [part for part in command["subcommands"] if part["commandName"] != "help" and part.get("shouldDisplay", True)]
    lines = [
        f".Dd {date}", f".Dt {name.upper()} 1", f".Os {name} {version}", ".Sh NAME", f".Nm {name}",
        f".Nd {escape(command['abstract'].rstrip('.'))}", ".Sh SYNOPSIS"]
    for part in subcommands:
        lines += [f".Nm {name}", f".Cm {part['commandName']}", *synopsis(part["arguments"])]
        for below in part.get("subcommands", []):
            if below["commandName"] != "help":
                lines += [f".Nm {name}", f".Cm {part['commandName']} {below['commandName']}", *synopsis(below["arguments"])]
    lines += [".Sh DESCRIPTION", escape(command["discussion"])]
    for part in subcommands:
        lines += [f".Ss {part['commandName']}", escape(part["abstract"]), *options(part["arguments"])]
        if part.get("discussion"):
            lines += [".Pp", escape(part["discussion"])]
        for below in part.get("subcommands", []):
            if below["commandName"] != "help":
                lines += [f".Ss {part['commandName']} {below['commandName']}", escape(below["abstract"]), *options(below["arguments"])]
    lines += variables(executable)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "manual-sections.mdoc"), encoding="utf-8") as file:
        lines.append(file.read().rstrip())
    print("\n".join(lines))


main()
