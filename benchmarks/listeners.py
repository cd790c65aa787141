"""Many WebSockets that listen, in a process of their own and with as little of their own cost as can be.

Plain sockets and epoll: each is read when something is there; of every so manieth the frames are taken apart, since
the listeners share the machine with what they measure. Prints one JSON line: ages of decisions in milliseconds (when
the bytes were read, less the time that the journal gave the entry), how many bytes came, who was let go.

    python benchmarks/listeners.py URL CLIENTS SECONDS SAMPLED      (the key comes on standard input)
"""

import base64
import json
import os
import select
import socket
import sys
import time
from urllib.parse import urlsplit

import msgspec

MESSAGE_BYTES = 65_536
OPEN_WITHIN_S = 30


class Said(msgspec.Struct):
    """What is needed of a message: decisions carry the time of their journal entry."""

    type: str
    data: msgspec.Raw = msgspec.Raw()


class When(msgspec.Struct):
    at: int | None = None
    """Unix milliseconds."""


class Listener:
    def __init__(self, host: str, port: int, key: str, *, sampled: bool) -> None:
        self.socket = socket.create_connection((host, port), timeout=OPEN_WITHIN_S)
        self.sampled, self.buffer, self.bytes = sampled, bytearray(), 0
        nonce = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /api/v1/ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(4_096)
        if b" 101 " not in head[:20]:
            raise SystemExit(f"no WebSocket: {head[:80]!r}")
        self.socket.sendall(masked(json.dumps({"type": "auth", "token": key}).encode()))
        self.socket.setblocking(False)

    def read(self) -> bool:
        """Takes what is there; False where it was let go."""
        try:
            got = self.socket.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return True
        if not got:
            return False
        self.bytes += len(got)
        if self.sampled:
            self.buffer += got
        return True

    def messages(self) -> list[bytes]:
        """Texts whose frames are whole."""
        found = []
        while (frame := whole(self.buffer)) is not None:
            opcode, start, end = frame
            if opcode == 1:
                found.append(bytes(self.buffer[start:end]))
            del self.buffer[:end]
        return found


def masked(message: bytes) -> bytes:
    """A client's frame, of at most 125 bytes; a mask of zeros changes nothing."""
    if len(message) > 125:
        raise SystemExit("the key is too long for this benchmark")
    return bytes((0x81, 0x80 | len(message), 0, 0, 0, 0)) + message


def whole(buffer: bytearray) -> tuple[int, int, int] | None:
    """(opcode, first byte, byte after the last) of the first frame, once all of it is there."""
    if len(buffer) < 2:
        return None
    size, start = buffer[1], 2
    if size > 125:
        wide = 2 if size == 126 else 8
        if len(buffer) < 2 + wide:
            return None
        size, start = int.from_bytes(buffer[2 : 2 + wide]), 2 + wide
    return (buffer[0] & 0x0F, start, start + size) if len(buffer) >= start + size else None


def main() -> None:
    url, clients, seconds, sampled = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    at, key = urlsplit(url), sys.stdin.readline().strip()
    poll, by_number = select.epoll(), {}
    for number in range(clients):
        one = Listener(at.hostname or "", at.port or 80, key, sampled=number % sampled == 0)
        by_number[one.socket.fileno()] = one
        poll.register(one.socket, select.EPOLLIN)
    ages: list[float] = []
    lost, ends = 0, time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0 and by_number:
        for number, _ in poll.poll(left):
            one = by_number[number]
            there = one.read()
            now_ms = time.time() * 1e3
            if not there:
                lost += 1
                poll.unregister(number)
                del by_number[number]
            elif one.sampled:
                ages += [now_ms - at_ms for text in one.messages() if (at_ms := decided_at(text)) is not None]
    quiet = sum(1 for one in by_number.values() if not one.bytes)
    print(
        json.dumps(
            {"ages": ages, "lost": lost, "quiet": quiet, "bytes": sum(o.bytes for o in by_number.values())}
        )
    )


def decided_at(text: bytes) -> int | None:
    said = msgspec.json.decode(text, type=Said)
    return msgspec.json.decode(said.data, type=When).at if said.type == "decision" else None


if __name__ == "__main__":
    main()
