"""The formats of objects: rows in, in chunks of bounded cost; the same rows out, with scores."""

from typing import Literal

from app.objects.formats.columns import TEXT_COLUMNS, column_among, column_of
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
    "of",
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
"""The ends of names, in any case, by which formats are known; all but Parquet also with .gz."""
_TEXT = [suffix for suffix, kind in SUFFIXES.items() if kind != "parquet"]
ACCEPTED = f"expected {', '.join(_TEXT[:-1])} or {_TEXT[-1]}, each also .gz, or .parquet"


def of(name: str) -> Format:
    """Return the format of an object by the end of its name.

    Raises:
        UnreadableObject: it has none that is known.
    """
    # Imported here, so that the start of a function that serves requests does not pay for them.
    from app.objects.formats.csv import Csv
    from app.objects.formats.gzip import Gzipped
    from app.objects.formats.jsonl import JsonLines
    from app.objects.formats.lines import Lines
    from app.objects.formats.parquet import Parquet

    suffix, zipped = _suffix_of(name)
    kinds: dict[Kind, type[Format]] = {
        "jsonl": JsonLines,
        "csv": Csv,
        "txt": Lines,
        "parquet": Parquet,
    }
    form = kinds[SUFFIXES[suffix]]()
    return Gzipped(form) if zipped else form


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
    return SUFFIXES[suffix] + ".gz" * zipped


def _suffix_of(name: str) -> tuple[str, bool]:
    stem = name.lower().removesuffix(".gz")
    zipped = stem != name.lower()
    for suffix, kind in SUFFIXES.items():
        if stem.endswith(suffix) and not (zipped and kind == "parquet"):
            return suffix, zipped
    raise UnreadableObject(f"its name ends as that of no known format: {ACCEPTED}")
