"""Writes what the executable is made of as SPDX 2.3 (spdx.github.io/spdx-spec/v2.3): SQLite and each Swift package, with
version and licence.

    sbom.py VERSION EXECUTABLE OUTPUT
"""

import hashlib
import json
import os
import sys
import time

from licences import dependencies, output_of, sqlite_version


def created():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))


def package(identifier, name, version, location, **more):
    return {
        "SPDXID": identifier, "name": name, "versionInfo": version, "downloadLocation": location, "filesAnalyzed": False,
        "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION", **more}


def main():
    version, executable, output = sys.argv[1:4]
    with open(executable, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    packages = [package(
        "SPDXRef-tutorial-extension", "tutorial-extension", version, "NOASSERTION", primaryPackagePurpose="APPLICATION",
        checksums=[{"algorithm": "SHA256", "checksumValue": digest}])]
    # Debian's revision tells which security fixes are in it.
    revision = output_of("dpkg-query", "--show", "--showformat", "${Version}", "libsqlite3-dev")
    packages.append(package(
        "SPDXRef-sqlite", "sqlite", sqlite_version(), "NOASSERTION", homepage="https://www.sqlite.org",
        sourceInfo=f"libsqlite3.a of Debian's package libsqlite3-dev {revision}", licenseConcluded="blessing", licenseDeclared="blessing"))
    for name, (url, found) in dependencies().items():
        more = {"licenseComments": "CNIOExtrasZlib, a copy of zlib in it, is under the Zlib licence.",
                "licenseConcluded": "Apache-2.0 AND Zlib"} if name == "swift-nio-extras" else {}
        packages.append(package(f"SPDXRef-{name}", name, found, f"git+{url}@{found}", **more))
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"tutorial-extension-{version}",
        "documentNamespace": f"urn:tutorial-extension:{version}:{digest}",
        "creationInfo": {"created": created(), "creators": ["Tool: packaging/sbom.py"]},
        "packages": packages,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": packages[0]["SPDXID"], "relationshipType": "DESCRIBES"}]
        + [{"spdxElementId": packages[0]["SPDXID"], "relatedSpdxElement": part["SPDXID"], "relationshipType": "STATIC_LINK"}
           for part in packages[1:]]}
    with open(output, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


main()
