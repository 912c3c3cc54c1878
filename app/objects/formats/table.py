"""What a table of separated values is: its delimiter, and its header.

The demo page reads tables by the same rules (``app/web/static/demo/table.js``); both are held to
the cases of ``tests/objects/tables.json``.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from app.objects.formats.columns import TEXT_COLUMNS
from app.objects.formats.fields import ESCAPES, NULL, QUOTES, QUOTINGS, Quoting
from app.objects.formats.records import Record, Records
from app.objects.formats.rows import ReadOptions, UnreadableObject
from app.objects.formats.text import Line, lines_of

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_RECORDS = 50
_SEP = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)


class Dialect(NamedTuple):
    """How a table is written."""

    delimiter: str
    sep: str = ""
    """Excel's first line that names the delimiter, as it stands."""
    quotings: tuple[Quoting, ...] = QUOTINGS
    """How its fields may be quoted, the most likely way first."""


def dialect_of(head: bytes, options: ReadOptions) -> Dialect:
    """Return the dialect of a table by its beginning, as far as the options do not say it.

    Raises:
        UnreadableObject: more than one delimiter would do, or the first line has one field and the
            others have more.
    """
    lines = [line for line in lines_of(iter([head])) if line]
    sep = _SEP.fullmatch(lines[0].text) if lines else None
    if sep:
        return Dialect(options.delimiter or sep[1], sep[0])
    if options.delimiter:
        return Dialect(options.delimiter, quotings=_quotings_of(lines, options.delimiter))
    found = [_Sample.of(lines, delimiter, options) for delimiter in DELIMITERS]
    several = sorted((each for each in found if each.width > 1), key=_Sample.rank, reverse=True)
    if not several:
        return Dialect(_of_one_column(found))
    if len(several) > 1 and several[0].rank() == several[1].rank():
        shown = " or ".join(_SHOWN[each.delimiter] for each in several[:2])
        raise UnreadableObject(
            f"its fields may be separated by {shown}: say by which (--delimiter)"
        )
    delimiter = several[0].delimiter
    return Dialect(delimiter, quotings=_quotings_of(lines, delimiter))


def end_of(head: bytes) -> str:
    """Return what a table's first line ends with."""
    return next((line.end for line in lines_of(iter([head])) if line), "") or "\n"


def header_of(head: bytes) -> list[str]:
    """Return the names under which a beginning is a table, lower case; none if it is none.

    It is one if the rows of a few have as many fields as the first line.
    """
    lines = [line for line in lines_of(iter([head])) if line]
    for delimiter in DELIMITERS:
        records = [each for each in islice(Records(iter(lines), delimiter), SAMPLE_RECORDS) if each]
        if len(records) > 1 and len(records[0].fields) > 1 and not any(r.fault for r in records):
            return [name.strip().lower() for name in records[0].fields]
    return []


_SHOWN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class _Sample(NamedTuple):
    """A table's first records under one delimiter."""

    delimiter: str
    width: int
    named: bool
    """Whether a column is named as texts are."""
    fitting: float
    """Share of the rows that have as many fields as the first line."""
    widths: list[int]

    @classmethod
    def of(cls, lines: list[Line], delimiter: str, options: ReadOptions) -> "_Sample":
        found = _sampled(lines, delimiter)
        if not found or found[0].fault:
            return cls(delimiter, 0, False, 0.0, [])
        names = {name.strip().lower() for name in found[0].fields}
        sought = {options.column.strip().lower()} if options.column else set(TEXT_COLUMNS)
        rows = found[1:]
        fitting = sum(not row.fault for row in rows) / len(rows) if rows else 1.0
        widths = [len(row.fields) for row in rows]
        named = options.header and bool(names & sought)
        return cls(delimiter, len(found[0].fields), named, fitting, widths)

    def rank(self) -> tuple[bool, float]:
        return self.named, self.fitting


def _sampled(
    lines: list[Line], delimiter: str, quotings: Sequence[Quoting] = QUOTINGS
) -> list[Record]:
    records = islice(Records(iter(lines), delimiter, quotings), SAMPLE_RECORDS)
    return [record for record in records if record]


def _quotings_of(lines: list[Line], delimiter: str) -> tuple[Quoting, ...]:
    r"""Return how fields may be quoted.

    Databases escape with backslashes where tabs separate, and write ``\N`` for no value. Other
    programs write ``\N`` beside quotes, so the records decide: quotes count if more records have a
    quoted field than escapes would make whole.
    """
    if delimiter != "\t":
        return QUOTINGS
    records, escaped = _sampled(lines, delimiter), _sampled(lines, delimiter, [ESCAPES])
    quoted = sum(_has_quoted_field(record) for record in records)
    mended = sum(bool(each.fault) for each in records) - sum(bool(each.fault) for each in escaped)
    if quoted > mended:
        return QUOTES
    if any(NULL in record.fields for record in records):
        return (ESCAPES, *QUOTES)
    return QUOTINGS


def _has_quoted_field(record: Record) -> bool:
    fields = record.raw.split("\t")
    return not record.fault and any(len(each) > 1 and each[0] == each[-1] == '"' for each in fields)


def _of_one_column(found: Sequence[_Sample]) -> str:
    """Return a delimiter for a table whose first line has none.

    The others may hold commas, unquoted, where another program's delimiter is a semicolon.
    """
    for each in found:
        if len(each.widths) > 2 and set(each.widths) == {max(each.widths)} != {1}:
            raise UnreadableObject(
                f"its first line has one field, the others have {each.widths[0]}, separated by "
                f"{_SHOWN[each.delimiter]}"
            )
    if len(found[0].widths) > 2:
        return max(found, key=lambda each: each.fitting).delimiter
    return found[0].delimiter
