"""A binary tree over a text's words: which of them are weighed together before each by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ENDS = ((".!?", 2), (",;:—–)", 1))
"""Marks after which a text is rather cut, and how much rather: a sentence's end, a clause's."""


@dataclass(frozen=True)
class Tree:
    """Leaves are numbered from 0 in the order of the words, then nodes, children before parents."""

    linkage: NDArray[np.float64]
    """(nodes, 4): both children, a distance of 1, and how many words lie below, as SciPy has it."""
    evaluations: int
    """Of texts, until each word's Owen value is known exactly."""

    @property
    def leaves(self) -> int:
        return len(self.linkage) + 1

    def children(self, node: int) -> tuple[int, int]:
        """Return both children of what is no leaf."""
        left, right = self.linkage[node - self.leaves, :2]
        return int(left), int(right)


def grow(words: Sequence[str]) -> Tree:
    """Cut the words in two, and each part again: near the middle, there after a sentence or clause.

    Each cut is in the middle third, so the depth is logarithmic. At depth d a node is met with its
    2^d combinations of the parts beside it and above, and each takes two evaluations.
    """
    strengths = [_strength(word) for word in words]
    rows: list[tuple[int, int, int, int]] = []
    evaluations = 2

    def cut(start: int, end: int, depth: int) -> int:
        nonlocal evaluations
        size = end - start
        if size == 1:
            return start
        evaluations += 2 << depth
        margin = size // 3
        places = range(start + max(margin, 1), end - max(margin, 1) + 1)
        place = max(places, key=lambda i: (strengths[i - 1], -abs(2 * i - start - end)))
        left, right = cut(start, place, depth + 1), cut(place, end, depth + 1)
        rows.append((left, right, 1, size))
        return len(words) + len(rows) - 1

    cut(0, len(words), 0)
    return Tree(np.array(rows, dtype=np.float64).reshape(-1, 4), evaluations)


def _strength(word: str) -> int:
    bare = word.rstrip("\"'”’)]")
    return max((strength for marks, strength in _ENDS if bare.endswith(tuple(marks))), default=0)
