"""What encoding text is in, and the same text in UTF-8, in blocks."""

import codecs
from typing import NamedTuple

from app.objects.formats.blocks import Blocks, Fault
from app.objects.formats.rows import UnreadableObject

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NUL_SHARE = 0.02
"""Least share of NULs in UTF-16 without a mark: its line ends and spaces alone have as many."""
_NOT_FOR_TEXT = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"}
UNDECODABLE = "\udcff"
"""Stands for bytes that are no text in their encoding: their line is rejected for it."""

codecs.register_error("sentiment-mark", lambda error: (UNDECODABLE, error.end))  # type: ignore[attr-defined]


class Encoding(NamedTuple):
    """An encoding, and the byte order mark that says so."""

    name: str
    mark: bytes

    @property
    def shown(self) -> str:
        """Its usual name."""
        return self.name.upper() if self.name.startswith("utf") else self.name


def encoding_of(head: bytes, named: str) -> Encoding:
    """Return the encoding of an object by its beginning: by its mark, its NULs, or as it is named.

    Raises:
        UnreadableObject: the name is none of an encoding, or of one whose byte order is not known.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, mark)
    name = _known(named)
    if name in ("utf-8", "utf-16", "utf-32"):
        told = _by_nuls(head)
        if told.startswith(name) or (told and name == "utf-8"):
            name = told
        elif name != "utf-8" and head:
            raise UnreadableObject(
                f"has no byte order mark: say its byte order (--encoding {name}-le or {name}-be)"
            )
    return Encoding(name, b"")


def _known(named: str) -> str:
    try:
        codec = codecs.lookup(named)
    except (LookupError, ValueError):  # ValueError: it holds a NUL
        codec = None
    if codec is None or not codec._is_text_encoding or codec.name in _NOT_FOR_TEXT:
        raise UnreadableObject(
            "the encoding asked for is not known: expected one such as utf-8, latin-1 or cp1252"
        )
    return codec.name


def _by_nuls(head: bytes) -> str:
    """Return the encoding that its NULs, all at the same places of each unit, tell of."""
    if head.count(0) < max(1, len(head) * _NUL_SHARE):
        return ""
    for name in ("utf-32-le", "utf-32-be"):
        if _decodes(head, name):
            return name
    for name, text in (("utf-16-le", 0), ("utf-16-be", 1)):
        if 0 not in head[text::2] and _decodes(head, name):
            return name
    return ""


def _decodes(head: bytes, name: str) -> bool:
    """Return whether it decodes, into text whose lines end where the bytes have line ends."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and "\0" not in text and text.count("\n") * 2 >= head.count(b"\n")


def in_utf8(blocks: Blocks, encoding: Encoding) -> Blocks:
    """Yield the same text in UTF-8, without its mark; bytes that are no text become invalid.

    Raises:
        UnreadableObject: the codec gives up, rather than say which bytes are no text.
    """
    if encoding.name == "utf-8":
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding.name)("sentiment-mark")
    for block in blocks:
        if isinstance(block, Fault):
            yield block
            return
        yield _encoded(decoder, block)
    yield _encoded(decoder, b"", final=True)


def _encoded(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bytes:
    try:
        return decoder.decode(block, final).encode("utf-8", "surrogatepass")
    except UnicodeError:
        raise UnreadableObject("is not in the encoding asked for") from None
