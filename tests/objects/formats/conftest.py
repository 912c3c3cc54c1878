"""Reads and writes objects with their formats, without a model."""

import contextlib
import io
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.objects import formats
from app.objects.formats import Chunk, Column, ReadOptions, Rejected, Row, Score, ScoredChunk

SCORE = Score("Positive", 0.75, 0.75)


@dataclass
class Object:
    """The rows of an object, and its content after writing."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    chunks: int = 0
    column: Column | None = None
    written: bytes = b""

    @property
    def texts(self) -> list[Any]:
        return [row.text for row in self.rows]

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(row.line, row.reason) for row in self.rejected]


def through(
    name: str, data: bytes | io.IOBase, *, keep_rejected: bool = False, **options: Any
) -> Object:
    """Read an object, give each row the same score, and write it."""
    form, result, file = formats.by_name(name), Object(), io.BytesIO()
    source = io.BytesIO(data) if isinstance(data, bytes) else data

    def scored() -> Iterator[ScoredChunk]:
        for chunk in form.read(source, ReadOptions(**options)):
            result.chunks += 1
            result.rows += chunk.rows
            result.rejected += chunk.rejected
            result.column = result.column or chunk.column
            yield _scored(chunk, keep_rejected)

    form.write(file, scored())
    result.written = file.getvalue()
    return result


def _scored(chunk: Chunk, keep_rejected: bool) -> ScoredChunk:
    if not keep_rejected:
        return ScoredChunk(chunk.rows, [SCORE] * len(chunk.rows), chunk.layout)
    rejected = [
        Row(row.line, None, row.original) for row in chunk.rejected if row.original is not None
    ]
    rows = sorted([*chunk.rows, *rejected], key=lambda row: row.line)
    reasons = {row.line: row.reason for row in chunk.rejected}
    scores = [None if row.line in reasons else SCORE for row in rows]
    return ScoredChunk(rows, scores, chunk.layout, [reasons.get(row.line, "") for row in rows])


@pytest.fixture(autouse=True)
def worker_reports_its_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process that decodes Parquet write its coverage, if measured, before it ends."""
    if "COVERAGE_PROCESS_CONFIG" not in os.environ:
        return
    kill = subprocess.Popen.kill

    def end(process: "subprocess.Popen[bytes]") -> None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        kill(process)

    monkeypatch.setattr(subprocess.Popen, "kill", end)
