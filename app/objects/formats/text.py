"""Objects of text: what encodes and compresses them, and their lines, in bounded memory."""

import re
from collections.abc import Generator, Iterator
from itertools import chain, islice
from typing import IO, NamedTuple

from app.objects.formats import rows as limits
from app.objects.formats.blocks import GZIP, Blocks, Fault, blocks_of, inflated
from app.objects.formats.encoding import Encoding, encoding_of, in_utf8
from app.objects.formats.rows import Chunk, ReadOptions, UnreadableObject
from app.objects.formats.signatures import is_binary, refuse_other_formats

HEAD_BYTES = 64 * 1024
"""Beginning of an object, from which it is told what it is."""
TICK_BYTES = 1024 * 1024
"""Input after which a reader says that it is at work, whether there are rows or not."""
SHOWN_BYTES = 1000
"""Of a row too long to be read, what is shown among the rejected rows."""
OTHER_ENCODING = (
    "; if the object is in another encoding, such as latin-1 or cp1252, say so (--encoding latin-1)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Line(NamedTuple):
    """A line of an object."""

    number: int
    """From 1."""
    text: str
    """Without its end; bytes that are not UTF-8 are lone surrogates (``surrogateescape``)."""
    end: str
    fault: str = ""
    """Why the line is not whole; the text is only its beginning."""


def lines_of(blocks: Blocks) -> Iterator[Line | None]:
    """Yield each line, ended by LF, CR LF or CR, and None each `TICK_BYTES`.

    A line of more than `MAX_ROW_BYTES` and a damaged object's last one come with their fault.
    """
    number, since, rest, held, long = 1, 0, bytearray(), b"", False
    for block in blocks:
        if isinstance(block, Fault):
            yield Line(number, _decoded(rest[:SHOWN_BYTES]), "", block.reason)
            return
        since += len(block)
        if not block or since >= TICK_BYTES:
            since = 0
            yield None
        block = held + block
        held = b"\r" if block.endswith(b"\r") else b""  # an LF may follow
        for part in block.removesuffix(held).splitlines(keepends=True):
            content = part.rstrip(b"\r\n")
            long = long or len(rest) + len(content) > limits.MAX_ROW_BYTES
            rest += content if not long else b""
            if len(content) < len(part):
                yield _line(number, rest, part[len(content) :], long)
                number, long = number + 1, False
                rest.clear()
    if rest or held:
        yield _line(number, rest, held, long)


def _line(number: int, content: bytearray, end: bytes, long: bool) -> Line:
    fault = f"has more than {limits.MAX_ROW_BYTES:,} bytes" if long else ""
    shown = content[:SHOWN_BYTES] if long else content
    return Line(number, _decoded(shown), end.decode(), fault)


def _decoded(content: bytearray) -> str:
    return content.decode("utf-8", "surrogateescape")


def fault_of(text: str, encoding: Encoding) -> str:
    """Return why a line's text is none in its encoding, or nothing."""
    if "\0" in text:
        return "holds a NUL character"
    if text.isascii() or not _SURROGATE.search(text):
        return ""
    try:
        text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding.name != "utf-8":
            return f"is not {encoding.shown}"
        return f"is not UTF-8 at byte {error.start}{OTHER_ENCODING}"
    return ""


def shown(text: str) -> str:
    """Return a line's text with what is no text written as ``\\xe9``, NULs as ``\\0``."""
    return (
        text.replace("\0", "\\0")
        .encode("utf-8", "surrogateescape")
        .decode("utf-8", "backslashreplace")
    )


class Source(NamedTuple):
    """An object that is text, whatever its encoding and compression."""

    head: bytes
    """Its beginning in UTF-8, in whole lines if there are as many."""
    whole: bool
    """Whether the head is all of it."""
    encoding: Encoding
    lines: Iterator[Line | None]


def opened(file: IO[bytes], options: ReadOptions, expected: str) -> Generator[Chunk, None, Source]:
    """Return an object's text, and yield an empty chunk now and then until its beginning is read.

    Raises:
        UnreadableObject: it is of another format than the one expected.
    """
    head, blocks = yield from _peeked(blocks_of(file))
    if head.startswith(GZIP):
        head, blocks = yield from _peeked(inflated(blocks))
    refuse_other_formats(head, expected)
    encoding = encoding_of(head, options.encoding)
    mark = len(encoding.mark)
    unmarked = chain([head[mark:]], islice(blocks, 1, None))
    head, blocks = yield from _peeked(in_utf8(unmarked, encoding))
    if is_binary(head):
        raise UnreadableObject(f"is binary data, not {expected}")
    whole = len(head) < HEAD_BYTES
    if not whole:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head
    return Source(head, whole, encoding, lines_of(blocks))


def _peeked(blocks: Blocks) -> Generator[Chunk, None, tuple[bytes, Blocks]]:
    """Return the beginning, and all blocks with it as the first of them."""
    head, after = bytearray(), []
    for block in blocks:
        if isinstance(block, Fault):
            if not head:
                raise UnreadableObject(f"cannot be read: {block.reason}")
            after.append(block)
            break
        head += block
        if len(head) >= HEAD_BYTES:
            break
        if not block:
            yield Chunk()
    return bytes(head), chain([bytes(head)], after, blocks)
