"""Text formats: objects that are decompressed, transcoded and cut into lines, in bounded memory."""

import re
from collections.abc import Generator, Iterator
from itertools import chain, islice
from typing import IO, NamedTuple

from app.objects.formats import gzip, rows
from app.objects.formats.encoding import Encoding, Transcoder, detect_encoding
from app.objects.formats.gzip import Blocks, ReadFault
from app.objects.formats.rows import Chunk, ReadOptions, UnreadableObject
from app.objects.formats.signatures import check_signature, is_binary

HEAD_BYTES = 64 * 1024
"""Beginning of an object, from which its encoding, compression and dialect are detected."""
HEARTBEAT_BYTES = 1024 * 1024
"""Input between two heartbeats of a reader."""
EXCERPT_BYTES = 1000
"""Beginning of a line that is too long, shown among the rejected rows."""
OTHER_ENCODING = (
    "; if the object has another encoding, such as latin-1 or cp1252, give it (--encoding latin-1)"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Line(NamedTuple):
    """A line of an object."""

    number: int
    """From 1."""
    text: str
    """Without its line end; invalid UTF-8 becomes lone surrogates (``surrogateescape``)."""
    end: str
    fault: str = ""
    """Why the line is incomplete; then the text is only its beginning."""


class TextObject(NamedTuple):
    """The text of an object, with its compression and encoding removed."""

    head: bytes
    """Its beginning in UTF-8, cut after a line end if there is one."""
    encoding: Encoding
    """The encoding of the object."""
    lines: Iterator[Line | None]
    """All lines, with None as a heartbeat."""


def open_text(
    file: IO[bytes], options: ReadOptions, expected: str
) -> Generator[Chunk, None, TextObject]:
    """Return the text of an object, and yield heartbeats until its beginning is read.

    ``expected``: the format, for error messages.

    Raises:
        UnreadableObject: the object has another format than the expected one.
    """
    head, blocks = yield from _peek(gzip.read_blocks(file))
    if head.startswith(gzip.MAGIC):
        head, blocks = yield from _peek(gzip.decompress(blocks))
    check_signature(head, expected)
    encoding = detect_encoding(head, options.encoding)
    without_mark = chain([head[len(encoding.mark) :]], islice(blocks, 1, None))
    head, blocks = yield from _peek(_in_utf8(without_mark, encoding))
    if is_binary(head):
        raise UnreadableObject(f"is binary data, not {expected}")
    if len(head) >= HEAD_BYTES:
        head = head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head
    return TextObject(head, encoding, read_lines(blocks))


def _peek(blocks: Blocks) -> Generator[Chunk, None, tuple[bytes, Blocks]]:
    """Return the beginning of an object, and an iterator over all of its blocks from there."""
    head, after = bytearray(), []
    for block in blocks:
        if isinstance(block, ReadFault):
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


def _in_utf8(blocks: Blocks, encoding: Encoding) -> Blocks:
    if encoding.name == "utf-8":
        yield from blocks
        return
    transcoder = Transcoder(encoding)
    for block in blocks:
        if isinstance(block, ReadFault):
            yield block
            return
        yield transcoder.transcode(block)
    yield transcoder.transcode(b"", final=True)


def read_lines(blocks: Blocks) -> Iterator[Line | None]:
    """Yield each line, ended by LF, CR LF or CR, and a heartbeat each `HEARTBEAT_BYTES`.

    A line of more than `MAX_ROW_BYTES`, and the last line of a damaged object, have a fault.
    """
    number, since_heartbeat, line, held, too_long = 1, 0, bytearray(), b"", False
    for block in blocks:
        if isinstance(block, ReadFault):
            yield Line(number, _decode(line[:EXCERPT_BYTES]), "", block.reason)
            return
        since_heartbeat += len(block)
        if not block or since_heartbeat >= HEARTBEAT_BYTES:
            since_heartbeat = 0
            yield None
        block = held + block
        held = b"\r" if block.endswith(b"\r") else b""  # an LF may follow
        for part in block.removesuffix(held).splitlines(keepends=True):
            content = part.rstrip(b"\r\n")
            too_long = too_long or len(line) + len(content) > rows.MAX_ROW_BYTES
            line += content if not too_long else b""
            if len(content) < len(part):
                yield _line(number, line, part[len(content) :], too_long)
                number, too_long = number + 1, False
                line.clear()
    if line or held:
        yield _line(number, line, held, too_long)


def _line(number: int, content: bytearray, end: bytes, too_long: bool) -> Line:
    fault = f"has more than {rows.MAX_ROW_BYTES:,} bytes" if too_long else ""
    return Line(
        number, _decode(content[:EXCERPT_BYTES] if too_long else content), end.decode(), fault
    )


def _decode(content: bytearray) -> str:
    return content.decode("utf-8", "surrogateescape")


def decoding_fault(text: str, encoding: Encoding) -> str:
    """Return why a line is not text in its encoding, or nothing if it is."""
    if "\0" in text:
        return "holds a NUL character"
    if text.isascii() or not _SURROGATE.search(text):
        return ""
    try:
        text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding.name != "utf-8":
            return f"is not {encoding.label}"
        return f"is not UTF-8 at byte {error.start}{OTHER_ENCODING}"
    return ""


def printable(text: str) -> str:
    """Return a line with undecodable bytes as ``\\xe9`` and NULs as ``\\0``."""
    return (
        text.replace("\0", "\\0")
        .encode("utf-8", "surrogateescape")
        .decode("utf-8", "backslashreplace")
    )
