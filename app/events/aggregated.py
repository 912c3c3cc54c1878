"""Records of Kinesis that the Kinesis Producer Library has put together into one.

The format is given in awslabs/amazon-kinesis-producer, "aggregation-format.md": four bytes, a
message of Protocol Buffers, and the MD5 sum of that message.
"""

import hashlib
from collections.abc import Iterator

from app.events.records import InvalidRecord

MAGIC = b"\xf3\x89\x9a\xc2"
_SUM_BYTES = 16
_RECORD, _DATA = 3, 3
"""Numbers of the fields: of a record in the message, and of the data in a record."""
_VARINT, _LENGTH_DELIMITED = 0, 2


def is_aggregated(data: bytes) -> bool:
    """Return whether a record's data are several records."""
    body, digest = data[len(MAGIC) : -_SUM_BYTES], data[-_SUM_BYTES:]
    return data.startswith(MAGIC) and hashlib.md5(body, usedforsecurity=False).digest() == digest


def records_of(data: bytes) -> list[bytes]:
    """Return the data of each record.

    Raises:
        InvalidRecord: it is not in the format.
    """
    try:
        return [
            value
            for number, record in _fields(data[len(MAGIC) : -_SUM_BYTES])
            if number == _RECORD
            for inner, value in _fields(record)
            if inner == _DATA
        ]
    except (IndexError, ValueError):
        raise InvalidRecord("is an aggregated record of Kinesis that cannot be read") from None


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the fields that have bytes, by their number, and pass over those that are integers."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind, number = tag & 7, tag >> 3
        size, place = _varint(message, place)
        if kind == _VARINT:
            continue
        if kind != _LENGTH_DELIMITED or place + size > len(message):
            raise ValueError
        yield number, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError
