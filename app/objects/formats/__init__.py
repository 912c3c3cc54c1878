"""The formats of objects: rows in, in chunks of bounded cost; the same rows out, with scores."""

from typing import Literal

from app.objects.formats.columns import TEXT_COLUMNS, column_among, column_of
from app.objects.formats.csv import Csv
from app.objects.formats.gzip import Gzipped
from app.objects.formats.jsonl import JsonLines
from app.objects.formats.lines import Lines
from app.objects.formats.parquet import Parquet
from app.objects.formats.rows import (
    Chunk,
    Column,
    Format,
    ReadOptions,
    Rejected,
    Row,
    Score,
    Scored,
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
    "Scored",
    "UnreadableObject",
    "column_among",
    "column_of",
    "format_name",
    "is_accepted",
    "mapped_as",
    "of",
]

SUFFIXES: dict[str, type[Format]] = {
    ".jsonl": JsonLines,
    ".ndjson": JsonLines,
    ".jsonlines": JsonLines,
    ".csv": Csv,
    ".tsv": Csv,
    ".tab": Csv,
    ".txt": Lines,
    ".parquet": Parquet,
}
"""The ends of names, in any case, by which formats are known; all but Parquet also with .gz."""
_TEXT = [suffix for suffix, kind in SUFFIXES.items() if kind is not Parquet]
ACCEPTED = f"expected {', '.join(_TEXT[:-1])} or {_TEXT[-1]}, each also .gz, or .parquet"


def of(name: str) -> Format:
    """Return the format of an object by the end of its name.

    Raises:
        UnreadableObject: it has none that is known.
    """
    suffix, zipped = _suffix_of(name)
    kind = SUFFIXES[suffix]()
    return Gzipped(kind) if zipped else kind


def is_accepted(name: str) -> bool:
    """Return whether an object's name ends as that of a known format."""
    try:
        _suffix_of(name)
    except UnreadableObject:
        return False
    return True


def format_name(name: str) -> str:
    """Return what objects of one format and compression have in common: ``csv``, ``jsonl.gz``.

    Raises:
        UnreadableObject: the name's end is of no known format.
    """
    suffix, zipped = _suffix_of(name)
    first = next(each for each, kind in SUFFIXES.items() if kind is SUFFIXES[suffix])
    return first.removeprefix(".") + ".gz" * zipped


def mapped_as(name: str) -> Literal["JSONL", "CSV"] | None:
    """Return as what a distributed map of Step Functions reads an object, if it can.

    It reads neither gzip nor Parquet nor lines of text, and of tables those of commas alone.
    """
    try:
        suffix, zipped = _suffix_of(name)
    except UnreadableObject:
        return None
    if zipped:
        return None
    if SUFFIXES[suffix] is JsonLines:
        return "JSONL"
    return "CSV" if suffix == ".csv" else None


def _suffix_of(name: str) -> tuple[str, bool]:
    stem = name.lower().removesuffix(".gz")
    zipped = stem != name.lower()
    for suffix, kind in SUFFIXES.items():
        if stem.endswith(suffix) and not (zipped and kind is Parquet):
            return suffix, zipped
    raise UnreadableObject(f"its name ends as that of no known format: {ACCEPTED}")
