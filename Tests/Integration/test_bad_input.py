"""What no osqueryd sends. After all of it the same process answers, and its memory is back."""

import contextlib
import os
import random
import signal
import struct
import subprocess
import threading
import time

import pytest
from osqueryd import connect, connect_raw, decode_ping, decode_response, encode_call, encode_ping
from thrift.Thrift import TApplicationException

HEAD = struct.pack(">Ii4si", 0x80010001, 4, b"ping", 1)
CALL_HEAD = struct.pack(">Ii4si", 0x80010001, 4, b"call", 1)
PROTOCOL_ERROR = 7


def is_closed(connection):
    """Whether the other end closes without an answer; a reset is a close, too."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def exception_after(path, message):
    with connect_raw(path) as connection:
        # The server may have seen enough before it has all.
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(message)
        try:
            decode_response(connection)
        except TApplicationException as exception:
            return exception
    raise AssertionError("the answer is no exception")


@pytest.mark.parametrize(
    "message",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        struct.pack(">I", 0x80020001),
        struct.pack(">I", 0xFFFFFFFF),
        struct.pack(">II", 0x80010001, 0x7FFFFFFF),
        struct.pack(">Ii", 0x80010001, -1),
        struct.pack(">Ii4si", 0x80010009, 4, b"ping", 1),
    ],
    ids=["HTTP", "wrong version", "all ones", "huge name", "negative name", "unknown kind"],
)
def test_what_has_no_head_is_closed(manager, extension, message):
    with connect_raw(manager.extension_path) as connection:
        connection.sendall(message)
        assert is_closed(connection)


@pytest.mark.parametrize(
    "body, says",
    [
        (struct.pack(">bhi", 11, 1, 0x7FFFFFFF), "100 MiB"),
        (struct.pack(">bhi", 11, 1, -1), "below zero"),
        (struct.pack(">bhbbi", 13, 3, 11, 11, 0x7FFFFFFF), "100 MiB"),
        (struct.pack(">bhbbi", 13, 3, 11, 11, -1), "below zero"),
        (struct.pack(">bhbi", 15, 1, 12, 0x7FFFFFFF), "100 MiB"),
        (struct.pack(">bh", 99, 1), "not a Thrift type"),
        (b"\x0c\x00\x01" * 100_000, "nested"),
        (struct.pack(">bhbbi", 13, 3, 8, 11, 1) + struct.pack(">ii", 0, 0) + b"\0", "expected"),
    ],
    ids=["long string", "negative string", "big map", "negative map", "big list", "no type", "nested", "map of numbers"],
)
def test_a_bad_body_is_answered_with_a_protocol_error(manager, extension, body, says):
    exception = exception_after(manager.extension_path, CALL_HEAD + body)
    assert exception.type == PROTOCOL_ERROR
    assert says in exception.message


def test_a_message_above_100_mib_is_refused_as_such(manager, extension):
    exception = exception_after(manager.extension_path, CALL_HEAD + struct.pack(">bhi", 11, 1, (100 << 20) + 1))
    assert exception.type == PROTOCOL_ERROR
    assert "larger than 100 MiB" in exception.message


def test_an_unknown_method_is_answered_and_the_connection_lives(manager, extension):
    with connect_raw(manager.extension_path) as connection:
        connection.sendall(struct.pack(">Ii7sib", 0x80010001, 7, b"nothing", 1, 0))
        with pytest.raises(TApplicationException) as caught:
            decode_response(connection)
        assert caught.value.type == TApplicationException.UNKNOWN_METHOD
        assert "nothing" in caught.value.message
        connection.sendall(encode_ping())
        assert decode_ping(connection).code == 0


def test_messages_arrive_in_any_pieces(manager, extension, journal):
    one, two = encode_call("logger", "journal", {"string": "one"}), encode_call("logger", "journal", {"string": "two"})
    with connect_raw(manager.extension_path) as connection:
        for byte in one:
            connection.sendall(bytes([byte]))
        assert decode_response(connection).status.code == 0
        connection.sendall(one + two + encode_ping() + one[:10])
        for _ in range(2):
            assert decode_response(connection).status.code == 0
        assert decode_ping(connection).code == 0
        connection.sendall(one[10:])
        assert decode_response(connection).status.code == 0
    assert journal.texts("string") == ["one", "one", "two", "one"]


def test_unknown_fields_are_skipped(manager, extension, journal):
    message = encode_call("logger", "journal", {"string": "one"})
    nested = b"\x0c\x00\x63" + b"\x0f\x00\x01\x0d\x00\x00\x00\x01\x0b\x08\x00\x00\x00\x01" + b"\x00\x00\x00\x01k" + b"\0\0\0\7\0"
    with connect_raw(manager.extension_path) as connection:
        connection.sendall(message[:-1] + nested + b"\0")
        assert decode_response(connection).status.code == 0
    assert journal.texts("string") == ["one"]


def test_another_user_is_not_answered(manager, extension, tmp_path):
    path = manager.extension_path
    assert os.stat(path).st_mode & 0o077 == 0
    # Opened wide, to see that the server looks at the peer itself.
    os.chmod(path, 0o666)
    folder = os.path.dirname(path)
    while folder != "/":
        os.chmod(folder, os.stat(folder).st_mode | 0o011)
        folder = os.path.dirname(folder)
    script = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);\n"
        "try:\n    s.sendall(bytes.fromhex(sys.argv[2])); print(len(s.recv(100)))\n"
        "except ConnectionError: print(0)"
    )
    output = subprocess.run(
        ["/usr/bin/python3", "-c", script, path, encode_ping().hex()], capture_output=True, text=True, check=True)
    assert output.stdout == "0\n"
    with connect(path) as client:
        assert client.ping().code == 0


def test_after_all_of_it_the_same_process_answers_and_its_memory_is_back(manager, start):
    extension = start()
    path = manager.extension_path
    manager.result("{}")
    before = extension.memory()["RssAnon"]
    generator = random.Random(7100)
    for _ in range(300):
        with connect_raw(path) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(generator.randbytes(generator.randrange(1, 4000)))
    for _ in range(20):
        with connect_raw(path) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(HEAD + b"\x0c\x00\x01" * 100_000)
    with contextlib.ExitStack() as stack:
        # Half a message and silence; a peer that does not read its replies; 1,000 idle connections.
        halves = [stack.enter_context(connect_raw(path)) for _ in range(10)]
        for half in halves:
            half.sendall(encode_call("logger", "journal", {"string": "x" * 1000})[:500])
        deaf = stack.enter_context(connect_raw(path, timeout=0.5))
        with contextlib.suppress(TimeoutError, ConnectionError):
            while True:
                deaf.sendall(encode_ping() * 100)
        for _ in range(1000):
            stack.enter_context(connect_raw(path))
        begin = time.monotonic()
        with connect(path) as client:
            assert client.ping().code == 0
        assert time.monotonic() - begin < 0.1
        assert extension.threads() <= 70
    manager.result("{}")
    time.sleep(0.2)
    memory = extension.memory()
    assert memory["RssAnon"] < before + 8 * 1024, memory
    assert memory["VmHWM"] < 64 * 1024, memory
    assert extension.process.poll() is None
    assert extension.threads() <= 8


def test_a_stalled_journal_delays_no_ping(manager, extension):
    """Every caller is held up by a journald that takes nothing; pings are answered all the same."""
    journald = int(os.environ["JOURNALD_PID"])
    os.kill(journald, signal.SIGSTOP)
    try:
        callers = [threading.Thread(target=manager.result, args=("{}",)) for _ in range(40)]
        for caller in callers:
            caller.start()
        slowest = 0
        for _ in range(50):
            begin = time.monotonic()
            with connect(manager.extension_path) as client:
                assert client.ping().code == 0
            slowest = max(slowest, time.monotonic() - begin)
            time.sleep(0.01)
        assert any(caller.is_alive() for caller in callers), "the journal was not stalled"
    finally:
        os.kill(journald, signal.SIGCONT)
    for caller in callers:
        caller.join(10)
        assert not caller.is_alive()
    assert slowest < 0.1, slowest
