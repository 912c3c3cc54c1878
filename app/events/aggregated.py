"""Kinesis records that the Kinesis Producer Library has aggregated into one.

The format is documented in awslabs/amazon-kinesis-producer, "aggregation-format.md": a magic
number, a Protocol Buffers message, and the MD5 digest of the message.
"""

import hashlib
from collections.abc import Iterator

from app.events.records import InvalidRecord

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
_RECORD, _DATA = 3, 3
"""Field numbers: of a record in the message, and of the data in a record."""
_VARINT, _LENGTH_DELIMITED = 0, 2
"""Wire types."""


def is_aggregated(data: bytes) -> bool:
    """Return whether the data of a record holds several records."""
    body, digest = data[len(MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    return data.startswith(MAGIC) and hashlib.md5(body, usedforsecurity=False).digest() == digest


def split_records(data: bytes) -> list[bytes]:
    """Return the data of each record.

    Raises:
        InvalidRecord: the message is malformed.
    """
    try:
        return [
            value
            for number, record in _fields(data[len(MAGIC) : -_DIGEST_BYTES])
            if number == _RECORD
            for inner, value in _fields(record)
            if inner == _DATA
        ]
    except (IndexError, ValueError):
        raise InvalidRecord("is an aggregated record of Kinesis that cannot be read") from None


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of each length-delimited field; skip integers."""
    offset = 0
    while offset < len(message):
        tag, offset = _varint(message, offset)
        wire_type, number = tag & 7, tag >> 3
        size, offset = _varint(message, offset)
        if wire_type == _VARINT:
            continue
        if wire_type != _LENGTH_DELIMITED or offset + size > len(message):
            raise ValueError
        yield number, message[offset : offset + size]
        offset += size


def _varint(message: bytes, offset: int) -> tuple[int, int]:
    """Return an integer, and the offset of the byte after it."""
    value = shift = 0
    while True:
        byte = message[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
        if shift > 63:
            raise ValueError
