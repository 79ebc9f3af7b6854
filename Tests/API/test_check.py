"""What check.py says of a small package, by changes of its sources."""

import os
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))

MANIFEST = """// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "small",
    products: [.library(name: "Small", targets: ["Small"])],
    traits: [.trait(name: "More")],
    targets: [.target(name: "Inner"), .target(name: "Small", dependencies: ["Inner"])])
"""

INNER = "package struct Inner { package init() {} }\n"

SMALL = """
internal import Inner

public enum Kind { case good }
public struct FirstError: Error {}
public struct SecondError: Error {}
public protocol Asked { func ask() }
public struct Thing: Equatable {
    public var size = 0
    public init() {}
    public func removed() {}
    public func renamed(from text: String) {}
    public func failing() throws(FirstError) {}
    public func waiting() {}
    public func counting(_ limit: Int = 1) {}
    package func shared() {}
}
#if More
    public func more() {}
#endif
"""

#: What is replaced, by what, and what is said of it.
BREAKS = [
    ("    public func removed() {}\n", "", "Func Thing.removed() has been removed"),
    ("renamed(from text", "renamed(of text", "Func Thing.renamed(from:) has been renamed to Func renamed(of:)"),
    ("throws(FirstError)", "throws(SecondError)",
     "Func Thing.failing() has type change from Small.Thing.failing() throws(Small.FirstError) -> () "
     "to Small.Thing.failing() throws(Small.SecondError) -> ()"),
    ("waiting() {}", "waiting() throws {}", "Func Thing.waiting() is now throwing"),
    ("public var size", "public let size", "Accessor Thing.size.Set() has been removed"),
    ("limit: Int = 1", "limit: Int", "Func Thing.counting(_:) has removed default argument from parameter 0"),
    ("case good", "case good, bad", "EnumElement Kind.bad has been added as a new enum case"),
    ("func ask()", "func ask(); func tell()", "Func Asked.tell() has been added as a protocol requirement"),
    ("Thing: Equatable", "Thing", "Struct Thing has removed conformance to Equatable"),
    ("    public func more() {}\n", "", "Func more() has been removed"),
]


class Package:
    """A package in a repository, with check.py in it."""

    def __init__(self, directory):
        self.directory = directory
        self.write("Package.swift", MANIFEST)
        self.write("Sources/Inner/Inner.swift", INNER)
        self.write("Sources/Small/Small.swift", SMALL)
        self.write("Tests/API/allowed-breaks", "# None.\n")
        shutil.copy(os.path.join(HERE, "check.py"), directory / "Tests/API")
        self.git("init", "--quiet")
        self.git("add", "Package.swift", "Sources")
        self.git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=First")
        self.write("Tests/API/baseline", f"# A comment.\n{self.git('rev-parse', 'HEAD')}\n")

    def git(self, *arguments):
        return subprocess.run(["git", *arguments], cwd=self.directory, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, path, text):
        (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (self.directory / path).write_text(text)

    def check(self):
        """The exit status of check.py, and the lines that it prints."""
        result = subprocess.run(
            [sys.executable, self.directory / "Tests/API/check.py", self.directory / "none", self.directory / "output"],
            capture_output=True, text=True)
        return result.returncode, (result.stdout + result.stderr).splitlines()


@pytest.fixture
def package(tmp_path):
    return Package(tmp_path)


def broken():
    source = SMALL
    for old, new, _ in BREAKS:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def test_every_kind_of_break_is_reported_and_can_be_allowed(package):
    package.write("Sources/Small/Small.swift", broken())
    expected = {f"Small: {line}" for _, _, line in BREAKS}
    status, lines = package.check()
    assert status == 1 and {line for line in lines if line.startswith("Small: ")} == expected
    package.write("Tests/API/allowed-breaks", "# Intended.\n" + "\n".join(expected))
    assert package.check()[0] == 0


def test_additions_and_package_declarations_are_free(package):
    package.write("Sources/Small/Small.swift", SMALL.replace(
        "    package func shared() {}", "    public func added() {}").replace("protocol Asked", "protocol New {}\npublic protocol Asked"))
    assert package.check()[0] == 0


def test_an_allowed_break_that_is_none_is_reported(package):
    package.write("Tests/API/allowed-breaks", "Small: Func Thing.removed() has been removed\n")
    status, lines = package.check()
    assert status == 1 and lines[0] == "Small: Func Thing.removed() has been removed"


def test_a_module_that_no_product_has_any_more_is_reported(package):
    package.write("Package.swift", MANIFEST.replace("Small", "Other"))
    (package.directory / "Sources/Small").rename(package.directory / "Sources/Other")
    status, lines = package.check()
    assert status == 1 and lines[0] == "Small: The module has been removed"


def test_a_commit_that_is_not_in_the_clone_is_reported(package):
    package.write("Tests/API/baseline", "0123456789012345678901234567890123456789\n")
    status, lines = package.check()
    assert status == 1 and "git fetch --unshallow" in lines[1]
