"""Writes the tables of a page of documentation out of what the executable's own declarations say, between two lines that mark them.

    reference.py EXECUTABLE PAGE          writes them
    reference.py EXECUTABLE PAGE --check  exits with 1 where they are not as they would be written
"""

import sys

import declared

BEGIN, END = "<!-- What `make reference` writes begins here. -->", "<!-- And ends here. -->"


def table(*rows):
    head, *rest = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *rest])


def flags(command, name):
    """A row for each flag and argument of a command and of those below it."""
    for argument in command["arguments"]:
        if argument["shouldDisplay"] and argument["valueName"] not in ("help", "version"):
            positional = argument["kind"] == "positional"
            value = "" if argument["kind"] == "flag" else f"<{argument['valueName']}>"
            flag = value if positional else f"--{argument['preferredName']['name']} {value}".strip()
            default = argument.get("defaultValue") or ("" if argument["isOptional"] else "needed")
            yield f"`{name}`", f"`{flag}`", argument.get("abstract", ""), default
    for below in command.get("subcommands", []):
        if below["commandName"] != "help":
            yield from flags(below, f"{name} {below['commandName']}".strip())


def main():
    executable, page = sys.argv[1:3]
    variables = [(f"`{v['name']}`", v["meaning"], v["default"]) for v in declared.variables(executable)]
    parts = [
        BEGIN, "## Variables", table(("variable", "meaning", "default"), *variables), "## Flags",
        table(("command", "flag", "meaning", "default"), *flags(declared.command(executable), "")), END]
    with open(page, encoding="utf-8") as file:
        text = file.read()
    written = text[: text.index(BEGIN)] + "\n\n".join(parts) + text[text.index(END) + len(END) :]
    if "--check" in sys.argv:
        sys.exit(written != text and f"{page} is not what the declarations say: run make reference.")
    with open(page, "w", encoding="utf-8") as file:
        file.write(written)


main()
