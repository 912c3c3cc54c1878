"""Parquet, decoded and encoded by a child process (`app.objects.formats.parquet.worker`)."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from app.objects.formats.columns import ADDED_COLUMNS, added_column_names, find_text_column
from app.objects.formats.parquet.protocol import Broken, pack, receive, send, unpack
from app.objects.formats.rows import (
    DEFAULTS,
    MAX_ROW_BYTES,
    Chunk,
    Column,
    ReadOptions,
    Rejected,
    Row,
    ScoredChunk,
    UnreadableObject,
    chunked,
)
from app.objects.formats.signatures import check_signature

if TYPE_CHECKING:
    import subprocess

HEARTBEAT_SECONDS = 1.0
"""Time between two heartbeats of a reader."""
STALL_SECONDS = 60.0
"""Longest time that decoding or encoding a batch may take."""
READ_BYTES = 1024 * 1024
GROUP_BYTES = 32 * 1024 * 1024
"""Size of a row group, by the size of its rows in Arrow."""
MIN_GROUP_ROWS = 128
MAX_GROUP_ROWS = 65_536
_MAGIC = b"PAR1"
_COMMAND = [sys.executable, "-P", "-m", f"{__name__}.worker"]
_DAMAGED = (
    "is damaged, or uses a feature of Parquet that is not supported, or takes too much memory to "
    "decode"
)


class _Batch(NamedTuple):
    data: bytes
    """An Arrow stream."""
    rows: int


class _BatchRow(NamedTuple):
    """A row by its offset in a batch."""

    batch: _Batch
    offset: int


class _Layout(NamedTuple):
    schema: _Batch
    """A batch without rows."""
    added: list[str]
    """Names of the added columns."""


class Parquet:
    """Parquet; its columns are kept, and those of the scores added as the last."""

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        size = _checked_size(file)
        with _worker(b"R", [size]) as worker:
            yield from _Reader(worker, file, options).chunks()

    def write(self, file: IO[bytes], chunks: Iterable[ScoredChunk]) -> None:
        remaining = iter(chunks)
        layout, first = None, None
        for chunk in remaining:
            layout = layout or chunk.layout
            if chunk.rows:
                first = chunk
                break
        if layout is None:
            return
        count = len(ADDED_COLUMNS) - (chunk.reasons is None)
        with _worker(b"W", [layout.added[:count], _group_rows(first)]) as worker:
            messages = _messages(layout.schema, chain([first] if first else [], remaining), count)
            while (answer := worker.receive())[0] != b"Z":
                if answer[0] == b"N":
                    message = next(messages, None)
                    worker.send(*(message or (b"Z",)))
                elif answer[0] == b"W":
                    file.write(answer[1])
                else:
                    raise UnreadableObject("cannot be written as Parquet")


def _checked_size(file: IO[bytes]) -> int:
    """Return the size of a file that has the signature of Parquet at both ends.

    Raises:
        UnreadableObject: it has not.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(4096)
    file.seek(max(size - len(_MAGIC), 0))
    end = file.read(len(_MAGIC))
    if not head.startswith(_MAGIC):
        check_signature(head, "Parquet")
        raise UnreadableObject(f"is not Parquet, which begins with {_MAGIC.decode()}")
    if end == b"PARE":
        raise UnreadableObject("is encrypted Parquet, which is not read")
    if end != _MAGIC or size < 12:
        raise UnreadableObject("is cut off: Parquet ends as it begins, with PAR1")
    return size


class _Worker:
    """The child process, seen from its parent."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        import select

        assert process.stdin and process.stdout
        # Unbuffered, so that polling tells whether there is more to read.
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

    def heartbeats(self) -> Iterator[None]:
        """Yield each `HEARTBEAT_SECONDS` until a message has arrived.

        Raises:
            UnreadableObject: none has for `STALL_SECONDS`.
        """
        waited = 0.0
        while not self._poll.poll(HEARTBEAT_SECONDS * 1000):
            waited += HEARTBEAT_SECONDS
            if waited > STALL_SECONDS:
                raise UnreadableObject(f"takes more than {STALL_SECONDS:.0f} s to decode some rows")
            yield

    def receive(self) -> tuple[bytes, bytes]:
        """Return the kind and the content of the next message.

        Raises:
            UnreadableObject: there is none, as the worker has ended or stalls.
        """
        for _ in self.heartbeats():
            pass
        try:
            return receive(self._incoming)
        except Broken:
            raise UnreadableObject(_DAMAGED) from None


@contextmanager
def _worker(task: bytes, arguments: Any) -> Iterator[_Worker]:
    import subprocess  # here, as few objects are Parquet

    with subprocess.Popen(
        _COMMAND,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # The child can import whatever this process can.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        try:
            worker = _Worker(process)
            worker.send(task, json.dumps(arguments).encode())
            yield worker
        finally:
            process.kill()
            with contextlib.suppress(OSError):
                process.communicate()


class _Reader:
    def __init__(self, worker: _Worker, file: IO[bytes], options: ReadOptions) -> None:
        self._worker, self._file, self._options = worker, file, options
        self._column: Column | None = None
        self._layout: _Layout | None = None
        self._names: list[str] = []

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows.

        Raises:
            UnreadableObject: they cannot be decoded, or there is no text column.
        """
        return chunked(self._rows(), self._complete, _size_of)

    def _complete(self, chunk: Chunk) -> None:
        chunk.layout, chunk.column = self._layout, self._column

    def _rows(self) -> Iterator[Row | Rejected | None]:
        while True:
            yield from self._worker.heartbeats()
            kind, content = self._worker.receive()
            if kind == b"R":
                self._send_bytes(*json.loads(content))
            elif kind == b"C":
                index = self._choose_column(*json.loads(content))
                self._worker.send(b"P", str(index).encode())
            elif kind == b"B":
                yield from self._batch_rows(*unpack(content))
            elif kind == b"J":
                reason = f"has more than {MAX_ROW_BYTES:,} bytes"
                yield Rejected(json.loads(content) + 1, reason, "")
            elif kind == b"Z":
                return
            else:
                raise UnreadableObject(_DAMAGED)

    def _send_bytes(self, offset: int, length: int) -> None:
        self._file.seek(offset)
        self._worker.send(b"D", self._file.read(min(length, READ_BYTES)))

    def _choose_column(self, names: list[str], types: list[str]) -> int:
        self._names = names
        self._column = find_text_column(names, self._options.column)
        if types[self._column.index] != "text":
            raise UnreadableObject("its column of texts holds values of another type", names)
        return self._column.index

    def _batch_rows(self, head: Any, data: bytes) -> Iterator[Row | Rejected]:
        rows_before, texts = head
        batch = _Batch(data, len(texts))
        if self._layout is None:
            self._layout = _Layout(batch, added_column_names(self._names))
        for index, text in enumerate(texts):
            number, original = rows_before + index + 1, _BatchRow(batch, index)
            if isinstance(text, list):
                yield Rejected(number, "text is not UTF-8", text[0], original)
            else:
                yield Row(number, text, original)


def _size_of(row: Row | Rejected) -> int:
    original: _BatchRow | None = row.original
    return len(original.batch.data) // original.batch.rows if original else 0


def _group_rows(chunk: ScoredChunk | None) -> int:
    """Return how many rows like these make a row group."""
    sizes = [_size_of(row) for row in chunk.rows] if chunk else []
    if not sizes:
        return MAX_GROUP_ROWS
    rows = GROUP_BYTES // (sum(sizes) // len(sizes) + 1)
    return min(max(rows, MIN_GROUP_ROWS), MAX_GROUP_ROWS)


def _messages(
    schema: _Batch, chunks: Iterable[ScoredChunk], count: int
) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """Yield the messages that have the worker write rows with the first ``count`` added columns."""
    yield (b"B", *pack([[], []], schema.data))
    previous: _Batch | None = None
    for chunk in chunks:
        reasons = chunk.reasons or [""] * len(chunk.rows)
        rows = zip(chunk.rows, chunk.scores, reasons, strict=True)
        for _, group in groupby(rows, lambda row: id(row[0].original.batch)):
            values = [
                (row.original, *(score or _NO_SCORE), reason or None)
                for row, score, reason in group
            ]
            originals, *columns = map(list, zip(*values, strict=True))
            batch: _Batch = originals[0].batch
            head = [[original.offset for original in originals], columns[:count]]
            # The worker still has the batch before this message.
            yield (b"B", *pack(head, b"" if batch is previous else batch.data))
            previous = batch


_NO_SCORE = (None, None, None)
