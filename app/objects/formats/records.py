"""The records of separated values, and what is none of them."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.objects.formats import rows as limits
from app.objects.formats.fields import ESCAPES, MAX_FIELDS, QUOTINGS, Fields, Quoting
from app.objects.formats.text import Line

MAX_RECORD_LINES = 10_000
"""Lines after which a quote that was opened counts as unclosed."""


class Record(NamedTuple):
    """A record, of one line or several."""

    line: int
    fields: list[str]
    raw: str
    """As it stands, without its end."""
    fault: str = ""
    """Why it is no row; the fields are a guess then."""


class _Reading(NamedTuple):
    """What reading a record under one quoting gave."""

    fields: list[str]
    open: list[int]
    """For each of its lines, how many fields were complete before the one open as it began."""
    fault: str = ""

    @property
    def lines(self) -> int:
        """How many lines it took."""
        return len(self.open)

    @property
    def opened(self) -> int:
        """In which of them, from 0, the quote was opened that was open as the last began."""
        return max(self.open.index(self.open[-1]) - 1, 0)


class Records:
    """The records of a table.

    A record that is none, such as one whose quote is never closed, comes with its fault, and
    those that follow are read. Where a program's way of quoting is not known, the one counts
    under which a record has as many fields as the others.
    """

    def __init__(
        self, lines: Iterator[Line | None], delimiter: str, quotings: Sequence[Quoting] = QUOTINGS
    ) -> None:
        """``quotings``: the possible ones, the most likely first."""
        self._lines, self._ahead = lines, deque[Line]()
        self._delimiter = delimiter
        self._quotings = list(quotings)
        self._width = 0
        self._columns = Columns()
        self._begun = False
        self._lost = False
        """Whether lines may still belong to a record whose quote was not closed."""

    def __iter__(self) -> Iterator[Record | None]:
        """Yield each record that is not an empty line, and None when the lines do."""
        while True:
            line = self._ahead.popleft() if self._ahead else next(self._lines, _END)
            if line is None:
                yield None
            elif line.number < 0:
                return
            elif line.fault or line.text:
                self._ahead.appendleft(line)
                yield self._record()

    def _record(self) -> Record:
        first = self._ahead[0]
        if first.fault:
            return self._taken(1, fault=first.fault)
        readings = []
        for quoting in self._likely(first.text):
            found = self._read(quoting)
            self._width = self._width or (0 if found.fault else len(found.fields))
            if found.fault or len(found.fields) != self._width:
                readings.append(found)
            elif self._swallows(found, quoting):
                readings.append(found._replace(fault=_UNCLOSED))
            else:
                self._quotings.sort(key=lambda each: each != quoting)
                return self._accepted(found)
        found = readings[0]
        if not found.fault:
            fields, width = len(found.fields), self._width
            fault = f"has {fields} field{'s' * (fields != 1)}, the first line {width}"
            return self._taken(found.lines, found.fields, fault)
        self._lost = found.lines > 1
        self._columns.learn(found.fields)
        opened = first.number + found.opened
        return self._taken(found.opened + 1, fault=found.fault.format(line=opened))

    def _likely(self, text: str) -> list[Quoting]:
        """Return the quotings under which a record may be read that begins so, best first."""
        if self._quotings[0] == ESCAPES or (text.endswith("\\") and self._delimiter == "\t"):
            return self._quotings
        if '"' not in text:
            return self._quotings[:1]
        return [quoting for quoting in self._quotings if quoting != ESCAPES]

    def _accepted(self, found: _Reading) -> Record:
        if self._lost:
            begins = self._ahead[0].text.startswith('"')
            if not (begins if self._width == 1 else self._columns.know(found.fields)):
                return self._taken(found.lines, found.fields, _PERHAPS_PART)
            self._lost = False
        if self._begun:
            self._columns.learn(found.fields)
        self._begun = True  # the first may be a header, which tells nothing of the rows
        return self._taken(found.lines, found.fields)

    def _taken(self, count: int, fields: Sequence[str] = (), fault: str = "") -> Record:
        lines = [self._ahead.popleft() for _ in range(count)]
        ended = [line.text + line.end for line in lines[:-1]]
        raw = "".join([*ended, lines[-1].text])
        return Record(
            lines[0].number, list(fields or raw.split(self._delimiter, MAX_FIELDS)), raw, fault
        )

    def _read(self, quoting: Quoting) -> _Reading:
        reading, begun, size = Fields(self._delimiter, quoting), list[int](), 0
        while True:
            place = len(begun)
            line = self._ahead[place] if place < len(self._ahead) else self._next()
            size += len(line.text)
            long = place == MAX_RECORD_LINES or size > limits.MAX_ROW_BYTES
            if place and (line.number < 0 or line.fault or long):
                return _Reading(reading.fields, begun, _UNCLOSED)
            begun.append(len(reading.fields) if place else -1)
            try:
                if reading.take(line.text):
                    return _Reading(reading.fields, begun)
            except ValueError:
                return _Reading(reading.fields, begun, _UNCLOSED if place else _BEHIND)
            assert reading.quoted is not None
            reading.quoted.append(line.end)

    def _next(self) -> Line:
        """Return the next line after those ahead, which it becomes one of."""
        line = next((line for line in self._lines if line is not None), _END)
        if line.number >= 0:
            self._ahead.append(line)
        else:
            self._lines = iter(())
        return line

    def _swallows(self, found: _Reading, quoting: Quoting) -> bool:
        """Return whether one of a record's later lines is a row: then a quote was left open."""
        if self._width == 1:
            return False
        own = Columns()
        own.learn(found.fields)
        for place in range(1, found.lines):
            text = self._ahead[place].text
            fields = _alone(text, self._delimiter, quoting)
            if len(fields) != self._width:
                continue
            if '"' in text:  # what stands behind a quote that closes may well be the row's own
                fields = fields[: found.open[place]]
            if self._columns.know(fields) or own.know(fields):
                return True
        return False


_END = Line(-1, "", "")
_UNCLOSED = "has a quote, opened in line {line}, that is not closed"
_BEHIND = "has text behind a closing quote in line {line}: double the quotes inside quotes"
_PERHAPS_PART = "follows a quote that is not closed, and may be a part of the row that has it"


def _alone(text: str, delimiter: str, quoting: Quoting) -> list[str]:
    reading = Fields(delimiter, quoting)
    try:
        return reading.fields if reading.take(text) else []
    except ValueError:
        return []


class Columns:
    """What a table's columns hold, as far as it tells a row from a line of some text.

    A column of numbers, dates or codes has values of one shape; one of labels, few values.
    """

    def __init__(self) -> None:
        self._marks: list[set[str]] = []
        self._rows = 0

    def learn(self, fields: Sequence[str]) -> None:
        """Take a row's fields into account."""
        self._rows += 1
        fields = fields[:_MARKED]
        self._marks += [set() for _ in fields[len(self._marks) :]]
        for marks, value in zip(self._marks, fields, strict=False):
            if len(marks) < _MARKS and (mark := _mark(value)):
                marks.add(mark)

    def know(self, fields: Sequence[str]) -> bool:
        """Return whether a value is such as its column has."""
        return any(
            (mark := _mark(value)) in marks
            and len(marks) <= max(1, self._rows / 3)
            and ("9" in mark or self._rows >= _ROWS_OF_LABELS)
            for marks, value in zip(self._marks, fields, strict=False)
        )


_MARKED = 64
"""Columns that are learnt."""
_MARKS = 64
"""Different values of a column that are."""
_MARK_CHARACTERS = 32
_ROWS_OF_LABELS = 6
"""Rows after which values that were seen before count as a column's labels."""


def _mark(value: str) -> str:
    if not value or len(value) > _MARK_CHARACTERS:
        return ""
    if not re.search(r"\d", value):
        return value
    return "" if " " in value else re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", value))
