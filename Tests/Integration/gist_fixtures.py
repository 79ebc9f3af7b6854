"""What the tests of the config plugin `gist` share: a server in place of GitHub, and an extension that reads a gist from it."""

import subprocess

import pytest
from conftest import EXTENSION
from github import CONFIG, ID, GitHub, make_certificate

needs_gist = pytest.mark.skipif(
    "Gist" not in subprocess.run([EXTENSION, "--version"], capture_output=True, text=True).stdout,
    reason="THIS EXTENSION WAS BUILT WITHOUT THE TRAIT Gist")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def github(certificate):
    server = GitHub(*certificate)
    server.serve({"osquery.conf": CONFIG})
    yield server
    server.stop()


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def begin(start, github, certificate, state):
    """Starts extensions that are to read a gist."""

    def begin(gist=ID, url=None, **variables):
        environment = {
            "OSQUERY_CONFIG_GIST": gist, "OSQUERY_CONFIG_GIST_URL": url or github.url, "SSL_CERT_FILE": certificate[0],
            "STATE_DIRECTORY": str(state), "no_proxy": "", "https_proxy": "", **variables}
        return start(env={name: value for name, value in environment.items() if value is not None})

    return begin
