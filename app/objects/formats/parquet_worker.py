"""The child process that decodes and encodes Parquet, so that what is damaged ends it alone.

arro3 panics, and at times aborts, at data that is damaged; a few hundred bytes may stand for
gigabytes. Here memory is limited, and the parent does without whatever this process does not
answer. It asks for every byte that it reads, and sends every byte that it writes:

=====  ==========  ========================================================================
kind   from        what
=====  ==========  ========================================================================
``R``  child       offset and length of bytes of the object: answered by ``D`` with them
``C``  child       names and kinds of the columns: answered by ``P`` with the texts' place
``B``  child       texts of some rows, and these rows as an Arrow stream
``J``  child       the number of a row that is too large
``N``  child       is ready for rows to write: answered by ``B``, or ``Z`` where there are none
``W``  child       bytes to write
``Z``  child       is done
``E``  child       cannot go on
=====  ==========  ========================================================================
"""

import contextlib
import io
import json
import os
import resource
import sys
from collections.abc import Iterator
from typing import IO, Any

from app.objects.formats.frames import joined, parted, receive, send
from app.objects.formats.rows import MAX_ROW_BYTES

BATCH_ROWS = 32
"""Rows decoded at once; as many of `MAX_ROW_BYTES` are well within the memory allowed."""
MEMORY_BYTES = 1024 * 1024 * 1024
"""Memory of this process."""
SHOWN_CHARACTERS = 1000


class Pipe:
    """The parent."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._incoming, self._outgoing = incoming, outgoing

    def send(self, kind: bytes, *parts: bytes) -> None:
        send(self._outgoing, kind, *parts)

    def ask(self, kind: bytes, *parts: bytes) -> tuple[bytes, bytes]:
        send(self._outgoing, kind, *parts)
        return receive(self._incoming)


class Source(io.RawIOBase):
    """The object, whose bytes the parent reads."""

    def __init__(self, pipe: Pipe, size: int) -> None:
        self._pipe, self._size, self._at = pipe, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("before the beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        _, data = self._pipe.ask(b"R", json.dumps([self._at, len(buffer)]).encode())
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class Destination(io.RawIOBase):
    """What is written, which the parent puts where it belongs."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pipe.send(b"W", bytes(data))
        return len(data)


def read(pipe: Pipe, size: int) -> None:
    """Send the rows of an object of so many bytes."""
    from arro3.io import read_parquet

    source = io.BufferedReader(Source(pipe, size), 128 * 1024)
    reader = read_parquet(source, batch_size=BATCH_ROWS)
    names = reader.schema.names
    kinds = [_kind(reader.schema.field(place).type) for place in range(len(names))]
    _, answer = pipe.ask(b"C", json.dumps([names, kinds]).encode())
    place = int(answer)
    done = 0
    pipe.send(b"B", *joined([0, []], _stream(_no_rows(reader.schema))))
    for batch in reader:
        _send_rows(pipe, batch, place, done)
        done += batch.num_rows
    pipe.send(b"Z")


def _send_rows(pipe: Pipe, batch: Any, place: int, done: int) -> None:
    data = _stream(batch)
    if len(data) <= MAX_ROW_BYTES:
        texts = [_text(value) for value in batch.column(place).to_pylist()]
        pipe.send(b"B", *joined([done, texts], data))
    elif batch.num_rows == 1:
        pipe.send(b"J", json.dumps(done).encode())
    else:
        half = batch.num_rows // 2
        _send_rows(pipe, batch.slice(0, half), place, done)
        _send_rows(pipe, batch.slice(half), place, done + half)


def _kind(type_: Any) -> str:
    """Return what a column's values are, as far as it matters to what reads them as text."""
    from arro3.core import DataType

    if DataType.is_dictionary(type_):
        return _kind(type_.value_type)
    textual = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    checks = [getattr(DataType, f"is_{kind}") for kind in (*textual, "fixed_size_binary", "null")]
    return "text" if any(check(type_) for check in checks) else "other"


def _text(value: Any) -> Any:
    """Return a value as JSON takes it: text, none, or in a list what is bytes but no text."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return [value[:SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")]
    return value


def _no_rows(schema: Any) -> Any:
    from arro3.core import Table

    return Table.from_batches([], schema=schema)


def _stream(rows: Any) -> bytes:
    from arro3.io import write_ipc_stream

    with io.BytesIO() as file:
        write_ipc_stream(rows, file, compression=None)
        return file.getvalue()


def write(pipe: Pipe, names: list[str], group_rows: int) -> None:
    """Send Parquet of the rows that the parent has, with columns of these names."""
    from arro3.core import RecordBatchReader
    from arro3.io import write_parquet

    batches = _scored(pipe, names)
    schema = next(batches)
    # Rows of a group are held until it is whole.
    with io.BufferedWriter(Destination(pipe), 1024 * 1024) as file:
        reader = RecordBatchReader.from_batches(schema, batches)
        write_parquet(
            reader,
            file,
            compression="snappy",
            max_row_group_size=group_rows,
            key_value_metadata=_metadata(schema),
        )
    pipe.send(b"Z")


def _metadata(schema: Any) -> dict[str, str]:
    """Return what programs such as pandas say of the table, for readers that know no Arrow."""
    return {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in schema.metadata.items()
    }


def _with_dates(rows: Any) -> Any:
    """Return a table with its dates in days; the writer makes numbers of those in milliseconds."""
    from arro3.core import DataType

    for place in range(len(rows.schema.names)):
        field = rows.schema.field(place)
        if DataType.is_date64(field.type):
            days = DataType.date32()
            rows = rows.set_column(place, field.with_type(days), rows.column(place).cast(days))
    return rows


def _scored(pipe: Pipe, names: list[str]) -> Iterator[Any]:
    """Yield the schema, then the rows."""
    from arro3.core import Array, DataType, Table
    from arro3.io import read_ipc_stream

    kinds = (DataType.utf8(), DataType.float64(), DataType.float64(), DataType.utf8())
    batch: Any = None
    begun = False
    while (message := pipe.ask(b"N"))[0] == b"B":
        (places, columns), data = parted(message[1])
        if data:
            table = _with_dates(Table.from_arrow(read_ipc_stream(io.BytesIO(data))))
            batch = next(iter(table.to_batches()), None)
            if not begun:
                begun = True
                for name, kind in zip(names, kinds, strict=False):
                    empty = Array([], kind)
                    table = table.append_column(name, empty)
                yield table.schema
        if not places:
            continue
        found = (
            batch if len(places) == batch.num_rows else batch.take(Array(places, DataType.int64()))
        )
        for name, values, kind in zip(names, columns, kinds, strict=False):
            found = found.append_column(name, Array(values, kind))
        yield found


def main() -> None:
    """Do what the first message says."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # what panics say may hold some of the object
        os.dup2(nowhere, descriptor)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe = Pipe(incoming, outgoing)
    kind, message = receive(incoming)
    try:
        if kind == b"R":
            read(pipe, *json.loads(message))
        else:
            write(pipe, *json.loads(message))
    except BaseException:  # a panic is no Exception
        with contextlib.suppress(OSError):
            pipe.send(b"E")


if __name__ == "__main__":
    main()
