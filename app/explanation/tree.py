"""A binary tree over the words of a text: they form phrases, clauses, sentences and the text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BOUNDARIES = ((".!?", 2), (",;:—–)", 1))
"""Marks that end a sentence or a clause, and how strongly a split after them is preferred."""


@dataclass(frozen=True, eq=False)
class Node:
    """The words ``start`` to ``end`` (exclusive); a leaf is one word and has no children."""

    start: int
    end: int
    children: tuple["Node", "Node"] | None = None

    def __len__(self) -> int:
        return self.end - self.start

    def walk(self) -> Iterator["Node"]:
        """Yield this node and its descendants, parents before children, left before right."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack += reversed(node.children or ())


def build(words: Sequence[str]) -> Node:
    """Return the root of the tree over the words, of which there must be at least one.

    Each node is split within its middle third: after a sentence, else after a clause, else in the
    middle. The depth is therefore logarithmic in the number of words.
    """
    strengths = [_boundary_strength(word) for word in words]

    def node(start: int, end: int) -> Node:
        size = end - start
        if size == 1:
            return Node(start, end)
        margin = max(size // 3, 1)
        candidates = range(start + margin, end - margin + 1)
        split = max(candidates, key=lambda i: (strengths[i - 1], -abs(2 * i - start - end)))
        return Node(start, end, (node(start, split), node(split, end)))

    return node(0, len(words))


def _boundary_strength(word: str) -> int:
    bare = word.rstrip("\"'”’)]")
    for marks, strength in _BOUNDARIES:
        if bare.endswith(tuple(marks)):
            return strength
    return 0
