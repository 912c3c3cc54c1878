"""What an object is that is not what its name says, told by its first bytes."""

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


def refuse_other_formats(head: bytes, expected: str) -> None:
    """Refuse an object that begins as one of another format does.

    Raises:
        UnreadableObject: it does; the message says what it is.
    """
    found = _kind(head)
    if found:
        what, _, advice = found.partition(": ")
        raise UnreadableObject(f"is {what}, not {expected}{advice and ': '}{advice}")


def _kind(head: bytes) -> str:
    if head.startswith(_ZIP):
        return next((kind for sign, kind in _OFFICE if sign in head), "a ZIP archive: unpack it")
    binary = any(head.count(control) for control in _CONTROL) or not _is_utf8(head)
    for sign, kind in _BINARY:
        # Words such as ORC begin a text as well, which has no control characters.
        if head.startswith(sign) and (binary or not sign.isalnum()):
            return kind
    beginning = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    return next((kind for sign, kind in _MARKUP if beginning.startswith(sign)), "")


def is_binary(head: bytes) -> bool:
    """Return whether more of it is control characters than a text has, whatever its encoding."""
    return sum(head.count(control) for control in _CONTROL) > len(head) * _CONTROL_SHARE


def _is_utf8(head: bytes) -> bool:
    try:
        head[:1000].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head[:1000]) - 4
    return True
