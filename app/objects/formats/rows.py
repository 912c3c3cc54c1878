"""What formats exchange with the scoring: chunks of rows in, scored rows out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple, Protocol

CHUNK_ROWS = 512
CHUNK_CHARACTERS = 100_000
"""Characters of text in a chunk, so that scoring one takes seconds at most."""
CHUNK_BYTES = 4 * 1024 * 1024
"""Bytes of rows in a chunk, whatever share of them is text."""
MAX_ROW_BYTES = 16 * 1024 * 1024
"""Longest row that is read; a longer one is rejected."""


class UnreadableObject(ValueError):
    """An object none of whose rows can be scored; the message says why and what is allowed.

    The message holds nothing of the object. ``names`` holds its columns, for its owner's eyes only.
    """

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.names = tuple(names)


@dataclass(frozen=True)
class ReadOptions:
    """How to read an object, where its owner says more than its name and content do."""

    column: str = ""
    """Column with the text; by default the first of `TEXT_COLUMNS` that there is."""
    delimiter: str = ""
    """What separates a CSV file's fields; by default it is detected."""
    header: bool = True
    """Whether a CSV file's first line names its columns; without it they are ``1``, ``2``, …"""
    encoding: str = "utf-8"


DEFAULTS = ReadOptions()


class Rejected(NamedTuple):
    """A row that cannot be scored."""

    line: int
    """Its line, or in Parquet its row, from 1."""
    reason: str
    """Why; holds nothing of the row."""
    row: str
    """The row as it stands, as far as it is text; may hold lone surrogates."""
    content: Any = None
    """The row in its format's own form, to be written again; None if it cannot be."""


class Row(NamedTuple):
    """A row of the object."""

    line: int
    text: Any
    content: Any
    """The row in its format's own form, to be written again."""


class Column(NamedTuple):
    """The column that is the text."""

    place: int
    name: str
    others: tuple[str, ...]
    """Further columns that are called as texts usually are."""


@dataclass
class Chunk:
    """Consecutive rows. One without rows says that the reader is at work."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    table: Any = None
    """What the format needs to write these rows again, such as a header; passed on to `Scored`."""
    column: Column | None = None
    """The column that the texts are from, where the format has columns."""


class Score(NamedTuple):
    """What is added to a row, under these names."""

    sentiment: str
    confidence: float
    positive: float
    """The probability of Positive."""


class Scored(NamedTuple):
    """The rows of a chunk to be written, in order; a chunk without any is passed on as well."""

    rows: Sequence[Row]
    scores: Sequence[Score | None]
    """One for each row; None for a rejected row that keeps its place."""
    table: Any = None
    """The chunk's."""
    reasons: Sequence[str] | None = None
    """One for each row, empty where it is scored; if given, they are written as a column."""


class Format(Protocol):
    """How an object's rows are read and written."""

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        """Yield the rows in chunks of bounded cost, and an empty chunk now and then meanwhile.

        Raises:
            UnreadableObject: it is not of this format, or no column is the text.
        """
        ...

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        """Write the scored rows as they come."""
        ...


def chunked(
    found: Iterable[Row | Rejected | None],
    finish: Callable[[Chunk], None],
    size_of: Callable[[Row | Rejected], int] = lambda row: len(row.content),
) -> Iterator[Chunk]:
    """Yield rows in chunks of bounded cost, at least one, and an empty one for each None.

    ``finish`` completes a chunk before it is yielded. ``size_of`` returns a row's bytes.
    """
    chunk, characters, size = Chunk(), 0, 0
    for row in found:
        if row is None:
            tick = Chunk()
            finish(tick)
            yield tick
            continue
        size += size_of(row)
        if isinstance(row, Rejected):
            chunk.rejected.append(row)
        else:
            chunk.rows.append(row)
            characters += len(row.text) if isinstance(row.text, str) else 0
        count = len(chunk.rows) + len(chunk.rejected)
        if count >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS or size >= CHUNK_BYTES:
            finish(chunk)
            yield chunk
            chunk, characters, size = Chunk(), 0, 0
    finish(chunk)
    yield chunk
