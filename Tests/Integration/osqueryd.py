"""A stand-in for osqueryd's side of the extension protocol.

Apache Thrift's Python library and the code that PyPI's `osquery` package generated from osquery.thrift do the talking, so
whoever agrees with this agrees with something that we did not write.
"""

import contextlib
import json
import os
import socket
import threading
import time

from osquery.extensions import Extension, ExtensionManager
from osquery.extensions.ttypes import (
    ExtensionResponse,
    ExtensionStatus,
    InternalExtensionInfo,
    InternalOptionInfo,
)
from thrift.protocol import TBinaryProtocol
from thrift.server import TServer
from thrift.transport import TSocket, TTransport

FIRST_UUID = 12004


class Manager:
    """Serves ExtensionManager at a socket, and remembers who registered."""

    def __init__(self, path, logger_plugin="journal", uuid=FIRST_UUID, is_shell=False):
        self.path = path
        self.logger_plugin = logger_plugin
        self.flags = {"distributed_interval": "1"}
        self.answers = {}
        self.is_shell = is_shell
        self.next_uuid = uuid
        self.extensions_by_uuid = {}
        self.registries = {}
        self.calls = []
        self.registered = threading.Event()
        self.registered_at = None
        self.refusals = []
        self.log = []
        self._server = None

    # The service, named as in osquery.thrift.

    def ping(self):
        return ExtensionStatus(0, "OK", 0)

    def extensions(self):
        self.calls.append("extensions")
        return dict(self.extensions_by_uuid)

    def options(self):
        self.calls.append("options")
        # osqueryi sets disable_logging by itself (osquery: core/init.cpp).
        flags = {
            "logger_plugin": self.logger_plugin, "disable_logging": "true" if self.is_shell else "false", **self.flags}
        return {name: InternalOptionInfo(value, "", "string") for name, value in flags.items()}

    def registerExtension(self, info, registry):
        self.calls.append("registerExtension")
        if self.refusals:
            return ExtensionStatus(1, self.refusals.pop(0), 0)
        uuid = self.next_uuid
        self.next_uuid += 1
        self.extensions_by_uuid[uuid] = info
        self.registries[uuid] = registry
        self.registered_at = time.monotonic()
        self.registered.set()
        return ExtensionStatus(0, "OK", uuid)

    def deregisterExtension(self, uuid):
        self.calls.append("deregisterExtension")
        known = self.extensions_by_uuid.pop(uuid, None)
        return ExtensionStatus(0 if known else 1, "OK" if known else "No extension UUID registered", 0)

    def query(self, sql):
        return ExtensionResponse(ExtensionStatus(0, "OK", 0), self.answers.get(sql, [{"sql": sql}]))

    def getQueryColumns(self, sql):
        return ExtensionResponse(ExtensionStatus(0, "OK", 0), [{"sql": "TEXT"}])

    # Its life.

    def start(self):
        self._server = _StoppableServer(self, self.path)
        self._server.start()
        return self

    def stop(self):
        """Ends as a worker that dies does: the socket and all connections are closed."""
        if self._server:
            self._server.stop()

    @property
    def uuid(self):
        return max(self.extensions_by_uuid)

    @property
    def extension_path(self):
        return self.path_of(self.uuid)

    def path_of(self, uuid):
        return f"{self.path}.{uuid}"

    def uuid_of(self, name):
        """The number of the newest extension of this name."""
        return max(uuid for uuid, info in self.extensions_by_uuid.items() if info.name == name)

    def wait_for_registration(self, timeout=5):
        assert self.registered.wait(timeout), "no extension has registered"
        self.registered.clear()
        wait_until(lambda: os.path.exists(self.extension_path))

    # What osqueryd does with an extension.

    def call(self, registry, item, request, uuid=None):
        """One plugin call: a connection for a ping, another for the call (osquery: callExtension)."""
        path = self.path_of(uuid or self.uuid)
        with connect(path) as client:
            assert client.ping().code == 0
        with connect(path) as client:
            return client.call(registry, item, request)

    def logger(self, **request):
        return self.call("logger", "journal", request)

    def result(self, text):
        response = self.logger(string=text, category="event")
        assert response.status.code == 0, response.status.message

    def status(self, lines):
        response = self.logger(status="true", log=lines)
        assert response.status.code == 0, response.status.message

    def generate(self, table, constraints=(), used=None, keeping_row_ids=False):
        """The rows that a query gets, its constraints as osqueryd sends them: (column, operator, expression).

        The numbers of the rows, which are nobody's column, are left out unless they are asked for.
        """
        context = {
            "constraints": [
                {"name": column, "list": [{"op": operator, "expr": expression}], "affinity": "TEXT"}
                for column, operator, expression in constraints
            ]
        }
        if used is not None:
            context["colsUsed"] = used
        response = self.call("table", table, {"action": "generate", "context": json.dumps(context)})
        assert response.status.code == 0, response.status.message
        if not keeping_row_ids:
            for row in response.response:
                row.pop("rowid")
        return response.response

    def shutdown(self):
        with connect(self.extension_path) as client:
            client.shutdown()


class _StoppableServer:
    def __init__(self, handler, path):
        self.processor = ExtensionManager.Processor(handler)
        self.path = path
        self.connections = []
        self.listener = None

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        if self.listener is None:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        transport = TSocket.TSocket()
        transport.setHandle(connection)
        protocol = TBinaryProtocol.TBinaryProtocol(TTransport.TBufferedTransport(transport))
        with contextlib.suppress(TTransport.TTransportException, OSError, EOFError):
            while True:
                self.processor.process(protocol, protocol)
        transport.close()


@contextlib.contextmanager
def connect(path, timeout=300):
    """A client of the service ExtensionManager at `path`, or of Extension, which is a part of it."""
    transport = TSocket.TSocket(unix_socket=path)
    transport.setTimeout(timeout * 1000)
    buffered = TTransport.TBufferedTransport(transport)
    buffered.open()
    try:
        yield ExtensionManager.Client(TBinaryProtocol.TBinaryProtocol(buffered))
    finally:
        buffered.close()


@contextlib.contextmanager
def connect_raw(path, timeout=5):
    """A plain socket, for bytes that no client would send."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(path)
    try:
        yield connection
    finally:
        connection.close()


def encode_call(registry, item, request):
    """The bytes of a call."""
    return _encode(lambda client: client.send_call(registry, item, request))


def encode_ping():
    return _encode(lambda client: client.send_ping())


def _encode(send):
    transport = TTransport.TMemoryBuffer()
    send(Extension.Client(TBinaryProtocol.TBinaryProtocol(transport)))
    return transport.getvalue()


def decode_response(connection):
    """Reads the answer to a call from a plain socket; raises what Thrift's library makes of an exception."""
    return _client_of(connection).recv_call()


def decode_ping(connection):
    return _client_of(connection).recv_ping()


def _client_of(connection):
    # The library would close the descriptor with its transport.
    transport = TSocket.TSocket()
    transport.setHandle(connection.dup())
    transport.handle.settimeout(connection.gettimeout())
    return Extension.Client(TBinaryProtocol.TBinaryProtocol(transport))


def wait_until(condition, timeout=5.0, pause=0.005):
    """Waits for `condition` to hold, and answers for how long it took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < timeout, "the condition did not come to hold in time"
        time.sleep(pause)
    return time.monotonic() - begin
