"""A text a line."""

from collections.abc import Iterable, Iterator
from typing import IO

from app.objects.formats.columns import TEXT_COLUMNS
from app.objects.formats.jsonl import looks_like_json
from app.objects.formats.rows import (
    DEFAULTS,
    Chunk,
    ReadOptions,
    Rejected,
    Row,
    Scored,
    UnreadableObject,
    chunked,
)
from app.objects.formats.table import header_of
from app.objects.formats.text import Source, fault_of, opened, shown


class Lines:
    """A text a line; written with its scores before it, separated by tabs."""

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        source = yield from opened(file, options, "lines of text")
        _refuse_rows_of_columns(source.head)
        yield from chunked(self._rows(source), lambda chunk: None)

    def _rows(self, source: Source) -> Iterator[Row | Rejected | None]:
        for line in source.lines:
            if line is None:
                yield None
            elif reason := line.fault or fault_of(line.text, source.encoding):
                text = shown(line.text)
                yield Rejected(line.number, reason, text, text)
            elif line.text.strip():
                yield Row(line.number, line.text, line.text)

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        for part in scored:
            reasons = part.reasons or [""] * len(part.rows)
            for row, score, reason in zip(part.rows, part.scores, reasons, strict=True):
                values = [*map(str, score or ("", "", ""))]
                values += [reason] if part.reasons is not None else []
                file.write("\t".join([*values, row.content]).encode() + b"\n")


def _refuse_rows_of_columns(head: bytes) -> None:
    """Refuse what would be scored with all its columns as one text.

    Raises:
        UnreadableObject: it is JSON Lines, or a table under a header that names its texts.
    """
    if looks_like_json(head):
        raise UnreadableObject(
            "is JSON, not lines of text: if it has an object a line, call it .jsonl"
        )
    if set(header_of(head)) & set(TEXT_COLUMNS):
        raise UnreadableObject("is a table, not lines of text: call it .csv or .tsv")
