"""Each way in which GitHub is not reached, in a sentence."""

import socket
import threading

import pytest
from gist_fixtures import needs_gist
from github import GitHub, error, make_certificate

pytestmark = needs_gist


@pytest.fixture
def server():
    """Starts servers that accept connections, and then answer with bytes and close, or not at all."""
    listeners, connections = [], []

    def start(answer):
        listener = socket.create_server(("localhost", 0))
        listeners.append(listener)

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if answer is None:
                    connections.append(connection)
                else:
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=run, daemon=True).start()
        return f"https://localhost:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for connection in connections:
        connection.close()


def assert_sentence(text, *parts):
    assert text.startswith("GitHub was not reached: ")
    assert text.endswith(".")
    for part in parts:
        assert part in text
    for name in ("NIO", "HTTPClient", "BoringSSL", "errno", "error:", "Error", "OPENSSL", "(set)", "swift"):
        assert name not in text


def test_a_certificate_that_nobody_vouches_for(manager, begin):
    begin(SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
    assert_sentence(error(manager), "the certificate of localhost is not valid", "SSL_CERT_FILE")


def test_a_file_of_certificates_that_is_not_there(manager, begin):
    begin(SSL_CERT_FILE="/nowhere/certificates.pem")
    assert_sentence(error(manager), "SSL_CERT_FILE names a file that is not there")


def test_a_certificate_for_another_host(manager, begin, tmp_path):
    certificate = make_certificate(tmp_path, "other.example")
    server = GitHub(*certificate)
    try:
        begin(url=server.url, SSL_CERT_FILE=certificate[0])
        assert_sentence(error(manager), "the certificate is for another host than localhost")
    finally:
        server.stop()


def test_nobody_there(manager, begin):
    begin(url="https://localhost:1")
    assert_sentence(error(manager), "no connection to localhost, port 1: Connection refused")


def test_a_proxy_that_is_not_there(manager, begin):
    begin(https_proxy="http://localhost:1")
    assert_sentence(error(manager), "no connection to localhost, port 1: Connection refused")


def test_a_host_without_an_address(manager, begin):
    begin(url="https://nowhere.invalid")
    assert_sentence(error(manager), "the name nowhere.invalid was not found")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_server_without_tls(manager, begin, server, answer):
    begin(url=server(answer))
    assert_sentence(error(manager), "localhost")


def test_a_server_that_is_silent(manager, begin, server):
    begin(url=server(None))
    assert_sentence(error(manager), "localhost in time")
