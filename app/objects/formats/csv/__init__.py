"""CSV: delimiter-separated values, with commas, semicolons, tabs or bars, under a header."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, NamedTuple

from app.objects.formats.columns import (
    ADDED_COLUMNS,
    TEXT_COLUMNS,
    added_column_names,
    find_text_column,
)
from app.objects.formats.csv.dialect import sniff_dialect, sniff_line_end
from app.objects.formats.csv.quoting import MAX_FIELDS, NULL
from app.objects.formats.csv.records import CsvRecord, RecordReader
from app.objects.formats.encoding import Encoding
from app.objects.formats.rows import (
    DEFAULTS,
    Chunk,
    Column,
    ReadOptions,
    Rejected,
    Row,
    ScoredChunk,
    UnreadableObject,
    chunked,
)
from app.objects.formats.signatures import looks_like_json
from app.objects.formats.text_object import decoding_fault, open_text, printable

_ADVICE = (
    ". If its first line is a row, say that it has no header (--no-header); else name the column "
    "(--column)"
)
_COLUMN_NAME = re.compile(r"[\w.()/#&-]{1,60}")
"""The header of a single-column table; a line with a space may be a text."""


class Layout(NamedTuple):
    """What is written besides the rows."""

    preamble: str
    """The byte order mark and the line that declares the delimiter, if the object has them."""
    header: str
    """The first line as it is in the object; empty without a header."""
    added: Sequence[str]
    """Names of the added columns."""
    width: int
    """Columns of the object."""
    delimiter: str
    line_end: str
    """The end of the first line."""


class Csv:
    """Values separated by commas, semicolons, tabs or bars.

    A row is written unchanged, with its scores as the last fields.
    """

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        text_object = yield from open_text(file, options, "a table of separated values")
        head, encoding = text_object.head, text_object.encoding
        if looks_like_json(head):
            raise UnreadableObject(
                "is JSON, not a table: if it has one object per line, name it .jsonl"
            )
        dialect = sniff_dialect(head, options)
        line_end = sniff_line_end(head)
        preamble = "\ufeff" if encoding.mark else ""
        if dialect.sep:
            preamble += next(line.text for line in text_object.lines if line) + line_end
        records = iter(RecordReader(text_object.lines, dialect.delimiter, dialect.quotings))
        first = next((record for record in records if record), None)
        if first is None:
            raise UnreadableObject("is empty: expected a line with the names of its columns")
        names = _column_names(first, options, encoding)
        column = find_text_column(names, options.column, advice=_ADVICE)
        layout = Layout(
            preamble,
            first.raw if options.header else "",
            added_column_names(names),
            len(names),
            dialect.delimiter,
            line_end,
        )

        def complete(chunk: Chunk) -> None:
            chunk.layout, chunk.column = layout, column

        rows = records if options.header else chain([first], records)
        yield from chunked(_rows(rows, column, layout, encoding), complete)

    def write(self, file: IO[bytes], chunks: Iterable[ScoredChunk]) -> None:
        begun = False
        for chunk in chunks:
            if chunk.layout is None:
                continue
            layout: Layout = chunk.layout
            count = len(ADDED_COLUMNS) - (chunk.reasons is None)
            if not begun:
                begun = True
                file.write(layout.preamble.encode())
                if layout.header:
                    file.write(_line(layout, layout.header, layout.added[:count]))
            reasons = chunk.reasons or [""] * len(chunk.rows)
            for row, score, reason in zip(chunk.rows, chunk.scores, reasons, strict=True):
                values = [*map(str, score or ("", "", "")), reason]
                file.write(_line(layout, row.original, values[:count]))


def _line(layout: Layout, row: str, added: Sequence[str]) -> bytes:
    fields = [_quote(value, layout.delimiter) for value in added]
    return (layout.delimiter.join([row, *fields]) + layout.line_end).encode()


def _quote(value: str, delimiter: str) -> str:
    if delimiter in value or any(char in value for char in '"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def _column_names(first: CsvRecord, options: ReadOptions, encoding: Encoding) -> list[str]:
    """Return the names of the columns: those in the header, else ``1``, ``2``, …

    Raises:
        UnreadableObject: the header is malformed, or reads like a row; or there are too many
            columns.
    """
    names = [*first.fields]
    if not options.header:
        names = [str(index + 1) for index in range(len(names))]
    elif fault := first.fault or decoding_fault(first.raw, encoding):
        raise UnreadableObject(f"its header {fault}")
    if len(names) > MAX_FIELDS:
        raise UnreadableObject(f"has more than {MAX_FIELDS:,} columns")
    if options.header and not options.column:
        _check_names(names)
    return names


def _check_names(names: Sequence[str]) -> None:
    """Check that a first line is a header.

    Raises:
        UnreadableObject: it is blank, or has one field that reads like a text.
    """
    name = names[0].strip()
    if not any(map(str.strip, names)):
        raise UnreadableObject(f"its first line names no column{_ADVICE}", names)
    is_usual = name.lower() in TEXT_COLUMNS
    if len(names) == 1 and not is_usual and (not _COLUMN_NAME.fullmatch(name) or name[-1] == "."):
        raise UnreadableObject(
            f"its first line reads like a row, not like the name of its one column{_ADVICE}", names
        )


def _rows(
    records: Iterable[CsvRecord | None], column: Column, layout: Layout, encoding: Encoding
) -> Iterator[Row | Rejected | None]:
    for record in records:
        if record is None:
            yield None
        elif reason := record.fault or decoding_fault(record.raw, encoding):
            rejected = Rejected(record.line, reason, printable(record.raw), _repair(record, layout))
            yield rejected
        else:
            text = record.fields[column.index]
            yield Row(record.line, None if text == NULL else text, record.raw)


def _repair(record: CsvRecord, layout: Layout) -> str:
    """Return a malformed row with as many fields as there are columns, so that it can be kept."""
    last = layout.width - 1
    fields = [printable(value) for value in record.fields]
    fields = [*fields[:last], layout.delimiter.join(fields[last:])]
    fields += [""] * (layout.width - len(fields))
    return layout.delimiter.join(_quote(value, layout.delimiter) for value in fields)
