"""An object's bytes in blocks of bounded size; an empty block says that time passes."""

import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

BLOCK_BYTES = 64 * 1024
GZIP = b"\x1f\x8b"


class Fault(NamedTuple):
    """Ends the blocks of an object that is damaged from here on."""

    reason: str


Blocks = Iterator[bytes | Fault]


def blocks_of(file: IO[bytes]) -> Blocks:
    """Yield a file's bytes."""
    while block := file.read(BLOCK_BYTES):
        yield block


def inflated(blocks: Blocks) -> Blocks:
    """Yield what gzip members, one after another, hold.

    What follows the last member, or a damaged place, is a `Fault`; all before it is yielded.
    """
    decoder = _member()
    for block in blocks:
        if isinstance(block, Fault):
            yield block
            return
        yield b""
        more = True
        while more:
            if decoder.eof:
                block = block.lstrip(b"\0")  # padding, as tapes have it
                if not block:
                    break
                if not GZIP.startswith(block[:2]):
                    yield Fault("what follows here is not gzip")
                    return
                decoder = _member()
            before = decoder.copy()
            try:
                found = decoder.decompress(block, BLOCK_BYTES)
            except zlib.error:
                yield from _as_far_as_it_goes(before, block)
                yield Fault("the gzip data is damaged from here on")
                return
            yield found
            block = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            # What a full block left over is inside the decoder, though all input is consumed.
            more = bool(block) or (len(found) == BLOCK_BYTES and not decoder.eof)
    if not decoder.eof:
        yield Fault("the gzip data is cut off here")


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _as_far_as_it_goes(decoder: "zlib._Decompress", block: bytes) -> Iterator[bytes]:
    try:
        for i in range(len(block)):
            yield decoder.decompress(block[i : i + 1])
    except zlib.error:
        return
