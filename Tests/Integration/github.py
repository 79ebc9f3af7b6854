"""A stand-in for GitHub's API for gists: a real HTTPS server, of Python's, with a certificate made for it."""

import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time

ID = "5cfb6062eb155585f1d6adb6a3857256"
CONFIG = '{"schedule": {"time": {"query": "SELECT * FROM time", "interval": 60}}}\n'


def make_certificate(folder, name="localhost"):
    """A certificate that signs itself, and its key."""
    certificate, key = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    return certificate, key


def gist(files, **extra):
    """An answer of GitHub's: `files` are texts by name, or what is to stand in place of a file's members."""
    listed = {}
    for name, text in files.items():
        listed[name] = text if isinstance(text, dict) else {"filename": name, "content": text, "truncated": False}
    return json.dumps({"id": ID, "files": listed, **extra})


def ask(manager, **request):
    """A call of the plugin, within what osqueryd waits for it."""
    begin = time.monotonic()
    response = manager.call("config", "gist", request or {"action": "genConfig"})
    assert time.monotonic() - begin < 4, "osqueryd waits 3 s for its configuration"
    return response


def config(manager):
    response = ask(manager)
    assert response.status.code == 0, response.status.message
    return response.response


def error(manager, **request):
    response = ask(manager, **request)
    assert response.status.code == 1
    return response.status.message


class GitHub:
    """Answers `GET` by `answers[path]`: a text, or a function that is handed the request and does what it likes."""

    def __init__(self, certificate, key):
        self.answers, self.requests = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                answer = outer.answers.get(self.path)
                with contextlib.suppress(OSError):
                    if callable(answer):
                        answer(self)
                    elif answer is None:
                        reply(self, '{"message": "Not Found"}', 404)
                    else:
                        reply(self, answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, files, **headers):
        """From now on the gist is `files`."""
        self.answers[f"/gists/{ID}"] = lambda request: reply(request, gist(files), **headers)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def reply(request, text, status=200, **headers):
    body = text if isinstance(text, bytes) else text.encode()
    request.send_response(status)
    headers.setdefault("Content_Type", "application/json; charset=utf-8")
    headers.setdefault("Content_Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


class Proxy:
    """A proxy that passes CONNECT on to localhost, whatever host is asked for, and remembers which."""

    def __init__(self, port):
        self.asked, self.port_behind = [], port
        self.listener = socket.create_server(("localhost", 0))
        self.url = f"http://localhost:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.split(b"\r\n")[0].decode())
        server = socket.create_connection(("localhost", self.port_behind))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=copy, args=(source, target), daemon=True).start()

    def stop(self):
        self.listener.close()


def copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
