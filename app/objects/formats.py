"""The formats of objects: rows in, in chunks of bounded size; the same rows out, with scores."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple, Protocol, cast

CHUNK_ROWS = 512
CHUNK_CHARACTERS = 1_000_000
"""Characters after which a chunk ends, if it has not so many rows before."""
MAX_ROW_BYTES = 16 * 1024 * 1024
"""What one line may have; the rest of a longer one is skipped."""
TEXT_COLUMNS = ("text", "review", "comment", "content", "body", "message", "sentence")
"""What is taken for the text where no column is named, the first that there is."""


class UnreadableObject(ValueError):
    """An object none of whose rows can be scored; the message says why and what is allowed."""


class Rejected(NamedTuple):
    """A row that cannot be scored."""

    line: int
    """Its line, or in Parquet its row, from 1."""
    reason: str
    row: str
    """As it stands, as far as it is text."""


class Row(NamedTuple):
    """A row of the object."""

    line: int
    text: Any
    content: Any
    """The row in its format's own form, to be written again."""


@dataclass
class Chunk:
    """Consecutive rows."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    batch: Any = None
    """In Parquet: the record batch that the rows are of; their content is their place in it."""


class Score(NamedTuple):
    """What is added to a row, under these names."""

    sentiment: str
    confidence: float
    positive: float
    """The probability of Positive."""


class Scored(NamedTuple):
    """The rows of a chunk that were scored, and what was found."""

    rows: Sequence[Row]
    scores: Sequence[Score]
    batch: Any = None


class Format(Protocol):
    """How an object's rows are read and written."""

    def read(self, file: IO[bytes], column: str) -> Iterator[Chunk]:
        """Yield the rows; ``column`` names the text, or is empty.

        Raises:
            UnreadableObject: it is not of this format, or no column is the text.
        """
        ...

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        """Write the scored rows as they come."""
        ...


def of(name: str) -> Format:
    """Return the format of an object by the end of its name.

    Raises:
        UnreadableObject: it has none that is known.
    """
    stem = name.lower().removesuffix(".gz")
    zipped = stem != name.lower()
    for suffix, kind in (("jsonl", JsonLines), ("ndjson", JsonLines), ("csv", Csv), ("txt", Lines)):
        if stem.endswith(f".{suffix}"):
            return Gzipped(kind()) if zipped else kind()
    if name.lower().endswith(".parquet"):
        return Parquet()
    raise UnreadableObject(f"{name}: expected .jsonl, .csv, .txt, each also .gz, or .parquet")


def column_of(names: Sequence[str], wanted: str) -> str:
    """Return the column that is the text.

    Raises:
        UnreadableObject: the one wanted is not there or, where none is, none looks like it.
    """
    candidates = [wanted] if wanted else [*TEXT_COLUMNS, *(names if len(names) == 1 else ())]
    by_name = {name.lower(): name for name in names}
    for candidate in candidates:
        if candidate.lower() in by_name:
            return by_name[candidate.lower()]
    raise UnreadableObject(
        f"has none of the columns {', '.join(candidates if wanted else TEXT_COLUMNS)}, "
        f"but {len(names)} others"
    )


def _chunked(found: Iterable[Row | Rejected]) -> Iterator[Chunk]:
    chunk, characters = Chunk(), 0
    for row in found:
        if isinstance(row, Rejected):
            chunk.rejected.append(row)
        else:
            chunk.rows.append(row)
            characters += len(row.text) if isinstance(row.text, str) else 0
        count = len(chunk.rows) + len(chunk.rejected)
        if count == CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = Chunk(), 0
    if chunk.rows or chunk.rejected:
        yield chunk


def _lines(file: IO[bytes]) -> Iterator[Row | Rejected]:
    """Yield each line that is not blank as text, without its end."""
    number = 0
    while line := file.readline(MAX_ROW_BYTES):
        number += 1
        if len(line) == MAX_ROW_BYTES and not line.endswith(b"\n"):
            beginning = line[:1000].decode("utf-8", "backslashreplace")
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_ROW_BYTES)
            yield Rejected(number, f"has more than {MAX_ROW_BYTES:,} bytes", beginning)
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            shown = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            yield Rejected(number, f"is not UTF-8 at byte {error.start}", shown)
        else:
            yield Row(number, text, text)


class JsonLines:
    """A JSON object a line."""

    def read(self, file: IO[bytes], column: str) -> Iterator[Chunk]:
        return _chunked(self._rows(file, column))

    def _rows(self, file: IO[bytes], column: str) -> Iterator[Row | Rejected]:
        for row in _lines(file):
            if isinstance(row, Rejected):
                yield row
                continue
            try:
                fields = json.loads(row.content)
                if not isinstance(fields, dict):
                    raise UnreadableObject("is not a JSON object")
                yield Row(row.line, fields[column_of(list(fields), column)], fields)
            except ValueError as error:
                reason = "is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
                yield Rejected(row.line, reason, row.content)

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        for part in scored:
            for row, score in zip(part.rows, part.scores, strict=True):
                line = json.dumps({**row.content, **score._asdict()}, ensure_ascii=False)
                # A lone surrogate, which JSON may escape, is in no encoding.
                file.write(line.encode("utf-8", "replace") + b"\n")


class Csv:
    """Comma-separated values under a header."""

    def read(self, file: IO[bytes], column: str) -> Iterator[Chunk]:
        return _chunked(self._rows(file, column))

    def _rows(self, file: IO[bytes], column: str) -> Iterator[Row | Rejected]:
        csv.field_size_limit(MAX_ROW_BYTES)
        # Bytes that are not UTF-8 become surrogates here, so that one row alone is refused.
        text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
        reader = csv.reader(text)
        names = next(reader, [])
        place = names.index(column_of(names, column))
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader, None)
            except csv.Error as error:
                yield Rejected(line, f"is not CSV: {error}", "")
                continue
            if values is None:
                text.detach()
                return
            if not values:
                continue
            shown = ",".join(values).encode("utf-8", "surrogateescape")
            if len(values) != len(names):
                reason = f"has {len(values)} fields, the header {len(names)}"
                yield Rejected(line, reason, shown.decode("utf-8", "backslashreplace"))
            elif any("\udc80" <= char <= "\udcff" for value in values for char in value):
                yield Rejected(line, "is not UTF-8", shown.decode("utf-8", "backslashreplace"))
            else:
                yield Row(line, values[place], dict(zip(names, values, strict=True)))

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        writer: csv.DictWriter[str] | None = None
        for part in scored:
            for row, score in zip(part.rows, part.scores, strict=True):
                fields = {**row.content, **score._asdict()}
                if writer is None:
                    writer = csv.DictWriter(text, list(fields))
                    writer.writeheader()
                writer.writerow(fields)
        text.detach()


class Lines:
    """A text a line; written with its scores before it, separated by tabs."""

    def read(self, file: IO[bytes], column: str) -> Iterator[Chunk]:
        return _chunked(_lines(file))

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        for part in scored:
            for row, score in zip(part.rows, part.scores, strict=True):
                values = [*map(str, score), row.content]
                file.write("\t".join(values).encode() + b"\n")


class Gzipped:
    """Another format, compressed."""

    def __init__(self, kind: Format) -> None:
        self._kind = kind

    def read(self, file: IO[bytes], column: str) -> Iterator[Chunk]:
        try:
            with gzip.open(file) as inflated:
                yield from self._kind.read(cast(IO[bytes], inflated), column)
        except (OSError, EOFError) as error:
            if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
                raise
            raise UnreadableObject(f"is not gzip: {error}") from None

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as deflated:
            self._kind.write(cast(IO[bytes], deflated), scored)


def _begins_and_ends_with(file: IO[bytes], magic: bytes) -> bool:
    if file.seek(0, io.SEEK_END) < 2 * len(magic):
        return False
    file.seek(-len(magic), io.SEEK_END)
    end = file.read(len(magic))
    file.seek(0)
    begin = file.read(len(magic))
    file.seek(0)
    return begin == end == magic


class Parquet:
    """Parquet with a column of texts."""

    def read(self, file: IO[bytes], column: str) -> Iterator[Chunk]:
        from arro3.io import read_parquet

        # Asked first, as arro3 does not raise but panics at what is something else.
        if not _begins_and_ends_with(file, b"PAR1"):
            raise UnreadableObject("is not Parquet: it does not begin and end as such a file does")
        try:
            reader = read_parquet(file, batch_size=CHUNK_ROWS)
        except Exception as error:  # what Rust's parquet says, of no class of its own
            raise UnreadableObject(f"is not Parquet: {error}") from None
        name = column_of(reader.schema.names, column)
        done = 0
        for batch in reader:
            texts = batch.column(name).to_pylist()
            rows = [Row(done + i + 1, text, i) for i, text in enumerate(texts)]
            done += len(rows)
            yield Chunk(rows, batch=batch)

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        from arro3.core import RecordBatchReader
        from arro3.io import write_parquet

        batches = (self._batch(part) for part in scored)
        first = next(batches, None)
        if first is None:
            return
        raised: list[BaseException] = []

        def all_of_them() -> Iterator[Any]:
            try:
                yield first
                yield from batches
            except BaseException as error:
                raised.append(error)
                raise

        reader = RecordBatchReader.from_batches(first.schema, all_of_them())
        try:
            write_parquet(reader, file, compression="snappy")
        except Exception:
            # Through Rust an exception loses its class: what scoring raised is raised as it was.
            if raised:
                raise raised[0] from None
            raise

    def _batch(self, part: Scored) -> Any:
        from arro3.core import Array, DataType

        batch = part.batch.take(Array([row.content for row in part.rows], DataType.int64()))
        kinds = (DataType.utf8(), DataType.float64(), DataType.float64())
        columns = zip(*part.scores, strict=True)
        for name, values, kind in zip(Score._fields, columns, kinds, strict=True):
            if name in batch.schema.names:
                batch = batch.remove_column(batch.schema.names.index(name))
            batch = batch.append_column(name, Array(list(values), kind))
        return batch
