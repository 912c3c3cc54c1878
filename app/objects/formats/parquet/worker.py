"""The child process that decodes and encodes Parquet.

Damaged data makes arro3 panic or abort, and a few hundred bytes can decode to gigabytes. So a child
process with limited memory decodes objects. If it ends without an answer, the parent reports that
the object cannot be read.
"""

import contextlib
import io
import json
import os
import resource
import sys
from collections.abc import Iterator
from typing import IO, Any

from app.objects.formats.parquet.protocol import pack, receive, send, unpack
from app.objects.formats.rows import MAX_ROW_BYTES

BATCH_ROWS = 32
"""Rows decoded at once: as many of `MAX_ROW_BYTES` fit well into the memory allowed."""
MEMORY_BYTES = 1024 * 1024 * 1024
"""Memory of this process."""
EXCERPT_CHARACTERS = 1000
"""Beginning of a value that is not UTF-8, shown among the rejected rows."""


class Parent:
    """The process that reads and writes the object."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._incoming, self._outgoing = incoming, outgoing

    def send(self, kind: bytes, *parts: bytes) -> None:
        send(self._outgoing, kind, *parts)

    def ask(self, kind: bytes, *parts: bytes) -> tuple[bytes, bytes]:
        send(self._outgoing, kind, *parts)
        return receive(self._incoming)


class InputStream(io.RawIOBase):
    """The object, read by the parent."""

    def __init__(self, parent: Parent, size: int) -> None:
        self._parent, self._size, self._offset = parent, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("before the beginning")
        self._offset = start + offset
        return self._offset

    def readinto(self, buffer: Any) -> int:
        _, data = self._parent.ask(b"R", json.dumps([self._offset, len(buffer)]).encode())
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)


class OutputStream(io.RawIOBase):
    """The scored object, written by the parent."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parent.send(b"W", bytes(data))
        return len(data)


def read(parent: Parent, size: int) -> None:
    """Decode an object of ``size`` bytes, and send its rows."""
    from arro3.io import read_parquet

    file = io.BufferedReader(InputStream(parent, size), 128 * 1024)
    reader = read_parquet(file, batch_size=BATCH_ROWS)
    names = reader.schema.names
    types = [_value_type(reader.schema.field(index).type) for index in range(len(names))]
    _, answer = parent.ask(b"C", json.dumps([names, types]).encode())
    text_column = int(answer)
    rows_sent = 0
    parent.send(b"B", *pack([0, []], _to_stream(_without_rows(reader.schema))))
    for batch in reader:
        _send_rows(parent, batch, text_column, rows_sent)
        rows_sent += batch.num_rows
    parent.send(b"Z")


def _send_rows(parent: Parent, batch: Any, text_column: int, rows_sent: int) -> None:
    data = _to_stream(batch)
    if len(data) <= MAX_ROW_BYTES:
        texts = [_to_json(value) for value in batch.column(text_column).to_pylist()]
        parent.send(b"B", *pack([rows_sent, texts], data))
    elif batch.num_rows == 1:
        parent.send(b"J", json.dumps(rows_sent).encode())
    else:
        half = batch.num_rows // 2
        _send_rows(parent, batch.slice(0, half), text_column, rows_sent)
        _send_rows(parent, batch.slice(half), text_column, rows_sent + half)


def _value_type(type_: Any) -> str:
    """Return ``text`` if values of the type can be texts, else ``other``."""
    from arro3.core import DataType

    if DataType.is_dictionary(type_):
        return _value_type(type_.value_type)
    textual = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    checks = [getattr(DataType, f"is_{kind}") for kind in (*textual, "fixed_size_binary", "null")]
    return "text" if any(check(type_) for check in checks) else "other"


def _to_json(value: Any) -> Any:
    """Return a value as JSON: a text, null, or bytes that are not UTF-8 as an array of one text."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return [value[:EXCERPT_CHARACTERS].decode("utf-8", "backslashreplace")]
    return value


def _without_rows(schema: Any) -> Any:
    from arro3.core import Table

    return Table.from_batches([], schema=schema)


def _to_stream(rows: Any) -> bytes:
    from arro3.io import write_ipc_stream

    with io.BytesIO() as file:
        write_ipc_stream(rows, file, compression=None)
        return file.getvalue()


def write(parent: Parent, added: list[str], group_rows: int) -> None:
    """Encode the parent's rows with added columns of these names, and send the object."""
    from arro3.core import RecordBatchReader
    from arro3.io import write_parquet

    batches = _batches_to_write(parent, added)
    schema = next(batches)
    # The writer holds the rows of a group until the group is complete.
    with io.BufferedWriter(OutputStream(parent), 1024 * 1024) as file:
        reader = RecordBatchReader.from_batches(schema, batches)
        write_parquet(
            reader,
            file,
            compression="snappy",
            max_row_group_size=group_rows,
            key_value_metadata=_metadata(schema),
        )
    parent.send(b"Z")


def _metadata(schema: Any) -> dict[str, str]:
    """Return the table's metadata, such as that of pandas, for readers that do not use Arrow."""
    return {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in schema.metadata.items()
    }


def _with_dates_in_days(rows: Any) -> Any:
    """Return a table with dates in days; the writer stores dates in milliseconds as numbers."""
    from arro3.core import DataType

    for index in range(len(rows.schema.names)):
        field = rows.schema.field(index)
        if DataType.is_date64(field.type):
            days = DataType.date32()
            rows = rows.set_column(index, field.with_type(days), rows.column(index).cast(days))
    return rows


def _batches_to_write(parent: Parent, added: list[str]) -> Iterator[Any]:
    """Yield the schema, then the rows in batches."""
    from arro3.core import Array, DataType, Table
    from arro3.io import read_ipc_stream

    types = (DataType.utf8(), DataType.float64(), DataType.float64(), DataType.utf8())
    batch: Any = None
    has_schema = False
    while (message := parent.ask(b"N"))[0] == b"B":
        (rows, columns), data = unpack(message[1])
        if data:
            table = _with_dates_in_days(Table.from_arrow(read_ipc_stream(io.BytesIO(data))))
            batch = next(iter(table.to_batches()), None)
            if not has_schema:
                has_schema = True
                for name, type_ in zip(added, types, strict=False):
                    table = table.append_column(name, Array([], type_))
                yield table.schema
        if not rows:
            continue
        selected = batch
        if len(rows) != batch.num_rows:
            selected = batch.take(Array(rows, DataType.int64()))
        for name, values, type_ in zip(added, columns, types, strict=False):
            selected = selected.append_column(name, Array(values, type_))
        yield selected


def main() -> None:
    """Read or write, as the first message says."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # the message of a panic may quote the object
        os.dup2(null, descriptor)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    parent = Parent(incoming, outgoing)
    kind, content = receive(incoming)
    try:
        if kind == b"R":
            read(parent, *json.loads(content))
        else:
            write(parent, *json.loads(content))
    except BaseException:  # a panic is no Exception
        with contextlib.suppress(OSError):
            parent.send(b"E")


if __name__ == "__main__":
    main()
