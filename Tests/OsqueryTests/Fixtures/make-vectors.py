"""Writes vectors.txt: every message of osquery's services as Apache Thrift's Python library puts it on the wire.

    pip install osquery==3.1.1 thrift && python make-vectors.py > vectors.txt

A line each: a name, and the message's bytes in hexadecimal. Sequence numbers are 1.
"""

from osquery.extensions import Extension, ExtensionManager
from osquery.extensions.ttypes import (
    ExtensionResponse,
    ExtensionStatus,
    InternalExtensionInfo,
    InternalOptionInfo,
)
from thrift.protocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport import TTransport

OK = ExtensionStatus(0, "OK", 12004)
INFO = InternalExtensionInfo("hello", "1.0.0", "5.0.0", "1.8.0")
CALL = {"registry": "logger", "item": "journal", "request": {"string": "{}"}}
# Method, arguments, result.
METHODS = [
    ("ping", {}, OK),
    ("call", CALL, ExtensionResponse(OK, [])),
    ("shutdown", {}, None),
    ("extensions", {}, {12004: INFO}),
    ("options", {}, {"logger_plugin": InternalOptionInfo("journal", "filesystem", "string")}),
    ("registerExtension", {"info": INFO, "registry": {"logger": {"journal": []}}}, OK),
    ("deregisterExtension", {"uuid": 12004}, OK),
    ("query", {"sql": "SELECT 1 AS one"}, ExtensionResponse(ExtensionStatus(0, "OK", 0), [{"one": "1"}])),
    ("getQueryColumns", {"sql": "SELECT 1 AS one"}, ExtensionResponse(ExtensionStatus(0, "OK", 0), [{"one": "INTEGER"}])),
]


def message(name, kind, body, strict=True):
    transport = TTransport.TMemoryBuffer()
    protocol = TBinaryProtocol.TBinaryProtocol(transport, strictWrite=strict)
    protocol.writeMessageBegin(name, kind, 1)
    body.write(protocol)
    protocol.writeMessageEnd()
    return transport.getvalue().hex()


for method, arguments, result in METHODS:
    call = getattr(ExtensionManager, f"{method}_args", None) or getattr(Extension, f"{method}_args")
    reply = getattr(ExtensionManager, f"{method}_result", None) or getattr(Extension, f"{method}_result")
    print(f"{method}.call {message(method, TMessageType.CALL, call(**arguments))}")
    print(f"{method}.reply {message(method, TMessageType.REPLY, reply() if result is None else reply(result))}")
    if method == "call":
        print(f"call.oldHeader {message(method, TMessageType.CALL, call(**arguments), strict=False)}")
        print(f"call.oneway {message(method, TMessageType.ONEWAY, call(**arguments))}")
unknown = TApplicationException(TApplicationException.UNKNOWN_METHOD, "Unknown function nothing")
print(f"nothing.exception {message('nothing', TMessageType.EXCEPTION, unknown)}")
