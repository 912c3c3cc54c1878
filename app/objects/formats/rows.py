"""The rows of an object, as formats read and write them and the scoring sees them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple, Protocol

CHUNK_ROWS = 512
CHUNK_CHARACTERS = 100_000
"""Characters of text in a chunk, so that scoring one takes a few seconds at most."""
CHUNK_BYTES = 4 * 1024 * 1024
"""Bytes of rows in a chunk, whether or not they are text."""
MAX_ROW_BYTES = 16 * 1024 * 1024
"""Size of the longest row that is read; a longer one is rejected."""


class UnreadableObject(ValueError):
    """No row of an object can be scored; the message says why and what is allowed.

    The message holds no content of the object. ``columns`` holds the names of its columns, which
    only the object's owner may see.
    """

    def __init__(self, message: str, columns: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.columns = tuple(columns)


@dataclass(frozen=True)
class ReadOptions:
    """What its owner says about an object, in addition to its name and content."""

    column: str = ""
    """Name of the text column; by default the first of `TEXT_COLUMNS` that exists."""
    delimiter: str = ""
    """Delimiter of CSV fields; detected by default."""
    header: bool = True
    """Whether the first CSV line names the columns; without it they are ``1``, ``2``, …"""
    encoding: str = "utf-8"
    """Encoding of an object without a byte order mark."""


DEFAULTS = ReadOptions()


class Rejected(NamedTuple):
    """A row that cannot be scored."""

    line: int
    """Its line number or, in Parquet, its row number, from 1."""
    reason: str
    """Holds no content of the row."""
    row: str
    """The row as text, as far as it can be decoded; may hold lone surrogates."""
    original: Any = None
    """The row in the form that its format writes; None if it cannot be written."""


class Row(NamedTuple):
    """A row that has a value in the text column."""

    line: int
    text: Any
    original: Any
    """The row in the form that its format writes."""


@dataclass(frozen=True)
class Column:
    """The text column."""

    index: int
    name: str
    alternatives: tuple[str, ...]
    """Other columns with a usual name of a text column."""


@dataclass
class Chunk:
    """Consecutive rows. A chunk without rows is a heartbeat of a reader at work."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    layout: Any = None
    """What the format needs to write these rows, such as a header; passed on to `ScoredChunk`."""
    column: Column | None = None
    """The text column, in formats that have columns."""


class Score(NamedTuple):
    """The values added to a row, in columns of these names."""

    sentiment: str
    confidence: float
    positive: float
    """The probability of Positive."""


class ScoredChunk(NamedTuple):
    """The rows of a chunk in the order in which they are written; may be empty."""

    rows: Sequence[Row]
    scores: Sequence[Score | None]
    """One for each row; None for a rejected row that keeps its position."""
    layout: Any = None
    """The layout of the `Chunk`."""
    reasons: Sequence[str] | None = None
    """One for each row, empty if it is scored. If given, they are written as a column."""


class Format(Protocol):
    """Reads and writes the rows of an object."""

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        """Yield the rows in chunks of bounded cost, with heartbeats between them.

        Raises:
            UnreadableObject: the object has another format, or no text column.
        """
        ...

    def write(self, file: IO[bytes], chunks: Iterable[ScoredChunk]) -> None:
        """Write each chunk as it arrives."""
        ...


def chunked(
    rows: Iterable[Row | Rejected | None],
    complete: Callable[[Chunk], None],
    size_of: Callable[[Row | Rejected], int] = lambda row: len(row.original),
) -> Iterator[Chunk]:
    """Yield the rows in chunks of bounded cost, at least one, and a heartbeat for each None.

    ``complete``: sets the layout and the column of a chunk before it is yielded. ``size_of``:
    returns the size of a row in bytes.
    """
    chunk, characters, size = Chunk(), 0, 0
    for row in rows:
        if row is None:
            heartbeat = Chunk()
            complete(heartbeat)
            yield heartbeat
            continue
        size += size_of(row)
        if isinstance(row, Rejected):
            chunk.rejected.append(row)
        else:
            chunk.rows.append(row)
            characters += len(row.text) if isinstance(row.text, str) else 0
        count = len(chunk.rows) + len(chunk.rejected)
        if count >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS or size >= CHUNK_BYTES:
            complete(chunk)
            yield chunk
            chunk, characters, size = Chunk(), 0, 0
    complete(chunk)
    yield chunk
