"""Gzip: compressed objects are read block by block, and written by the format that they hold.

Input is decompressed if its content is gzip. Output is compressed if its name ends in ``.gz``.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple, cast

from app.objects.formats.rows import DEFAULTS, Chunk, Format, ReadOptions, ScoredChunk

BLOCK_BYTES = 64 * 1024
MAGIC = b"\x1f\x8b"


class ReadFault(NamedTuple):
    """Ends the blocks of an object that cannot be read any further."""

    reason: str


Blocks = Iterator[bytes | ReadFault]
"""The bytes of an object in blocks of bounded size. An empty block is a heartbeat."""


def read_blocks(file: IO[bytes]) -> Blocks:
    """Yield the bytes of a file."""
    while block := file.read(BLOCK_BYTES):
        yield block


def decompress(blocks: Blocks) -> Blocks:
    """Yield the content of one or more gzip members.

    Damaged data, and data after the last member, end the blocks with a `ReadFault`; all content
    before it is yielded.
    """
    decoder = _new_member()
    for block in blocks:
        if isinstance(block, ReadFault):
            yield block
            return
        yield b""
        more = True
        while more:
            if decoder.eof:
                block = block.lstrip(b"\0")  # padding, as on tapes
                if not block:
                    break
                if not MAGIC.startswith(block[:2]):
                    yield ReadFault("what follows here is not gzip")
                    return
                decoder = _new_member()
            before = decoder.copy()
            try:
                content = decoder.decompress(block, BLOCK_BYTES)
            except zlib.error:
                yield from _content_before_fault(before, block)
                yield ReadFault("the gzip data is damaged from here on")
                return
            yield content
            block = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            # After a full block the decoder may hold more output, even with all input consumed.
            more = bool(block) or (len(content) == BLOCK_BYTES and not decoder.eof)
    if not decoder.eof:
        yield ReadFault("the gzip data is cut off here")


def _new_member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _content_before_fault(decoder: "zlib._Decompress", block: bytes) -> Iterator[bytes]:
    try:
        for i in range(len(block)):
            yield decoder.decompress(block[i : i + 1])
    except zlib.error:
        return


class Gzipped:
    """Another format, written compressed."""

    def __init__(self, content: Format) -> None:
        self._content = content

    def read(self, file: IO[bytes], options: ReadOptions = DEFAULTS) -> Iterator[Chunk]:
        return self._content.read(file, options)

    def write(self, file: IO[bytes], chunks: Iterable[ScoredChunk]) -> None:
        # Without a name and a time, equal rows give equal bytes.
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
            self._content.write(cast(IO[bytes], compressed), chunks)
