"""Records of a CSV table, with recovery from malformed ones."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.objects.formats import rows
from app.objects.formats.csv.quoting import ESCAPES, MAX_FIELDS, QUOTINGS, FieldParser, Quoting
from app.objects.formats.text_object import Line

MAX_RECORD_LINES = 10_000
"""Lines after which an open quote counts as unclosed."""


class CsvRecord(NamedTuple):
    """A record on one line or several."""

    line: int
    """The number of its first line."""
    fields: list[str]
    raw: str
    """The record as it is in the object, without its line end."""
    fault: str = ""
    """Why the record is malformed; then the fields are a guess."""


class _Attempt(NamedTuple):
    """A record as parsed with one quoting."""

    fields: list[str]
    fields_before: list[int]
    """For each of its lines, how many fields were complete before it; -1 for the first line."""
    fault: str = ""

    @property
    def lines(self) -> int:
        """How many lines the record has."""
        return len(self.fields_before)

    @property
    def quote_line(self) -> int:
        """The line, from 0, of the opening quote that was still open before the last line."""
        return max(self.fields_before.index(self.fields_before[-1]) - 1, 0)


class RecordReader:
    """Iterates over the records of a table.

    A malformed record, for example one with an unclosed quote, has a fault, and the records after
    it are read. If several quotings are possible, each record is parsed with the one that gives it
    as many fields as the first record.
    """

    def __init__(
        self, lines: Iterator[Line | None], delimiter: str, quotings: Sequence[Quoting] = QUOTINGS
    ) -> None:
        """``quotings``: the possible ones, the most likely first."""
        self._lines, self._lookahead = lines, deque[Line]()
        self._delimiter = delimiter
        self._quotings = list(quotings)
        self._width = 0
        self._columns = ColumnShapes()
        self._past_first = False
        self._resynchronising = False
        """Whether the next lines may still belong to a record with an unclosed quote."""

    def __iter__(self) -> Iterator[CsvRecord | None]:
        """Yield each record that is not an empty line, and None for each heartbeat."""
        while True:
            line = self._lookahead.popleft() if self._lookahead else next(self._lines, _END)
            if line is None:
                yield None
            elif line.number < 0:
                return
            elif line.fault or line.text:
                self._lookahead.appendleft(line)
                yield self._record()

    def _record(self) -> CsvRecord:
        first = self._lookahead[0]
        if first.fault:
            return self._take(1, fault=first.fault)
        attempts = []
        for quoting in self._candidates(first.text):
            attempt = self._parse(quoting)
            self._width = self._width or (0 if attempt.fault else len(attempt.fields))
            if attempt.fault or len(attempt.fields) != self._width:
                attempts.append(attempt)
            elif self._swallows_a_row(attempt, quoting):
                attempts.append(attempt._replace(fault=_UNCLOSED))
            else:
                self._quotings.sort(key=lambda each: each != quoting)
                return self._accept(attempt)
        attempt = attempts[0]
        if not attempt.fault:
            fields, width = len(attempt.fields), self._width
            fault = f"has {fields} field{'s' * (fields != 1)}, the first line {width}"
            return self._take(attempt.lines, attempt.fields, fault)
        self._resynchronising = attempt.lines > 1
        self._columns.learn(attempt.fields)
        fault = attempt.fault.format(line=first.number + attempt.quote_line)
        return self._take(attempt.quote_line + 1, fault=fault)

    def _candidates(self, text: str) -> list[Quoting]:
        """Return the quotings with which to parse a record that begins with this line."""
        if self._quotings[0] == ESCAPES or (text.endswith("\\") and self._delimiter == "\t"):
            return self._quotings
        if '"' not in text:
            return self._quotings[:1]
        return [quoting for quoting in self._quotings if quoting != ESCAPES]

    def _accept(self, attempt: _Attempt) -> CsvRecord:
        if self._resynchronising:
            quoted = self._lookahead[0].text.startswith('"')
            if not (quoted if self._width == 1 else self._columns.match(attempt.fields)):
                return self._take(attempt.lines, attempt.fields, _AMBIGUOUS)
            self._resynchronising = False
        if self._past_first:
            self._columns.learn(attempt.fields)
        self._past_first = True  # the first record may be a header, whose values differ
        return self._take(attempt.lines, attempt.fields)

    def _take(self, count: int, fields: Sequence[str] = (), fault: str = "") -> CsvRecord:
        """Return the record of the next ``count`` lines."""
        lines = [self._lookahead.popleft() for _ in range(count)]
        with_ends = [line.text + line.end for line in lines[:-1]]
        raw = "".join([*with_ends, lines[-1].text])
        return CsvRecord(
            lines[0].number, list(fields or raw.split(self._delimiter, MAX_FIELDS)), raw, fault
        )

    def _parse(self, quoting: Quoting) -> _Attempt:
        parser, fields_before, size = FieldParser(self._delimiter, quoting), list[int](), 0
        while True:
            index = len(fields_before)
            line = self._lookahead[index] if index < len(self._lookahead) else self._look_further()
            size += len(line.text)
            too_long = index == MAX_RECORD_LINES or size > rows.MAX_ROW_BYTES
            if index and (line.number < 0 or line.fault or too_long):
                return _Attempt(parser.fields, fields_before, _UNCLOSED)
            fields_before.append(len(parser.fields) if index else -1)
            try:
                if parser.feed(line.text):
                    return _Attempt(parser.fields, fields_before)
            except ValueError:
                fault = _UNCLOSED if index else _AFTER_QUOTE
                return _Attempt(parser.fields, fields_before, fault)
            assert parser.unfinished is not None
            parser.unfinished.append(line.end)

    def _look_further(self) -> Line:
        """Add the next line to the lookahead, and return it."""
        line = next((line for line in self._lines if line is not None), _END)
        if line.number >= 0:
            self._lookahead.append(line)
        else:
            self._lines = iter(())
        return line

    def _swallows_a_row(self, attempt: _Attempt, quoting: Quoting) -> bool:
        """Return whether a later line of a record is a row; then a quote was left open."""
        if self._width == 1:
            return False
        of_record = ColumnShapes()
        of_record.learn(attempt.fields)
        for index in range(1, attempt.lines):
            text = self._lookahead[index].text
            fields = _parse_line(text, self._delimiter, quoting)
            if len(fields) != self._width:
                continue
            if '"' in text:  # fields after a closing quote may well belong to the record
                fields = fields[: attempt.fields_before[index]]
            if self._columns.match(fields) or of_record.match(fields):
                return True
        return False


_END = Line(-1, "", "")
_UNCLOSED = "has a quote, opened in line {line}, that is not closed"
_AFTER_QUOTE = "has text behind a closing quote in line {line}: double the quotes inside quotes"
_AMBIGUOUS = "follows a quote that is not closed, and may be a part of the row that has it"


def _parse_line(text: str, delimiter: str, quoting: Quoting) -> list[str]:
    """Return the fields of a record on one line; none if it is malformed or incomplete."""
    parser = FieldParser(delimiter, quoting)
    try:
        return parser.fields if parser.feed(text) else []
    except ValueError:
        return []


class ColumnShapes:
    """The shapes of the values in each column, to tell a row from a line inside a text.

    A column of numbers, dates or codes has values of one shape. A column of labels has few values.
    """

    def __init__(self) -> None:
        self._shapes: list[set[str]] = []
        self._rows = 0

    def learn(self, fields: Sequence[str]) -> None:
        """Add the shapes of a row."""
        self._rows += 1
        fields = fields[:_MAX_COLUMNS]
        self._shapes += [set() for _ in fields[len(self._shapes) :]]
        for shapes, value in zip(self._shapes, fields, strict=False):
            if len(shapes) < _MAX_SHAPES and (shape := _shape(value)):
                shapes.add(shape)

    def match(self, fields: Sequence[str]) -> bool:
        """Return whether a field has a shape that is typical of its column."""
        return any(
            (shape := _shape(value)) in shapes
            and len(shapes) <= max(1, self._rows / 3)
            and ("9" in shape or self._rows >= _MIN_ROWS_FOR_LABELS)
            for shapes, value in zip(self._shapes, fields, strict=False)
        )


_MAX_COLUMNS = 64
"""Columns whose shapes are learnt."""
_MAX_SHAPES = 64
"""Shapes that are learnt of each column."""
_MAX_SHAPE_CHARACTERS = 32
_MIN_ROWS_FOR_LABELS = 6
"""Rows after which a repeated value without digits counts as a label."""


def _shape(value: str) -> str:
    """Return a label as it is, and another short value with its numbers and words replaced."""
    if not value or len(value) > _MAX_SHAPE_CHARACTERS:
        return ""
    if not re.search(r"\d", value):
        return value
    return "" if " " in value else re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", value))
