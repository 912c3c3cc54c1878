"""Plain text: a text on each line."""

from collections.abc import Iterable, Iterator
from typing import IO

from app.objects.formats.columns import TEXT_COLUMNS
from app.objects.formats.csv.dialect import sniff_header
from app.objects.formats.rows import (
    DEFAULTS,
    Chunk,
    ReadOptions,
    Rejected,
    Row,
    ScoredChunk,
    UnreadableObject,
    chunked,
)
from app.objects.formats.signatures import looks_like_json
from app.objects.formats.text_object import TextObject, decoding_fault, open_text, printable


class PlainText:
    """A text on each line, written with its scores before it, separated by tabs."""

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        text_object = yield from open_text(file, options, "lines of text")
        _check_has_no_columns(text_object.head)
        yield from chunked(_rows(text_object), lambda chunk: None)

    def write(self, file: IO[bytes], chunks: Iterable[ScoredChunk]) -> None:
        for chunk in chunks:
            reasons = chunk.reasons or [""] * len(chunk.rows)
            for row, score, reason in zip(chunk.rows, chunk.scores, reasons, strict=True):
                values = [*map(str, score or ("", "", ""))]
                values += [reason] if chunk.reasons is not None else []
                file.write("\t".join([*values, row.original]).encode() + b"\n")


def _rows(text_object: TextObject) -> Iterator[Row | Rejected | None]:
    for line in text_object.lines:
        if line is None:
            yield None
        elif reason := line.fault or decoding_fault(line.text, text_object.encoding):
            text = printable(line.text)
            yield Rejected(line.number, reason, text, text)
        elif line.text.strip():
            yield Row(line.number, line.text, line.text)


def _check_has_no_columns(head: bytes) -> None:
    """Check that lines are texts, as otherwise all columns would be scored as one text.

    Raises:
        UnreadableObject: the object is JSON Lines, or a table with the name of a text column.
    """
    if looks_like_json(head):
        raise UnreadableObject(
            "is JSON, not lines of text: if it has one object per line, name it .jsonl"
        )
    if set(sniff_header(head)) & set(TEXT_COLUMNS):
        raise UnreadableObject("is a table, not lines of text: name it .csv or .tsv")
