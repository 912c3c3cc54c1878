"""The dialect of a CSV table, sniffed from its beginning.

The demo page reads tables by the same rules (``app/web/static/demo/table.js``). The cases in
``tests/objects/tables.json`` test both.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from app.objects.formats.columns import TEXT_COLUMNS
from app.objects.formats.csv.quoting import ESCAPES, NULL, QUOTES, QUOTINGS, Quoting
from app.objects.formats.csv.records import CsvRecord, RecordReader
from app.objects.formats.rows import ReadOptions, UnreadableObject
from app.objects.formats.text_object import Line, read_lines

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""The delimiters that are detected, and their names."""
SAMPLE_RECORDS = 50
_SEP = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)


class Dialect(NamedTuple):
    """How a table is written."""

    delimiter: str
    sep: str = ""
    """The line with which Excel declares the delimiter, as it is in the object."""
    quotings: tuple[Quoting, ...] = QUOTINGS
    """How fields may be quoted, the most likely way first."""


def sniff_dialect(head: bytes, options: ReadOptions) -> Dialect:
    """Return the dialect of a table from its beginning; a delimiter in the options is final.

    Raises:
        UnreadableObject: two delimiters fit equally, or the first line has one field and the others
            have more.
    """
    lines = _first_lines(head)
    sep = _SEP.fullmatch(lines[0].text) if lines else None
    if sep:
        return Dialect(options.delimiter or sep[1], sep[0])
    if options.delimiter:
        return Dialect(options.delimiter, quotings=_sniff_quotings(lines, options.delimiter))
    samples = [_Sample.parse(lines, delimiter, options) for delimiter in DELIMITERS]
    wide = sorted((each for each in samples if each.width > 1), key=_Sample.rank, reverse=True)
    if not wide:
        return Dialect(_delimiter_of_one_column(samples))
    if len(wide) > 1 and wide[0].rank() == wide[1].rank():
        choices = " or ".join(DELIMITERS[each.delimiter] for each in wide[:2])
        raise UnreadableObject(
            f"its fields may be separated by {choices}: say by which (--delimiter)"
        )
    delimiter = wide[0].delimiter
    return Dialect(delimiter, quotings=_sniff_quotings(lines, delimiter))


def sniff_line_end(head: bytes) -> str:
    """Return the end of a table's first line."""
    return next((line.end for line in _first_lines(head)), "") or "\n"


def sniff_header(head: bytes) -> list[str]:
    """Return the first line's names in lower case if an object begins like a table, else none.

    It does if a few rows have as many fields as the first line.
    """
    lines = _first_lines(head)
    for delimiter in DELIMITERS:
        records = _sample(lines, delimiter)
        if (
            len(records) > 1
            and len(records[0].fields) > 1
            and not any(record.fault for record in records)
        ):
            return [name.strip().lower() for name in records[0].fields]
    return []


def _first_lines(head: bytes) -> list[Line]:
    return [line for line in read_lines(iter([head])) if line]


class _Sample(NamedTuple):
    """The first records of a table, parsed with one delimiter."""

    delimiter: str
    width: int
    """Fields in the first line."""
    has_text_column: bool
    """Whether a field of the header has the name of a text column."""
    well_formed: float
    """Share of the rows that have as many fields as the first line."""
    widths: list[int]
    """Fields in each row."""

    @classmethod
    def parse(cls, lines: list[Line], delimiter: str, options: ReadOptions) -> "_Sample":
        records = _sample(lines, delimiter)
        if not records or records[0].fault:
            return cls(delimiter, 0, False, 0.0, [])
        header, rows = records[0], records[1:]
        names = {name.strip().lower() for name in header.fields}
        wanted = {options.column.strip().lower()} if options.column else set(TEXT_COLUMNS)
        well_formed = sum(not row.fault for row in rows) / len(rows) if rows else 1.0
        widths = [len(row.fields) for row in rows]
        has_text_column = options.header and bool(names & wanted)
        return cls(delimiter, len(header.fields), has_text_column, well_formed, widths)

    def rank(self) -> tuple[bool, float]:
        return self.has_text_column, self.well_formed


def _sample(
    lines: list[Line], delimiter: str, quotings: Sequence[Quoting] = QUOTINGS
) -> list[CsvRecord]:
    records = islice(RecordReader(iter(lines), delimiter, quotings), SAMPLE_RECORDS)
    return [record for record in records if record]


def _sniff_quotings(lines: list[Line], delimiter: str) -> tuple[Quoting, ...]:
    r"""Return how fields may be quoted.

    With tabs, databases escape by backslashes and write ``\N`` for a missing value. Other programs
    write ``\N`` next to quoted fields. So fields count as quoted if more records have a quoted
    field than escapes would make well-formed.
    """
    if delimiter != "\t":
        return QUOTINGS
    records, escaped = _sample(lines, delimiter), _sample(lines, delimiter, [ESCAPES])
    quoted = sum(_has_quoted_field(record) for record in records)
    repaired = sum(bool(each.fault) for each in records) - sum(bool(each.fault) for each in escaped)
    if quoted > repaired:
        return QUOTES
    if any(NULL in record.fields for record in records):
        return (ESCAPES, *QUOTES)
    return QUOTINGS


def _has_quoted_field(record: CsvRecord) -> bool:
    fields = record.raw.split("\t")
    return not record.fault and any(len(each) > 1 and each[0] == each[-1] == '"' for each in fields)


def _delimiter_of_one_column(samples: Sequence[_Sample]) -> str:
    """Return a delimiter for a table whose first line has none.

    Its rows may hold unquoted commas if a program wrote them with another delimiter, such as the
    semicolon.
    """
    for sample in samples:
        if len(sample.widths) > 2 and set(sample.widths) == {max(sample.widths)} != {1}:
            raise UnreadableObject(
                f"its first line has one field, the others have {sample.widths[0]}, separated by "
                f"{DELIMITERS[sample.delimiter]}"
            )
    if len(samples[0].widths) > 2:
        return max(samples, key=lambda each: each.well_formed).delimiter
    return samples[0].delimiter
