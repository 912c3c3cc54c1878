"""Detects the character encoding of an object and transcodes its text to UTF-8."""

import codecs
from typing import NamedTuple

from app.encodings import text_codec
from app.objects.formats.rows import UnreadableObject

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MIN_NUL_SHARE = 0.02
"""Share of NULs from which text is UTF-16 or UTF-32; line ends and spaces alone have as many."""
UNDECODABLE = "\udcff"
"""Replaces bytes that are invalid in their encoding; their line is rejected because of it."""

codecs.register_error("sentiment-mark", lambda error: (UNDECODABLE, error.end))  # type: ignore[attr-defined]


class Encoding(NamedTuple):
    """An encoding, and the byte order mark that declares it."""

    name: str
    mark: bytes

    @property
    def label(self) -> str:
        """Its usual name."""
        return self.name.upper() if self.name.startswith("utf") else self.name


def detect_encoding(head: bytes, declared: str) -> Encoding:
    """Return the encoding of an object: by its byte order mark, its NULs, or as declared.

    Raises:
        UnreadableObject: the declared encoding does not exist, or its byte order is unknown.
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return Encoding(name, mark)
    name = _codec_name(declared)
    if name in ("utf-8", "utf-16", "utf-32"):
        detected = _detect_by_nuls(head)
        if detected.startswith(name) or (detected and name == "utf-8"):
            name = detected
        elif name != "utf-8" and head:
            raise UnreadableObject(
                f"has no byte order mark: give its byte order (--encoding {name}-le or {name}-be)"
            )
    return Encoding(name, b"")


def _codec_name(declared: str) -> str:
    try:
        return text_codec(declared)
    except ValueError as error:
        raise UnreadableObject(f"the requested encoding {error}") from None


def _detect_by_nuls(head: bytes) -> str:
    """Return the encoding in which NULs have the same offset in each code unit, or nothing."""
    if head.count(0) < max(1, len(head) * _MIN_NUL_SHARE):
        return ""
    for name in ("utf-32-le", "utf-32-be"):
        if _decodes(head, name):
            return name
    for name, offset in (("utf-16-le", 0), ("utf-16-be", 1)):
        if 0 not in head[offset::2] and _decodes(head, name):
            return name
    return ""


def _decodes(head: bytes, name: str) -> bool:
    """Return whether it decodes to text whose line ends are where the bytes have line ends."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and "\0" not in text and text.count("\n") * 2 >= head.count(b"\n")


class Transcoder:
    """Transcodes text to UTF-8, a block at a time; `UNDECODABLE` replaces invalid bytes."""

    def __init__(self, encoding: Encoding) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding.name)("sentiment-mark")

    def transcode(self, block: bytes, final: bool = False) -> bytes:
        """Return the next text in UTF-8.

        Raises:
            UnreadableObject: the codec fails without saying which bytes are invalid.
        """
        try:
            return self._decoder.decode(block, final).encode("utf-8", "surrogatepass")
        except UnicodeError:
            raise UnreadableObject("is not in the requested encoding") from None
