"""Signatures: the first bytes by which other file formats are recognised."""

import re

from app.objects.formats.rows import UnreadableObject

_BINARY = (
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document, such as an .xls workbook"),
    (b"PAR1", "Parquet"),
    (b"PARE", "encrypted Parquet"),
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"ARROW1", "Arrow (Feather)"),
    (b"FEA1", "Feather"),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"\xff\x06\0\0sNaPpY", "Snappy"),
    (b"\x1f\x9d", "a compress archive"),
    (b"\x1f\x8b", "gzip twice over"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x04\x95", "a Python pickle"),
    (b"\x80\x05\x95", "a Python pickle"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"\x7fELF", "a program"),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OFFICE = (
    (b"xl/", "an Excel workbook (.xlsx): save it as CSV"),
    (b"opendocument.spreadsheet", "a LibreOffice spreadsheet (.ods): save it as CSV"),
    (b"word/", "a Word document"),
    (b"[Content_Types].xml", "an Office document, such as an .xlsx workbook: save it as CSV"),
)
_MARKUP = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "XML"),
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b\x1c\x1d\x1e\x1f"))
_CONTROL_SHARE = 0.05


def check_signature(head: bytes, expected: str) -> None:
    """Check that an object has no signature of another format than the expected one.

    Raises:
        UnreadableObject: it has; the message names that format.
    """
    if description := _describe(head):
        name, _, advice = description.partition(": ")
        raise UnreadableObject(f"is {name}, not {expected}{advice and ': '}{advice}")


def _describe(head: bytes) -> str:
    """Return the other format, and after a colon what to do about it; nothing if there is none."""
    if head.startswith(_ZIP):
        return next((name for sign, name in _OFFICE if sign in head), "a ZIP archive: unpack it")
    binary = any(head.count(control) for control in _CONTROL) or not _is_utf8(head)
    for signature, name in _BINARY:
        # A text may begin with a word such as ORC too, but it has no control characters.
        if head.startswith(signature) and (binary or not signature.isalnum()):
            return name
    beginning = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    return next((name for sign, name in _MARKUP if beginning.startswith(sign)), "")


def is_binary(head: bytes) -> bool:
    """Return whether it has more control characters than text in UTF-8."""
    return sum(head.count(control) for control in _CONTROL) > len(head) * _CONTROL_SHARE


def _is_utf8(head: bytes) -> bool:
    try:
        head[:1000].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head[:1000]) - 4
    return True


def looks_like_json(head: bytes) -> bool:
    """Return whether an object begins with a JSON object, or an array of JSON objects."""
    return bool(_JSON.match(head.lstrip()))


_FIRST_MEMBER = rb'\{\s*"(?:[^"\\]|\\.){0,1000}"\s*:'
_JSON = re.compile(rb"(?:\[\s*)?" + _FIRST_MEMBER)
