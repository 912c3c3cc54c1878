"""Long texts as overlapping windows, windows as batches of similar length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_BATCH_TOKENS = 8192
"""Tokens, padding included, in one pass: bounds the memory that a batch takes."""


@dataclass(frozen=True)
class Windows:
    """How texts of up to so many tokens are cut; all of these count the two special ones.

    Raises:
        ValueError: they would leave gaps.
    """

    length: int
    """Tokens scored in one pass."""
    stride: int
    """Tokens from the start of one window to the start of the next."""
    up_to: int | None = None
    """The longest text that is cut like this; any is where there is none."""

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.length - 2:
            raise ValueError(f"stride {self.stride} leaves gaps between windows of {self.length}")


def spans(tokens: int, length: int, stride: int) -> list[tuple[int, int]]:
    """Return the ``(start, end)`` of the windows that cover so many tokens.

    All windows are ``length`` long and start ``stride`` apart but the last, which ends with the
    text and so may be shorter; a text that fits one window has one.
    """
    if tokens <= length:
        return [(0, tokens)]
    starts = range(0, tokens - length + stride, stride)
    return [(start, min(start + length, tokens)) for start in starts]


def buckets(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indices of rows to score together: near in length, within `MAX_BATCH_TOKENS`."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    start = 0
    while start < len(order):
        rows = max(1, MAX_BATCH_TOKENS // lengths[order[start]])
        yield order[start : start + rows]
        start += rows
