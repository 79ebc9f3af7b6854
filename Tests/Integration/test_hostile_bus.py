"""A bus at which nobody is systemd, and whose answers are not what they claim to be."""

import contextlib
import os
import select
import socket
import struct
import threading
import time

import pytest
from conftest import preloaded
from test_systemd_table import EQUALS

RETURN, SIGNAL = 2, 4
UNIT = "evil.service"


def aligned(data, size):
    return data + bytes(-len(data) % size)


def string(text):
    return struct.pack("=I", len(text)) + text.encode() + b"\0"


def signature(text):
    return bytes([len(text)]) + text.encode() + b"\0"


def message(serial, answered, type, body):
    """An answer (D-Bus Specification, “Message Format”): fields 5, which call it answers, and 8, what the body's types are."""
    fields = aligned(b"\x05" + signature("u") + struct.pack("=I", answered), 8) + b"\x08" + signature("g") + signature(type)
    return aligned(struct.pack("=cBBBIII", b"l", RETURN, 1, 1, len(body), serial, len(fields)) + fields, 8) + body


def signal():
    """A message that answers nothing (D-Bus Specification, “Message Format”): fields 1, 2 and 3, of which object, interface and name."""
    fields = b""
    for code, type, text in ((1, "o", "/"), (2, "s", "evil.Noise"), (3, "s", "Heard")):
        fields = aligned(aligned(fields, 8) + bytes([code]) + signature(type), 4) + string(text)
    return aligned(struct.pack("=cBBBIII", b"l", SIGNAL, 1, 1, 0, 1, len(fields)) + fields, 8)


def listed(count):
    units = b""
    for _ in range(count):
        units = aligned(units, 8) + unit()
    return struct.pack("=II", len(units), 0) + units


def unit():
    unit = b""
    for text in (UNIT, "Evil", "loaded", "active", "running", ""):
        unit = aligned(unit, 4) + string(text)
    unit = aligned(unit, 4) + string("/org/freedesktop/systemd1/unit/evil_2eservice")
    unit = aligned(unit, 4) + struct.pack("=I", 0)
    return aligned(aligned(unit, 4) + string(""), 4) + string("/")


def properties(**values):
    data = b""
    for name, (type, value) in values.items():
        data = aligned(data, 8) + string(name) + signature(type)
        data = aligned(data, len(value) if type in "ut" else 4) + value
    return struct.pack("=II", len(data), 0) + data


GOOD = properties(Id=("s", string(UNIT)), MainPID=("u", struct.pack("=I", 4711)), User=("s", string("nobody")))


class Bus:
    """Answers each call in turn, and the one for a unit's properties with `answer`."""

    def __init__(self, path):
        self.path = path
        self.answer = None
        self.units = 1
        # What is done instead, once the peer has said this.
        self.turns = {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=[connection], daemon=True).start()

    def talk(self, connection):
        # One who does not believe what he is told leaves in between.
        with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError, struct.error):
            line = b""
            while not line.startswith(b"BEGIN"):
                line = stream.readline()
                self.turn(line, connection)
                if line.strip() == b"DATA":
                    connection.sendall(b"DATA\r\n")
                if line.startswith((b"NEGOTIATE", b"BEGIN")):
                    connection.sendall(b"AGREE_UNIX_FD\r\n" if line[0] == ord("N") else b"")
                if b"AUTH EXTERNAL" in line or line.strip() == b"DATA":
                    if line.strip() == b"DATA" or len(line.split()) > 2:
                        connection.sendall(b"OK " + b"0123456789abcdef" * 2 + b"\r\n")
            for number in range(1, 200):
                _, _, _, _, body, serial, fields = struct.unpack("=cBBBIII", stream.read(16))
                header = stream.read(fields + -fields % 8)
                self.turn(header, connection)
                stream.read(body)
                if b"Hello" in header:
                    connection.sendall(message(number, serial, "s", string(":1.1")))
                elif b"ListUnits" in header:
                    connection.sendall(message(number, serial, "a(ssssssouso)", listed(self.units)))
                else:
                    connection.sendall(self.answer(number, serial))

    def turn(self, said, connection):
        for part, behave in self.turns.items():
            if part in said:
                behave(connection)

    def stop(self):
        self.listener.close()


def with_body(body):
    return lambda number, serial: message(number, serial, "a{sv}", body)


def with_length(length):
    """An array that claims to be so long."""
    return with_body(struct.pack("=I", length) + GOOD[4:])


def with_header(*numbers):
    """Numbers of the header that are others, each with where it is."""

    def answer(number, serial):
        whole = bytearray(message(number, serial, "a{sv}", GOOD))
        for offset, value in numbers:
            struct.pack_into("=I", whole, offset, value)
        return bytes(whole)

    return answer


def with_depth(depth):
    """A variant in a variant, and so on."""
    data = string("Id") + signature("v") * depth + signature("y") + b"\1"
    return with_body(struct.pack("=II", len(data), 0) + data)


BODY, FIELDS = 4, 12
NAME = 8
HOSTILE = {
    "the array ends after the message": with_length(len(GOOD) - 8 + 1),
    "the array has 64 MiB": with_length(64 << 20),
    "the array has 4 GiB": with_length(0xFFFFFFFF),
    "a name ends after the message": with_body(GOOD[:NAME] + struct.pack("=I", 1 << 20) + GOOD[NAME + 4:]),
    "a name has 4 GiB": with_body(GOOD[:NAME] + struct.pack("=I", 0xFFFFFFFF) + GOOD[NAME + 4:]),
    "a type ends after the message": with_body(GOOD[:NAME + 7] + b"\xff" + GOOD[NAME + 8:]),
    "an inner array has 4 GiB": with_body(properties(Id=("as", b"\xff\xff\xff\xff" + string("x")))),
    "variants lie in each other": with_depth(200),
    "a bracket is not closed": with_body(properties(Id=("a(", struct.pack("=II", 0, 0)))),
    "there is no array": with_body(b""),
    "the message has 4 GiB": with_header((BODY, 0xFFFFFFFF)),
    "the message has 128 MiB": with_header((BODY, 128 << 20)),
    "the header has 4 GiB": with_header((FIELDS, 0xFFFFFFFF)),
    "the header ends in the body": with_header((FIELDS, 24 + 16), (BODY, len(GOOD) - 16)),
    "the message is of another version": with_header((0, 0x02000200 | ord("l"))),
    "it is of another type": lambda number, serial: message(number, serial, "as", struct.pack("=I", 0)),
}


@pytest.fixture
def bus(tmp_path, monkeypatch):
    bus = Bus(str(tmp_path / "bus"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={bus.path}")
    yield bus
    bus.stop()


def test_an_honest_answer_is_read(bus, manager, start):
    start()
    bus.answer = with_body(GOOD)
    (row,) = manager.generate("systemd")
    assert (row["name"], row["pid"], row["user"]) == (UNIT, "4711", "nobody")


@pytest.mark.parametrize("claim", HOSTILE)
def test_a_length_that_is_not_true_is_an_error(bus, manager, start, claim):
    extension = start()
    bus.answer = HOSTILE[claim]
    response = manager.call("table", "systemd", {"action": "generate", "context": "{}"})
    assert response.status.code == 1 and "over D-Bus" in response.status.message, response
    assert extension.process.poll() is None
    # The next to answer is believed again.
    bus.answer = with_body(GOOD)
    assert len(manager.generate("systemd")) == 1


def be_silent(connection):
    while connection.recv(4096):
        pass
    raise OSError("It has left.")


def make_noise(connection):
    while True:
        connection.sendall(signal() * 100)


def trickle(connection):
    time.sleep(1)


@pytest.mark.parametrize("said, behave", [
    (b"AUTH", be_silent), (b"Hello", be_silent), (b"ListUnits", be_silent), (b"ListUnits", make_noise), (b"GetAll", trickle),
    (b"GetAll", make_noise)])
def test_who_does_not_answer_in_time_is_an_error(bus, manager, start, said, behave):
    extension = start()
    bus.answer = with_body(GOOD)
    # Each of them within the time for one.
    bus.units = 100
    bus.turns = {said: behave}
    responses = []
    call = threading.Thread(
        target=lambda: responses.append(manager.call("table", "systemd", {"action": "generate", "context": "{}"})), daemon=True)
    call.start()
    call.join(40)
    assert responses, "It waits for ever."
    assert responses[0].status.code == 1 and "over D-Bus: Connection timed out" in responses[0].status.message, responses
    assert extension.memory()["VmHWM"] < 64 << 10
    # The next to answer in time is believed again.
    bus.turns, bus.units = {}, 1
    assert len(manager.generate("systemd")) == 1


def be_deaf(connection):
    poll = select.poll()
    poll.register(connection, 0)
    # Says when the other end is closed.
    poll.poll()
    raise OSError("It has left.")


@pytest.mark.parametrize("is_deaf", [False, True])
def test_a_call_larger_than_the_sockets_buffer_is_sent_in_time_or_is_an_error(bus, manager, start, tmp_path, is_deaf):
    extension = start(env={"LD_PRELOAD": preloaded("small-buffers.c", tmp_path)})
    bus.answer = with_body(GOOD)
    bus.turns = {b"ListUnitsByPatterns": be_deaf} if is_deaf else {}
    names = [("name", EQUALS, "x" * (1 << 20))]
    if is_deaf:
        with pytest.raises(AssertionError, match="over D-Bus: Connection timed out"):
            manager.generate("systemd", names)
    else:
        manager.generate("systemd", names)
    assert extension.process.poll() is None
