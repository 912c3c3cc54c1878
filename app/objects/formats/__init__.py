"""File formats: each reads an object as chunks of rows, and writes the rows with their scores."""

from typing import Literal

from app.objects.formats.columns import TEXT_COLUMNS, find_text_column
from app.objects.formats.rows import (
    Chunk,
    Column,
    Format,
    ReadOptions,
    Rejected,
    Row,
    Score,
    ScoredChunk,
    UnreadableObject,
)

__all__ = [
    "ACCEPTED",
    "SUFFIXES",
    "TEXT_COLUMNS",
    "Chunk",
    "Column",
    "Format",
    "ReadOptions",
    "Rejected",
    "Row",
    "Score",
    "ScoredChunk",
    "UnreadableObject",
    "by_name",
    "find_text_column",
    "format_name",
    "is_accepted",
]

Kind = Literal["jsonl", "csv", "txt", "parquet"]

SUFFIXES: dict[str, Kind] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "txt",
    ".parquet": "parquet",
}
"""The format of each suffix, in any case; ``.gz`` may follow all but Parquet's."""
_TEXT = [suffix for suffix, kind in SUFFIXES.items() if kind != "parquet"]
ACCEPTED = f"expected {', '.join(_TEXT[:-1])} or {_TEXT[-1]}, each also .gz, or .parquet"


def by_name(name: str) -> Format:
    """Return the format of an object with this name.

    Raises:
        UnreadableObject: the suffix belongs to no format.
    """
    # Imported here, as requests need none of them, and most objects need one.
    from app.objects.formats.csv import Csv
    from app.objects.formats.gzip import Gzipped
    from app.objects.formats.jsonl import JsonLines
    from app.objects.formats.parquet import Parquet
    from app.objects.formats.plain_text import PlainText

    suffix, is_compressed = _suffix(name)
    formats: dict[Kind, type[Format]] = {
        "jsonl": JsonLines,
        "csv": Csv,
        "txt": PlainText,
        "parquet": Parquet,
    }
    content = formats[SUFFIXES[suffix]]()
    return Gzipped(content) if is_compressed else content


def is_accepted(name: str) -> bool:
    """Return whether the suffix of an object's name belongs to a format."""
    try:
        _suffix(name)
    except UnreadableObject:
        return False
    return True


def format_name(name: str) -> str:
    """Return the format and compression of an object with this name: ``csv``, ``jsonl.gz``.

    Raises:
        UnreadableObject: the suffix belongs to no format.
    """
    suffix, is_compressed = _suffix(name)
    return SUFFIXES[suffix] + ".gz" * is_compressed


def _suffix(name: str) -> tuple[str, bool]:
    """Return the suffix before ``.gz``, and whether that follows."""
    stem = name.lower().removesuffix(".gz")
    is_compressed = stem != name.lower()
    for suffix, kind in SUFFIXES.items():
        if stem.endswith(suffix) and not (is_compressed and kind == "parquet"):
            return suffix, is_compressed
    raise UnreadableObject(f"the suffix of its name is unknown: {ACCEPTED}")
