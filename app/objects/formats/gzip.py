"""Compressed text. What is read is told by its content; the name says what is written."""

import gzip
from collections.abc import Iterable, Iterator
from typing import IO, cast

from app.objects.formats.rows import DEFAULTS, Chunk, Format, ReadOptions, Scored


class Gzipped:
    """Another format, written compressed."""

    def __init__(self, kind: Format) -> None:
        self._kind = kind

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        return self._kind.read(file, options)

    def write(self, file: IO[bytes], scored: Iterable[Scored]) -> None:
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as deflated:
            self._kind.write(cast(IO[bytes], deflated), scored)
