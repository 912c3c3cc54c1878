"""No format holds more than one row of any input, or reads for long without a heartbeat."""

import gzip
import io
import tracemalloc

import pytest

from app.objects import formats
from app.objects.formats import rows as limits
from app.objects.formats import text_object

BEGINNINGS = {"r.csv": b'id,text\n1,"', "r.jsonl": b'{"text": "a"}\n{"text": "', "r.txt": b"x\n"}


class Endless(io.RawIOBase):
    """A file that begins with given bytes and repeats others, without holding them in memory."""

    def __init__(self, begin: bytes, unit: bytes, size: int) -> None:
        self._begin, self._unit, self._left = begin, unit, size

    def readable(self):
        return True

    def read(self, size=-1):
        if self._begin:
            begin, self._begin = self._begin, b""
            return begin
        size = min(size, self._left)
        self._left -= size
        return (self._unit * (size // len(self._unit) + 1))[:size]


@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("unit", [b"x", b'"', b",", b"\\", b"[", b"\xff", "é".encode()])
def test_row_without_end_takes_bounded_memory(name, unit, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROW_BYTES", 128 * 1024)
    tracemalloc.start()
    try:
        for _ in formats.by_name(name).read(Endless(BEGINNINGS[name], unit, 16 * 1024 * 1024)):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("name", BEGINNINGS)
@pytest.mark.parametrize("unit", [b'""\n', b'x\n"', b"1,x\n", b"\n", b"\r", b'1,"\n'])
def test_chunks_have_bounded_cost(name, unit, monkeypatch):
    monkeypatch.setattr(limits, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(limits, "MAX_ROW_BYTES", 2000)
    for chunk in formats.by_name(name).read(Endless(BEGINNINGS[name], unit, 100_000)):
        assert len(chunk.rows) + len(chunk.rejected) <= limits.CHUNK_ROWS
        assert sum(len(row.original) for row in (*chunk.rows, *chunk.rejected)) < 6000


def test_chunk_has_a_limit_of_characters():
    rows = b"".join(b"%s\n" % (b"x" * 30_000) for _ in range(10))
    chunks = [len(chunk.rows) for chunk in formats.by_name("r.txt").read(io.BytesIO(rows))]
    assert chunks == [4, 4, 2]


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.txt"])
@pytest.mark.parametrize("unit", [b"\n", b"\r\n", b" \n"])
def test_blank_lines_give_heartbeats(name, unit, monkeypatch):
    monkeypatch.setattr(text_object, "HEARTBEAT_BYTES", 16 * 1024)
    monkeypatch.setattr("app.objects.formats.gzip.BLOCK_BYTES", 16 * 1024)
    source = Endless(BEGINNINGS[name].splitlines(keepends=True)[0], unit, 384 * 1024)
    assert sum(1 for _ in formats.by_name(name).read(source)) > 15


def test_empty_gzip_members_give_heartbeats():
    source = Endless(gzip.compress(b"id,text\n1,a\n"), gzip.compress(b""), 20 * 5000)
    assert sum(1 for _ in formats.by_name("r.csv.gz").read(source)) > 2
