"""Messages between a process and its child, over pipes: a kind, a length and so many bytes."""

import json
import struct
from typing import IO, Any

_HEAD = struct.Struct("<cQ")
MAX_FRAME_BYTES = 256 * 1024 * 1024
"""Longer messages are not sent, and not read."""


class Broken(EOFError):
    """The other side has ended, or does not keep to the form."""


def send(file: IO[bytes], kind: bytes, *parts: bytes) -> None:
    """Write a message.

    Raises:
        OSError: the other side has ended.
    """
    file.write(_HEAD.pack(kind, sum(map(len, parts))))
    for part in parts:
        file.write(part)
    file.flush()


def receive(file: IO[bytes]) -> tuple[bytes, bytes]:
    """Read a message; return its kind and content.

    Raises:
        Broken: there is none.
    """
    kind, size = _HEAD.unpack(_exactly(file, _HEAD.size))
    if size > MAX_FRAME_BYTES:
        raise Broken
    return kind, _exactly(file, size)


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = bytearray()
    while len(data) < size:  # an unbuffered pipe gives what it has
        found = file.read(size - len(data))
        if not found:
            raise Broken
        data += found
    return bytes(data)


def joined(head: Any, body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a message's parts: JSON, then bytes."""
    data = json.dumps(head).encode()
    return len(data).to_bytes(8, "little"), data, body


def parted(message: bytes) -> tuple[Any, bytes]:
    """Return the JSON and the bytes that `joined` put together."""
    end = 8 + int.from_bytes(message[:8], "little")
    return json.loads(message[8:end]), message[end:]
