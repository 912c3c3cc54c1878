"""Splits long texts into overlapping windows, and groups windows of similar length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_BATCH_TOKENS = 8192
"""Maximum tokens of a batch including padding, which limits its memory."""


@dataclass(frozen=True)
class Windows:
    """How texts up to a certain length are split. Lengths include the two special tokens.

    Raises:
        ValueError: the stride would leave gaps between windows.
    """

    length: int
    """Tokens of a window."""
    stride: int
    """Tokens from the start of one window to the start of the next."""
    up_to: int | None = None
    """Tokens of the longest text that is split in this way; None for any length."""

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.length - 2:
            raise ValueError(f"stride {self.stride} leaves gaps between windows of {self.length}")


def spans(tokens: int, length: int, stride: int) -> list[tuple[int, int]]:
    """Return the ``(start, end)`` of the windows that cover a number of tokens.

    Windows are ``length`` tokens long and start ``stride`` tokens apart. The last one ends with
    the text, so it may be shorter.
    """
    if tokens <= length:
        return [(0, tokens)]
    starts = range(0, tokens - length + stride, stride)
    return [(start, min(start + length, tokens)) for start in starts]


def buckets(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield batches of row indices: rows of similar length, up to `MAX_BATCH_TOKENS` in total."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    start = 0
    while start < len(order):
        rows = max(1, MAX_BATCH_TOKENS // lengths[order[start]])
        yield order[start : start + rows]
        start += rows
