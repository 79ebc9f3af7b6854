"""The Swift of README and of the library's articles, compiled. `make examples` builds the modules that it imports."""

import os
import re
import subprocess

import pytest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILT = f"{ROOT}/.build/examples/debug"
CATALOG = "Sources/Osquery/Osquery.docc"
PAGES = ["README.md", *sorted(f"{CATALOG}/{name}" for name in os.listdir(f"{ROOT}/{CATALOG}") if name.endswith(".md"))]
# Pages whose blocks use what another page declares.
NEEDED = {f"{CATALOG}/Testing.md": [f"{CATALOG}/Osquery.md", f"{CATALOG}/WriteAWritableTable.md"]}
DECLARATION = re.compile(r"import |@|struct |enum |actor |extension |func |protocol |(final )?class ")
IMPORTS = "".join(f"import {module}\n" for module in ("Foundation", "Osquery", "OsqueryTesting", "Testing"))
STATEMENTS = IMPORTS + "private func example(_ manager: TestManager, _ osquery: any OsqueryClient) async throws {{\n{}}}\n"


def blocks(page):
    """The page's blocks of Swift; a package's description is another test's."""
    with open(f"{ROOT}/{page}", encoding="utf-8") as file:
        text = file.read()
    found = re.findall(r"^```swift\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(found) == text.count("```swift"), page
    return [block for block in found if "import PackageDescription" not in block]


def source(block):
    """The block as a file: as it is if it imports what it needs, and in a function if it is not made of declarations."""
    if not DECLARATION.match(block):
        return STATEMENTS.format(block)
    return block if "import Osquery" in block else IMPORTS + block


def compile_page(directory, page, change=lambda text: text):
    files = []
    for each in [*NEEDED.get(page, []), page]:
        for number, block in enumerate(blocks(each)):
            file = directory / f"{os.path.basename(each)[:-3]}{number}.swift"
            file.write_text(change(source(block)) if each == page else source(block))
            files.append(file)
    maps = [f"{ROOT}/Sources/CLinux/module.modulemap", f"{BUILT}/CSignals.build/module.modulemap"]
    flags = [word for path in maps for word in ("-Xcc", f"-fmodule-map-file={path}")]
    swift = os.path.realpath(subprocess.check_output(["which", "swiftc"], text=True).strip())
    plugins = os.path.join(os.path.dirname(swift), "../lib/swift/host/plugins/testing")
    return subprocess.run(
        ["swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", "-warnings-as-errors", "-module-name", "Page",
         "-plugin-path", plugins, "-I", f"{BUILT}/Modules", *flags, *files], capture_output=True, text=True)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_the_swift_of_a_page_compiles(tmp_path, page):
    result = compile_page(tmp_path, page)
    assert result.returncode == 0, result.stderr


def test_nearly_every_article_has_code():
    assert len([page for page in PAGES if blocks(page)]) >= 12


def test_a_block_that_does_not_compile_is_found(tmp_path):
    """A name that the library does not have, in declarations and in statements."""
    result = compile_page(tmp_path, f"{CATALOG}/Testing.md", lambda text: text.replace("manager.generate(", "manager.produce("))
    assert result.returncode != 0
    assert "has no member 'produce'" in result.stderr
