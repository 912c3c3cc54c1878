"""Separated values under a header: a table, whatever its delimiter."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, NamedTuple

from app.objects.formats.columns import OURS, TEXT_COLUMNS, column_among, score_columns
from app.objects.formats.encoding import Encoding
from app.objects.formats.fields import MAX_FIELDS, NULL
from app.objects.formats.jsonl import looks_like_json
from app.objects.formats.records import Record, Records
from app.objects.formats.rows import (
    DEFAULTS,
    Chunk,
    Column,
    ReadOptions,
    Rejected,
    Row,
    Scored,
    UnreadableObject,
    chunked,
)
from app.objects.formats.table import Dialect, dialect_of, end_of
from app.objects.formats.text import fault_of, opened, shown

_ADVICE = (
    ". If its first line is a row, say that it has no header (--no-header); else name the column "
    "(--column)"
)
_NAME = re.compile(r"[\w.()/#&-]{1,60}")
"""Name of an only column. With a space in it, it might be a text."""


class Layout(NamedTuple):
    """What is written beside the rows of a table."""

    before: str
    """Its byte order mark and the line that names its delimiter, if it has them."""
    header: str
    """Its first line as it stands; empty if it has no header."""
    names: Sequence[str]
    """The columns of scores, and of reasons."""
    width: int
    delimiter: str
    end: str
    """What its first line ends with."""


class Csv:
    """Values separated by commas, semicolons, tabs or bars.

    A row is written as it stands, with its scores behind it, so nothing of it changes.
    """

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        source = yield from opened(file, options, "a table of separated values")
        if looks_like_json(source.head):
            raise UnreadableObject(
                "is JSON, not a table: if it has an object a line, call it .jsonl"
            )
        dialect = dialect_of(source.head, options)
        end = end_of(source.head)
        before = "\ufeff" if source.encoding.mark else ""
        if dialect.sep:
            before += next(line.text for line in source.lines if line) + end
        records = iter(Records(source.lines, dialect.delimiter, dialect.quotings))
        first = next((record for record in records if record), None)
        if first is None:
            raise UnreadableObject("is empty: expected a line with the names of its columns")
        column, layout = _begin(first, options, dialect, before, end, source.encoding)

        def finish(chunk: Chunk) -> None:
            chunk.table, chunk.column = layout, column

        rows = records if options.header else chain([first], records)
        yield from chunked(_rows(rows, column.place, layout, source.encoding), finish)

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        begun = False
        for part in scored:
            if part.table is None:
                continue
            layout: Layout = part.table
            count = len(OURS) - (part.reasons is None)
            if not begun:
                begun = True
                file.write(layout.before.encode())
                if layout.header:
                    file.write(_line(layout, layout.header, layout.names[:count]))
            reasons = part.reasons or [""] * len(part.rows)
            for row, score, reason in zip(part.rows, part.scores, reasons, strict=True):
                values = [*map(str, score or ("", "", "")), reason]
                file.write(_line(layout, row.content, values[:count]))


def _line(layout: Layout, row: str, values: Sequence[str]) -> bytes:
    ours = [_quoted(value, layout.delimiter) for value in values]
    return (layout.delimiter.join([row, *ours]) + layout.end).encode()


def _quoted(value: str, delimiter: str) -> str:
    if delimiter in value or any(char in value for char in '"\r\n'):
        return '"' + value.replace('"', '""') + '"'
    return value


def _begin(
    first: Record, options: ReadOptions, dialect: Dialect, before: str, end: str, encoding: Encoding
) -> tuple[Column, Layout]:
    names = [*first.fields]
    if not options.header:
        names = [str(place + 1) for place in range(len(names))]
    elif fault := first.fault or fault_of(first.raw, encoding):
        raise UnreadableObject(f"its first line, of the columns' names, {fault}")
    if len(names) > MAX_FIELDS:
        raise UnreadableObject(f"has more than {MAX_FIELDS:,} columns")
    if options.header and not options.column:
        _check_names(names)
    column = column_among(names, options.column, advice=_ADVICE)
    header = first.raw if options.header else ""
    ours = score_columns(names)
    return column, Layout(before, header, ours, len(names), dialect.delimiter, end)


def _check_names(names: Sequence[str]) -> None:
    """Check that a first line names columns.

    Raises:
        UnreadableObject: it is blank, or is an only column's and reads like a text.
    """
    name = names[0].strip()
    if not any(map(str.strip, names)):
        raise UnreadableObject(f"its first line names no column{_ADVICE}", names)
    usual = name.lower() in TEXT_COLUMNS
    if len(names) == 1 and not usual and (not _NAME.fullmatch(name) or name.endswith(".")):
        raise UnreadableObject(
            f"its first line reads like a row, not like the name of its one column{_ADVICE}", names
        )


def _rows(
    records: Iterable[Record | None], place: int, layout: Layout, encoding: Encoding
) -> Iterator[Row | Rejected | None]:
    for record in records:
        if record is None:
            yield None
        elif reason := record.fault or fault_of(record.raw, encoding):
            yield Rejected(record.line, reason, shown(record.raw), _fitted(record, layout))
        else:
            text = record.fields[place]
            yield Row(record.line, None if text == NULL else text, record.raw)


def _fitted(record: Record, layout: Layout) -> str:
    """Return a faulty row with as many fields as the table has, so that it can keep its place."""
    last = layout.width - 1
    fields = [shown(value) for value in record.fields]
    fields = [*fields[:last], layout.delimiter.join(fields[last:])]
    fields += [""] * (layout.width - len(fields))
    return layout.delimiter.join(_quoted(value, layout.delimiter) for value in fields)
