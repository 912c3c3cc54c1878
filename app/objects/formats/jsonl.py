"""JSON Lines: a JSON object on each line."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from app import json_reader
from app.json_reader import InvalidJson
from app.objects.formats.columns import ADDED_COLUMNS, added_column_names, find_text_column
from app.objects.formats.csv.dialect import sniff_header
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
from app.objects.formats.text_object import Line, TextObject, decoding_fault, open_text, printable

_EXPECTED = "expected JSON Lines, an object a line"
_ADDED_NAME = re.compile(rf"\s*({'|'.join(ADDED_COLUMNS)})(_\d+)?\s*", re.IGNORECASE)


class JsonLines:
    """A JSON object on each line.

    A row is written unchanged, with its scores as the last members.
    """

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        text_object = yield from open_text(file, options, "JSON Lines")
        _check_form(text_object.head)
        yield from _Reader(text_object, options.column).chunks()

    def write(self, file: IO[bytes], chunks: Iterable[ScoredChunk]) -> None:
        for chunk in chunks:
            names = chunk.layout or ADDED_COLUMNS
            count = len(ADDED_COLUMNS) - (chunk.reasons is None)
            reasons = chunk.reasons or [""] * len(chunk.rows)
            for row, score, reason in zip(chunk.rows, chunk.scores, reasons, strict=True):
                values = [*(score or (None, None, None)), reason or None]
                added = dict(zip(names[:count], values[:count], strict=True))
                file.write(_append(row.original, added).encode() + b"\n")


def _append(row: str, added: Mapping[str, Any]) -> str:
    """Return the JSON of an object with members appended, and other JSON as it is."""
    row = row.strip()
    if not row.startswith("{"):
        return row
    members = row[:-1].rstrip()
    return f"{members}{'' if members == '{' else ', '}{json.dumps(added)[1:]}"


class _Reader:
    def __init__(self, text_object: TextObject, requested: str) -> None:
        self._text_object, self._requested = text_object, requested
        self._column: Column | None = None
        self._existing: set[str] = set()
        """Member names so far that could clash with the added columns."""
        self._first_fault: tuple[int, UnreadableObject] | None = None
        """The first line that is not an object with a text, and why."""
        self._is_json_lines = False
        """Whether any line is an object with a text, even if it cannot be decoded."""

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows.

        Raises:
            UnreadableObject: no line is an object with a text.
        """
        yield from chunked(self._rows(), self._complete)
        if self._first_fault and not self._is_json_lines:
            line, error = self._first_fault
            raise UnreadableObject(
                f"{_EXPECTED}, but no line is one: line {line} {error}", error.columns
            )

    def _complete(self, chunk: Chunk) -> None:
        chunk.column, chunk.layout = self._column, added_column_names(self._existing)

    def _rows(self) -> Iterator[Row | Rejected | None]:
        for line in self._text_object.lines:
            if line is None:
                yield None
            elif line.fault or line.text.strip():
                yield self._row(line)

    def _row(self, line: Line) -> Row | Rejected:
        row = line.text.strip().removeprefix("\ufeff")
        original = ""
        try:
            if fault := line.fault or decoding_fault(line.text, self._text_object.encoding):
                raise InvalidJson(fault)
            members = json_reader.read(row)
            if not isinstance(members, dict):
                raise UnreadableObject("is not a JSON object")
            original = row
            self._existing.update(filter(_ADDED_NAME.fullmatch, members))
            accept_only = self._column is None or self._column.name in members
            column = find_text_column(list(members), self._requested, accept_only=accept_only)
        except ValueError as error:
            reason = str(error).replace("at line 1, column", "at column")
            if isinstance(error, UnreadableObject) or reason.startswith("is not JSON"):
                names = error.columns if isinstance(error, UnreadableObject) else ()
                fault_of_line = line.number, UnreadableObject(reason, names)
                self._first_fault = self._first_fault or fault_of_line
            else:
                self._is_json_lines = True
            text = printable(line.text)
            return Rejected(line.number, reason, text, original or json.dumps({"row": text}))
        self._is_json_lines = True
        self._column = self._column or column
        return Row(line.number, members[column.name], row)


_ARRAY = re.compile(rb"\[\s*[\r\n{]")
_INDENTED = re.compile(rb'\{[ \t]*[\r\n]\s*"(?:[^"\\]|\\.){0,1000}"\s*:')


def _check_form(head: bytes) -> None:
    """Check that an object is not JSON of another form, nor a table.

    Raises:
        UnreadableObject: it is; the message names the form.
    """
    head = head.lstrip()
    if _ARRAY.match(head):
        raise UnreadableObject(f"is a JSON array; {_EXPECTED} (jq -c '.[]' converts it)")
    several_lines = f"is JSON over several lines; {_EXPECTED} (jq -c . converts it)"
    if _INDENTED.match(head):
        raise UnreadableObject(several_lines)
    if not head.startswith((b"{", b"[")):
        if sniff_header(head):
            raise UnreadableObject(f"is a table, which is called .csv or .tsv; {_EXPECTED}")
        return
    text = head.decode("utf-8", "replace")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return
    if re.search(r"[\r\n]", text[:end]):
        raise UnreadableObject(several_lines)
    if text[end:].lstrip(" \t,").startswith("{"):
        raise UnreadableObject(
            f"has several JSON objects on a line; {_EXPECTED} (jq -c . converts it)"
        )
    if text[end:].lstrip(" \t").startswith(","):
        raise UnreadableObject(f"has commas between its JSON objects; {_EXPECTED}")
