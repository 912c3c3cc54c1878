"""Messages over the pipes between this process and the child process that decodes Parquet.

A message is a kind, the length of its content, and the content. The child asks for every byte that
it reads, and sends every byte that it writes. The parent's first message says what to do: ``R``
(read) or ``W`` (write). Then:

=====  =========================================================================================
kind   message of the child, and its answer
=====  =========================================================================================
``R``  offset and length of bytes of the object to read; answered by ``D`` with the bytes
``C``  names and types of the columns; answered by ``P`` with the index of the text column
``B``  texts of some rows, and these rows as an Arrow stream
``J``  number of a row that is too large
``N``  ready for rows to write; answered by ``B`` with rows, or by ``Z`` after the last
``W``  bytes to write
``Z``  done
``E``  failed
=====  =========================================================================================
"""

import json
import struct
from typing import IO, Any

_HEADER = struct.Struct("<cQ")
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""A longer message is never sent, and not accepted."""


class Broken(EOFError):
    """The other process has ended, or sent something that is not a message."""


def send(file: IO[bytes], kind: bytes, *parts: bytes) -> None:
    """Send a message, whose content is the parts put together.

    Raises:
        OSError: the other process has ended.
    """
    file.write(_HEADER.pack(kind, sum(map(len, parts))))
    for part in parts:
        file.write(part)
    file.flush()


def receive(file: IO[bytes]) -> tuple[bytes, bytes]:
    """Return the kind and the content of the next message.

    Raises:
        Broken: there is none.
    """
    kind, size = _HEADER.unpack(_read_exactly(file, _HEADER.size))
    if size > MAX_MESSAGE_BYTES:
        raise Broken
    return kind, _read_exactly(file, size)


def _read_exactly(file: IO[bytes], size: int) -> bytes:
    data = bytearray()
    while len(data) < size:  # a read from an unbuffered pipe may return less
        part = file.read(size - len(data))
        if not part:
            raise Broken
        data += part
    return bytes(data)


def pack(head: Any, body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the parts of a message that holds a JSON value and bytes."""
    data = json.dumps(head).encode()
    return len(data).to_bytes(8, "little"), data, body


def unpack(content: bytes) -> tuple[Any, bytes]:
    """Return the JSON value and the bytes of a message that `pack` made."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]
