"""Compares the public API of the library products with that of the commit named in `baseline`, and fails on each break that
`allowed-breaks` does not list. Run with `make check-api`.

    check.py MODULES OUTPUT [COMMIT]

MODULES has the modules of the packages that ours depends on. OUTPUT is a directory for the modules and descriptions made here.

Only the modules' interfaces are compiled, which takes seconds. `swift package diagnose-api-breaking-changes` builds all of the other
commit, with the default traits only, and reports changes of `package` declarations, but not of the type of a thrown error.
"""

import functools
import glob
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(os.path.dirname(HERE))
BASELINE = os.path.join(HERE, "baseline")
ALLOWED = os.path.join(HERE, "allowed-breaks")


def lines_of(path):
    """The lines of a file but comments and empty ones."""
    with open(path) as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def output_of(*command):
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)[:200]} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def extract(commit, directory):
    """The sources of a commit of this repository."""
    if subprocess.run(["git", "-C", PACKAGE, "cat-file", "-e", f"{commit}^{{commit}}"], stderr=subprocess.DEVNULL).returncode != 0:
        sys.exit(
            f"The commit {commit}, with whose API this one is compared, is not in this clone.\n"
            f"If the clone is shallow, run `git fetch --unshallow`. Otherwise name a commit of this repository in {BASELINE}.")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    archive = subprocess.Popen(["git", "-C", PACKAGE, "archive", commit, "Package.swift", "Sources"], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", directory], stdin=archive.stdout, check=True)
    if archive.wait() != 0:
        sys.exit(f"git archive of {commit} failed.")


class Tree:
    """A package's sources, and where its modules and their description go."""

    def __init__(self, sources, output, dependencies):
        self.sources, self.output, self.dependencies = sources, output, dependencies
        shutil.rmtree(output, ignore_errors=True)
        os.makedirs(output)
        manifest = json.loads(output_of(
            "swift", "package", "--package-path", sources, "--scratch-path", os.path.join(output, "scratch"), "dump-package"))
        self.targets = {target["name"]: target for target in manifest["targets"]}
        self.modules = [
            name for product in manifest["products"] if "library" in product["type"] for name in product["targets"]]
        self.flags = ["-swift-version", manifest["toolsVersion"]["_version"].split(".")[0]]
        # Everything that a trait adds is API.
        self.flags += [flag for trait in manifest["traits"] if trait["name"] != "default" for flag in ("-D", trait["name"])]

    @functools.cache
    def compile(self, name):
        """Makes a target's module after those of the targets that it depends on, and returns the flags for an import of it."""
        target = self.targets[name]
        imports = dict.fromkeys(
            flag for dependency in target["dependencies"] if "byName" in dependency and dependency["byName"][0] in self.targets
            for flag in self.compile(dependency["byName"][0]))
        directory = os.path.join(self.sources, target.get("path") or f"Sources/{name}")
        sources = glob.glob(f"{directory}/**/*.swift", recursive=True)
        if not sources:
            return [*imports, f"-fmodule-map-file={self.module_map(name, directory)}"]
        features = [
            flag for setting in target["settings"] if "enableUpcomingFeature" in setting["kind"]
            for flag in ("-enable-upcoming-feature", setting["kind"]["enableUpcomingFeature"]["_0"])]
        output_of(
            "swiftc", "-emit-module", "-parse-as-library", "-module-name", name, "-package-name", "package",
            "-emit-module-path", os.path.join(self.output, f"{name}.swiftmodule"), "-suppress-warnings",
            "-Xfrontend", "-experimental-skip-non-inlinable-function-bodies",
            *self.flags, *features, *self.search(imports), *sources)
        return list(imports)

    def module_map(self, name, directory):
        """The module map of a target in C, as SwiftPM makes one where there is none."""
        for own in (f"{directory}/module.modulemap", f"{directory}/include/module.modulemap"):
            if os.path.exists(own):
                return own
        path = os.path.join(self.output, f"{name}.modulemap")
        with open(path, "w") as file:
            file.write(f'module {name} {{\n    umbrella "{directory}/include"\n    export *\n}}\n')
        return path

    def search(self, imports):
        return ["-I", self.output, "-I", self.dependencies, *(flag for each in imports for flag in ("-Xcc", each))]

    def describe(self):
        """The public API of each module of a library product: the path of a file in JSON by the module's name."""
        imports = dict.fromkeys(flag for module in self.modules for flag in self.compile(module))
        target = json.loads(output_of("swiftc", "-print-target-info"))
        paths = {module: os.path.join(self.output, f"{module}.json") for module in self.modules}
        for module, path in paths.items():
            output_of(
                "swift-api-digester", "-dump-sdk", "-abort-on-module-fail", "-swift-only", "-avoid-location", "-avoid-tool-args",
                "-target", target["target"]["triple"], "-resource-dir", target["paths"]["runtimeResourcePath"],
                "-module", module, *self.search(imports), "-o", path)
            with open(path) as file:
                described = without_internals(json.load(file))
            with open(path, "w") as file:
                json.dump(described, file)
        return paths


def is_internal(node):
    """Whether a node of a description is a `package` declaration; a type of another module can have public members all the same."""
    return isinstance(node, dict) and node.get("isInternal") and not node.get("isExternal")


def without_internals(node):
    if isinstance(node, dict):
        return {key: without_internals(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_internals(each) for each in node if not is_internal(each)]
    return node


def functions(node, path=()):
    """The functions of a description: the mangled names by the place, the name and all else that the digester compares."""
    found = {}
    for child in node.get("children", []):
        inner = (*path, child["printedName"])
        if child["kind"] in ("Function", "Constructor", "Accessor"):
            compared = {key: value for key, value in child.items() if key not in ("usr", "mangledName")}
            found.setdefault((".".join(inner), json.dumps(compared, sort_keys=True)), set()).add(child.get("mangledName"))
        for key, names in functions(child, inner).items():
            found.setdefault(key, set()).update(names)
    return found


def changed_types(before, after):
    """The functions whose types differ in what the digester does not look at, such as the type of the error that they throw."""
    before, after = (functions(described["ABIRoot"]) for described in (before, after))
    for key in before:
        for old, new in zip(sorted(before[key] - after.get(key, before[key])), sorted(after.get(key, set()) - before[key])):
            old, new = output_of("swift", "demangle", "-compact", old, new).splitlines()
            # A mangled name also tells whether the function's type is a struct or an enum, which the digester reports.
            if old != new:
                yield f"Func {key[0]} has type change from {old} to {new}"


def breaks(module, before, after, report):
    """What of a module's first description breaks in the second one: a line each, as `Osquery: Func TableRow.string(_:) has been removed`."""
    output_of(
        "swift-api-digester", "-diagnose-sdk", "-print-module", "-input-paths", before, "-input-paths", after, "-o", report)
    with open(before) as first, open(after) as second:
        types = changed_types(json.load(first), json.load(second))
        # The report has headings in the manner of /* Removed Decls */.
        return [line for line in lines_of(report) if not line.startswith("/*")] + [f"{module}: {line}" for line in types]


def main():
    dependencies, output = map(os.path.abspath, sys.argv[1:3])
    commit, allowed = (sys.argv[3], []) if len(sys.argv) > 3 else (lines_of(BASELINE)[0], lines_of(ALLOWED))
    extract(commit, f"{output}/sources")
    with ThreadPoolExecutor() as executor:
        trees = [Tree(f"{output}/sources", f"{output}/before", dependencies), Tree(PACKAGE, f"{output}/after", dependencies)]
        before, after = executor.map(Tree.describe, trees)
    found = [f"{module}: The module has been removed" for module in before if module not in after]
    for module in before.keys() & after.keys():
        found += breaks(module, before[module], after[module], f"{output}/{module}.breaks")
    unexpected = [line for line in found if line not in allowed]
    stale = [line for line in allowed if line not in found]
    if unexpected:
        sys.exit("\n".join(unexpected) + (
            f"\nThe public API breaks code that was written for commit {commit[:12]}. Keep each old declaration beside the new one.\n"
            f"If a break is intended, add its line to {ALLOWED}, and tell users in CHANGELOG.md."))
    if stale:
        sys.exit("\n".join(stale) + f"\nThis is not broken. Remove the lines from {ALLOWED}.")
    print(f"The public API of {', '.join(after)} breaks nothing of commit {commit[:12]}"
          + (f", except for {len(allowed)} allowed breaks." if allowed else "."))


if __name__ == "__main__":
    main()
