"""Long texts as overlapping windows, windows as batches of similar length."""

from collections.abc import Iterator, Sequence

MAX_BATCH_TOKENS = 8192
"""Tokens, padding included, in one pass: bounds the memory that a batch takes."""


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
