"""The Swift of README, of the library's articles and of its comments, compiled. `make examples` builds the modules that it imports."""

import glob
import os
import re
import shlex
import subprocess

import pytest
from osqueryd import wait_until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILT = f"{ROOT}/.build/examples/debug"
CATALOG = "Sources/Osquery/Osquery.docc"
PAGES = ["README.md", *sorted(f"{CATALOG}/{name}" for name in os.listdir(f"{ROOT}/{CATALOG}") if name.endswith(".md"))]
# Pages whose blocks use what another page declares.
NEEDED = {f"{CATALOG}/Testing.md": [f"{CATALOG}/Osquery.md", f"{CATALOG}/WriteAWritableTable.md"]}
DECLARATION = re.compile(r"import |@|struct |enum |actor |extension |func |protocol |(final )?class |//|\s|\)|}")
IMPORTS = "".join(f"import {module}\n" for module in ("Foundation", "Osquery", "OsqueryTesting", "Testing"))
PACKAGE = "import PackageDescription"
# The executable that a test tests; here it is one module with the test.
EXECUTABLE = "@testable import planets\n"
STATEMENTS = IMPORTS + "private func example(_ manager: TestManager, _ osquery: any OsqueryClient) async throws {{\n{}}}\n"


def all_blocks(page):
    with open(f"{ROOT}/{page}", encoding="utf-8") as file:
        text = file.read()
    found = re.findall(r"^```swift\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert len(found) == text.count("```swift"), page
    return found


def blocks(page):
    """The page's blocks of Swift, but for a package's description."""
    return [block for block in all_blocks(page) if PACKAGE not in block]


def is_made_of_declarations(block):
    return all(DECLARATION.match(line) for line in block.splitlines() if line)


def source(block):
    """The block as a file: as it is if it imports what it needs, and in a function if it is not made of declarations."""
    block = block.replace(EXECUTABLE, "")
    if not is_made_of_declarations(block):
        return STATEMENTS.format(block)
    return block if "import Osquery" in block else IMPORTS + block


def compile_page(directory, page, change=lambda text: text):
    files = []
    for each in [*NEEDED.get(page, []), page]:
        for number, block in enumerate(blocks(each)):
            file = directory / f"{os.path.basename(each)[:-3]}{number}.swift"
            file.write_text(change(source(block)) if each == page else source(block))
            files.append(file)
    return compile_files(files, "-warnings-as-errors")


def compile_files(files, *options):
    maps = [f"{ROOT}/Sources/CLinux/module.modulemap", f"{BUILT}/CSignals.build/module.modulemap"]
    flags = [word for path in maps for word in ("-Xcc", f"-fmodule-map-file={path}")]
    swift = os.path.realpath(subprocess.check_output(["which", "swiftc"], text=True).strip())
    plugins = os.path.join(os.path.dirname(swift), "../lib/swift/host/plugins/testing")
    return subprocess.run(
        ["swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", "-module-name", "Page", *options,
         "-plugin-path", plugins, "-I", f"{BUILT}/Modules", *flags, *files], capture_output=True, text=True)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_the_swift_of_a_page_compiles(tmp_path, page):
    result = compile_page(tmp_path, page)
    assert result.returncode == 0, result.stderr


def test_the_swift_of_comments_compiles(tmp_path):
    """With what it takes for granted, which is in a fixture. A value that nobody uses is fine there."""
    files = [f"{ROOT}/Tests/Integration/fixtures/comments.swift"]
    for path in sorted(glob.glob(f"{ROOT}/Sources/Osquery/**/*.swift", recursive=True) + glob.glob(f"{ROOT}/Sources/OsqueryTesting/*.swift")):
        with open(path, encoding="utf-8") as file:
            text = "\n".join(re.findall(r"^ *///(?: (.*))?$", file.read(), re.MULTILINE))
        for number, block in enumerate(re.findall(r"^```swift\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)):
            files.append(tmp_path / f"{os.path.basename(path)[:-6]}{number}.swift")
            files[-1].write_text(source(block))
    assert len(files) > 12
    result = compile_files(files, "-suppress-warnings")
    assert result.returncode == 0, result.stderr


def test_nearly_every_article_has_code():
    assert len([page for page in PAGES if blocks(page)]) >= 12


def test_a_block_that_does_not_compile_is_found(tmp_path):
    """A name that the library does not have, in declarations and in statements."""
    result = compile_page(tmp_path, f"{CATALOG}/Testing.md", lambda text: text.replace("manager.generate(", "manager.produce("))
    assert result.returncode != 0
    assert "has no member 'produce'" in result.stderr


def dependency_by_url():
    """The line of README for a package that is fetched."""
    with open(f"{ROOT}/README.md", encoding="utf-8") as file:
        [line] = re.findall(r"`(\.package\(url: .*?\))`", file.read())
    return line


def repository(directory):
    """The sources as they are now, as a repository with the version that README asks for."""
    def git(*words):
        subprocess.run(["git", "-C", directory, "-c", "user.name=Test", "-c", "user.email=test@example.org", *words], check=True)

    os.mkdir(directory)
    names = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    subprocess.run(["xargs", "-0", "cp", "--parents", "-t", directory], input=names, cwd=ROOT, check=True)
    [version] = re.findall(r'from: "(.*?)"', dependency_by_url())
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message=All")
    git("tag", version)


@pytest.mark.parametrize("dependency", ["path", "url"])
def test_the_package_of_readme_builds_and_the_tests_of_an_article_pass(tmp_path, dependency):
    """README's files as they are, or with the line for a package that is fetched, but for the host in its URL."""
    repository(tmp_path / "tutorial-extension")
    [package] = [block for block in all_blocks("README.md") if PACKAGE in block]
    assert '.package(path: "../tutorial-extension"' in package
    if dependency == "url":
        line = dependency_by_url()
        assert "https://HOST/" in line
        line = line.replace("https://HOST/", f"file://{tmp_path}/")
        package = re.sub(r"\.package\(path: .*\)", line, package)
        assert line in package
        os.symlink("tutorial-extension", tmp_path / "tutorial-extension.git")
    planets = tmp_path / "planets"
    for directory in (planets / "Sources/planets", planets / "Tests/planetsTests"):
        directory.mkdir(parents=True)
    (planets / "Package.swift").write_text(package)
    plugin, test = blocks("README.md")
    (planets / "Sources/planets/Planets.swift").write_text(plugin)
    assert blocks(f"{CATALOG}/Testing.md")[0] == test
    (planets / "Tests/planetsTests/PlanetsTests.swift").write_text(test)
    for page in (f"{CATALOG}/WriteAWritableTable.md", f"{CATALOG}/Testing.md"):
        for number, block in enumerate(blocks(page)):
            if is_made_of_declarations(block) and block != test:
                file = planets / f"Tests/planetsTests/{os.path.basename(page)[:-3]}{number}.swift"
                file.write_text(source(block))
    result = subprocess.run(["swift", "test"], cwd=planets, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    tests = "".join(blocks(f"{CATALOG}/Testing.md")).count("@Test ")
    assert tests >= 4 and f"Test run with {tests} tests" in result.stdout
    check_stand_in(planets)


def check_stand_in(package):
    """The commands of the article, and the line that answers the one there."""
    with open(f"{ROOT}/{CATALOG}/Testing.md", encoding="utf-8") as file:
        text = file.read()
    [stand_in, extension] = re.search(r"```sh\n(swift run .*?)```", text, re.DOTALL).group(1).splitlines()
    request, answer = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    socket = f"{package}/em"
    words = [shlex.split(line.replace("/tmp/test.em", socket)) for line in (stand_in, extension)]
    program = subprocess.Popen(words[0], cwd=package, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: os.path.exists(socket), timeout=60)
    planets = subprocess.Popen(words[1], cwd=package)
    try:
        output, _ = program.communicate(request, timeout=60)
        assert re.sub(r'"rowid":"-?\d+"', '"rowid":"…"', output) == answer
        assert (program.returncode, planets.wait(60)) == (0, 0)
    finally:
        for process in (program, planets):
            process.kill()
            process.wait()
