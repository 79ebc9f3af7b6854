"""Writes debian/copyright: the licences of this project and of what is linked into the executable.

    licences.py CHECKOUTS OUTPUT
"""

import json
import os
import subprocess
import sys

HEAD = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tutorial-extension

Files: *
Copyright: 2026 the tutorial-extension authors
 2014-2026 Apple Inc. and the Swift project authors
 2017-2026 Apple Inc. and the authors of the Swift packages named below
License: Apache-2.0
Comment: The executable is linked with SQLite {sqlite}, https://www.sqlite.org,
 whose authors have put it into the public domain. It is also linked with
 Swift's standard library and runtime, which are under the Apache License 2.0
 with the Runtime Library Exception, and with these packages, all under the
 Apache License 2.0, whose notices follow:
"""

TAIL = """
Files: .build/checkouts/swift-nio-extras/Sources/CNIOExtrasZlib/*
Copyright: 1995-2026 Jean-loup Gailly and Mark Adler
License: Zlib

License: Zlib
 This software is provided 'as-is', without any express or implied warranty. In
 no event will the authors be held liable for any damages arising from the use
 of this software.
 .
 Permission is granted to anyone to use this software for any purpose,
 including commercial applications, and to alter it and redistribute it freely,
 subject to the following restrictions:
 .
 1. The origin of this software must not be misrepresented; you must not claim
 that you wrote the original software. If you use this software in a product,
 an acknowledgment in the product documentation would be appreciated but is not
 required.
 .
 2. Altered source versions must be plainly marked as such, and must not be
 misrepresented as being the original software.
 .
 3. This notice may not be removed or altered from any source distribution.

License: Apache-2.0
 Licensed under the Apache License, Version 2.0; you may not use this software
 except in compliance with the License. It is distributed on an "AS IS" BASIS,
 WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 .
 On Debian systems the full text of the License is in the file
 /usr/share/common-licenses/Apache-2.0.
"""


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def sqlite_version():
    """The version of the SQLite library that is linked."""
    return output_of("pkg-config", "--modversion", "sqlite3")


def dependencies():
    """The Swift packages that are linked, by name: their address and version."""
    output = output_of("swift", "package", "show-dependencies", "--format", "json")
    found = {}

    def walk(package):
        for part in package["dependencies"]:
            found[part["identity"]] = (part["url"], part["version"])
            walk(part)

    walk(json.loads(output))
    return dict(sorted(found.items()))


def indented(text):
    return "\n".join(f" {line}".rstrip() if line.strip() else " ." for line in text.strip().splitlines())


def read(folder, *names):
    for name in names:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    return ""


def comment(name, url, version, folder):
    """What is said of a package, as the continuation of a field."""
    if "Apache License" not in read(folder, "LICENSE.txt", "LICENSE"):
        sys.exit(f"{name} is not under the Apache License: say in licences.py what its licence asks for.")
    notice = read(folder, "NOTICE.txt")
    return f" .\n {name} {version}, {url}" + (("\n .\n" + indented(notice)) if notice else "")


def main():
    checkouts, output = sys.argv[1:3]
    comments = [
        comment(name, url, version, os.path.join(checkouts, os.path.basename(url).removesuffix(".git")))
        for name, (url, version) in dependencies().items()]
    with open(output, "w", encoding="utf-8") as file:
        file.write(HEAD.format(sqlite=sqlite_version()) + "\n".join(comments) + "\n" + TAIL)


if __name__ == "__main__":
    main()
