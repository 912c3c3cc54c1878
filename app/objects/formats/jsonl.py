"""JSON Lines: a JSON object a line."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any

from app import json_reader
from app.json_reader import InvalidJson
from app.objects.formats.columns import OURS, column_among, score_columns
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
from app.objects.formats.table import header_of
from app.objects.formats.text import Line, Source, fault_of, opened, shown

_FORM = "expected JSON Lines, an object a line"
_LIKE_OURS = re.compile(rf"\s*({'|'.join(OURS)})(_\d+)?\s*", re.IGNORECASE)


class JsonLines:
    """A JSON object a line.

    A row is written as it stands, with its scores at its end, so nothing of it changes.
    """

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        source = yield from opened(file, options, "JSON Lines")
        _refuse_other_forms(source.head)
        yield from _Reader(source, options.column).chunks()

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        for part in scored:
            names = part.table or OURS
            count = len(OURS) - (part.reasons is None)
            reasons = part.reasons or [""] * len(part.rows)
            for row, score, reason in zip(part.rows, part.scores, reasons, strict=True):
                values = [*(score or (None, None, None)), reason or None]
                ours = dict(zip(names[:count], values[:count], strict=True))
                file.write(_with(row.content, ours).encode() + b"\n")


def _with(row: str, ours: Mapping[str, Any]) -> str:
    """Return an object's JSON with more members at its end; of what is no object, one made."""
    row = row.strip()
    if not row.startswith("{"):
        return row
    begun = row[:-1].rstrip()
    return f"{begun}{'' if begun == '{' else ', '}{json.dumps(ours)[1:]}"


class _Reader:
    def __init__(self, source: Source, wanted: str) -> None:
        self._source, self._wanted = source, wanted
        self._column: Column | None = None
        self._taken: set[str] = set()
        """Names of members so far that are such as ours."""
        self._misshapen: tuple[int, UnreadableObject] | None = None
        """The first line that is no object with a text, and why."""
        self._shapely = False
        """Whether a line is one, be it readable or not."""

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows.

        Raises:
            UnreadableObject: not one of them is an object with a text.
        """
        yield from chunked(self._rows(), self._finish)
        if self._misshapen and not self._shapely:
            line, error = self._misshapen
            raise UnreadableObject(f"{_FORM}, but no line is one: line {line} {error}", error.names)

    def _finish(self, chunk: Chunk) -> None:
        chunk.column, chunk.table = self._column, score_columns(self._taken)

    def _rows(self) -> Iterator[Row | Rejected | None]:
        for line in self._source.lines:
            if line is None:
                yield None
            elif line.fault or line.text.strip():
                yield self._row(line)

    def _row(self, line: Line) -> Row | Rejected:
        row = line.text.strip().removeprefix("\ufeff")
        content = ""
        try:
            if fault := line.fault or fault_of(line.text, self._source.encoding):
                raise InvalidJson(fault)
            members = json_reader.read(row)
            if not isinstance(members, dict):
                raise UnreadableObject("is not a JSON object")
            content = row
            self._taken.update(filter(_LIKE_OURS.fullmatch, members))
            alone = self._column is None or self._column.name in members
            column = column_among(list(members), self._wanted, alone=alone)
        except ValueError as error:
            reason = str(error).replace("at line 1, column", "at column")
            if isinstance(error, UnreadableObject) or reason.startswith("is not JSON"):
                names = error.names if isinstance(error, UnreadableObject) else ()
                self._misshapen = self._misshapen or (line.number, UnreadableObject(reason, names))
            else:
                self._shapely = True
            text = shown(line.text)
            return Rejected(line.number, reason, text, content or json.dumps({"row": text}))
        self._shapely = True
        self._column = self._column or column
        return Row(line.number, members[column.name], row)


def looks_like_json(head: bytes) -> bool:
    """Return whether an object's beginning is a JSON object's, or that of an array of them."""
    return bool(_JSON.match(head.lstrip()))


_MEMBER = rb'\{\s*"(?:[^"\\]|\\.){0,1000}"\s*:'
_JSON = re.compile(rb"(?:\[\s*)?" + _MEMBER)
_ARRAY = re.compile(rb"\[\s*[\r\n{]")
_PRETTY = re.compile(rb'\{[ \t]*[\r\n]\s*"(?:[^"\\]|\\.){0,1000}"\s*:')


def _refuse_other_forms(head: bytes) -> None:
    """Refuse JSON that is not a line for each object, and tables.

    Raises:
        UnreadableObject: it is one of these; the message says which.
    """
    head = head.lstrip()
    if _ARRAY.match(head):
        raise UnreadableObject(f"is a JSON array; {_FORM} (jq -c '.[]' writes it so)")
    if _PRETTY.match(head):
        raise UnreadableObject(f"is JSON over several lines; {_FORM} (jq -c . writes it so)")
    if not head.startswith((b"{", b"[")):
        if header_of(head):
            raise UnreadableObject(f"is a table, which is called .csv or .tsv; {_FORM}")
        return
    text = head.decode("utf-8", "replace")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return
    if re.search(r"[\r\n]", text[:end]):
        raise UnreadableObject(f"is JSON over several lines; {_FORM} (jq -c . writes it so)")
    if text[end:].lstrip(" \t,").startswith("{"):
        raise UnreadableObject(
            f"has several JSON objects on a line; {_FORM} (jq -c . writes it so)"
        )
    if text[end:].lstrip(" \t").startswith(","):
        raise UnreadableObject(f"has commas between its JSON objects; {_FORM}")
