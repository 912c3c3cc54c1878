"""Parquet with a column of texts, decoded and encoded by a child process."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from app.objects.formats.columns import OURS, column_among, score_columns
from app.objects.formats.frames import Broken, joined, parted, receive, send
from app.objects.formats.rows import (
    DEFAULTS,
    MAX_ROW_BYTES,
    Chunk,
    Column,
    ReadOptions,
    Rejected,
    Row,
    Scored,
    UnreadableObject,
    chunked,
)
from app.objects.formats.signatures import refuse_other_formats

if TYPE_CHECKING:
    import subprocess

TICK_SECONDS = 1.0
"""Between two signs that a reader is at work."""
STALL_SECONDS = 60.0
"""Longest time that decoding or encoding some rows may take."""
READ_BYTES = 1024 * 1024
GROUP_BYTES = 32 * 1024 * 1024
"""Of the rows that make a row group, as their batches measure."""
GROUP_ROWS = (128, 65_536)
_MAGIC = b"PAR1"
_COMMAND = [sys.executable, "-P", "-m", "app.objects.formats.parquet_worker"]
_DAMAGED = "is damaged, or Parquet of a kind that is not read, or takes too much memory to decode"


class _Batch(NamedTuple):
    data: bytes
    """An Arrow stream."""
    rows: int


class _Place(NamedTuple):
    """A row, as a batch's."""

    batch: _Batch
    row: int


class _Table(NamedTuple):
    schema: _Batch
    names: list[str]
    """What the columns of scores and reasons are called."""


class Parquet:
    """Parquet, its columns as they are and those of the scores behind them."""

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        size = _size(file)
        with _worker(b"R", [size]) as worker:
            yield from _Reading(worker, file, options).chunks()

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        parts = iter(scored)
        table, first = None, None
        for part in parts:
            table = table or part.table
            if part.rows:
                first = part
                break
        if table is None:
            return
        parts = chain([first] if first else [], parts)
        count = len(OURS) - (part.reasons is None)
        with _worker(b"W", [table.names[:count], _group_rows(first)]) as worker:
            messages = _messages(table.schema, parts, count)
            while (answer := worker.receive())[0] != b"Z":
                if answer[0] == b"N":
                    message = next(messages, None)
                    worker.send(*(message or (b"Z",)))
                elif answer[0] == b"W":
                    file.write(answer[1])
                else:
                    raise UnreadableObject("cannot be written as Parquet")


def _size(file: IO[bytes]) -> int:
    """Return the size of what begins and ends as Parquet does.

    Raises:
        UnreadableObject: it does not.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(4096)
    file.seek(max(size - len(_MAGIC), 0))
    end = file.read(len(_MAGIC))
    if not head.startswith(_MAGIC):
        refuse_other_formats(head, "Parquet")
        raise UnreadableObject(f"is not Parquet, which begins with {_MAGIC.decode()}")
    if end == b"PARE":
        raise UnreadableObject("is encrypted Parquet, which is not read")
    if end != _MAGIC or size < 12:
        raise UnreadableObject("is cut off: Parquet ends as it begins, with PAR1")
    return size


class _Worker:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        import select

        assert process.stdin and process.stdout
        # Unbuffered, so that to poll says whether there is more.
        self._incoming = process.stdout
        self._outgoing = io.BufferedWriter(cast(io.RawIOBase, process.stdin))
        self._poll = select.poll()
        self._poll.register(self._incoming, select.POLLIN)

    def send(self, kind: bytes, *parts: bytes) -> None:
        """Send a message.

        Raises:
            UnreadableObject: the worker has ended.
        """
        try:
            send(self._outgoing, kind, *parts)
        except OSError:
            raise UnreadableObject(_DAMAGED) from None

    def waits(self) -> Iterator[None]:
        """Yield each `TICK_SECONDS` until there is a message.

        Raises:
            UnreadableObject: there is none for `STALL_SECONDS`.
        """
        waited = 0.0
        while not self._poll.poll(TICK_SECONDS * 1000):
            waited += TICK_SECONDS
            if waited > STALL_SECONDS:
                raise UnreadableObject(f"takes more than {STALL_SECONDS:.0f} s to decode some rows")
            yield

    def receive(self) -> tuple[bytes, bytes]:
        """Return the next message.

        Raises:
            UnreadableObject: there is none: the worker has ended, or is stuck.
        """
        for _ in self.waits():
            pass
        try:
            return receive(self._incoming)
        except Broken:
            raise UnreadableObject(_DAMAGED) from None


@contextmanager
def _worker(kind: bytes, what: Any) -> Iterator[_Worker]:
    import subprocess  # not at every start, as few objects are Parquet

    with subprocess.Popen(
        _COMMAND,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # What can be imported here can be there, however this process came by it.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        try:
            worker = _Worker(process)
            worker.send(kind, json.dumps(what).encode())
            yield worker
        finally:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()


class _Reading:
    def __init__(self, worker: _Worker, file: IO[bytes], options: ReadOptions) -> None:
        self._worker, self._file, self._options = worker, file, options
        self._column: Column | None = None
        self._table: _Table | None = None
        self._names: list[str] = []

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows.

        Raises:
            UnreadableObject: they cannot be decoded, or no column is the text.
        """
        return chunked(self._rows(), self._finish, _size_of)

    def _finish(self, chunk: Chunk) -> None:
        chunk.table, chunk.column = self._table, self._column

    def _rows(self) -> Iterator[Row | Rejected | None]:
        while True:
            yield from self._worker.waits()
            kind, message = self._worker.receive()
            if kind == b"R":
                self._serve(*json.loads(message))
            elif kind == b"C":
                self._worker.send(b"P", str(self._choose(*json.loads(message))).encode())
            elif kind == b"B":
                yield from self._batch(*parted(message))
            elif kind == b"J":
                reason = f"has more than {MAX_ROW_BYTES:,} bytes"
                yield Rejected(json.loads(message) + 1, reason, "")
            elif kind == b"Z":
                return
            else:
                raise UnreadableObject(_DAMAGED)

    def _serve(self, offset: int, length: int) -> None:
        self._file.seek(offset)
        self._worker.send(b"D", self._file.read(min(length, READ_BYTES)))

    def _choose(self, names: list[str], kinds: list[str]) -> int:
        self._names = names
        self._column = column_among(names, self._options.column)
        if kinds[self._column.place] != "text":
            raise UnreadableObject("its column of texts holds values of another type", names)
        return self._column.place

    def _batch(self, head: Any, data: bytes) -> Iterator[Row | Rejected]:
        done, texts = head
        batch = _Batch(data, len(texts))
        if self._table is None:
            self._table = _Table(batch, score_columns(self._names))
        for index, text in enumerate(texts):
            place = _Place(batch, index)
            if isinstance(text, list):
                yield Rejected(done + index + 1, "text is not UTF-8", text[0], place)
            else:
                yield Row(done + index + 1, text, place)


def _size_of(row: Row | Rejected) -> int:
    place = row.content
    return len(place.batch.data) // place.batch.rows if place else 0


def _group_rows(part: Scored | None) -> int:
    sizes = [_size_of(row) for row in part.rows] if part else []
    fitting = GROUP_BYTES // (sum(sizes) // len(sizes) + 1) if sizes else GROUP_ROWS[1]
    return min(max(fitting, GROUP_ROWS[0]), GROUP_ROWS[1])


def _messages(
    schema: _Batch, parts: Iterable[Scored], count: int
) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """Yield what tells the worker which rows to write, and so many columns beside them."""
    yield (b"B", *joined([[], []], schema.data))
    last: _Batch | None = None
    for part in parts:
        reasons = part.reasons or [""] * len(part.rows)
        rows = zip(part.rows, part.scores, reasons, strict=True)
        for _, group in groupby(rows, lambda row: id(row[0].content.batch)):
            found = [
                (row.content, *(score or _NO_SCORE), reason or None) for row, score, reason in group
            ]
            places, *columns = map(list, zip(*found, strict=True))
            batch: _Batch = places[0].batch
            head = [[place.row for place in places], columns[:count]]
            yield (b"B", *joined(head, b"" if batch is last else batch.data))
            last = batch


_NO_SCORE = (None, None, None)
