"""Owen values (Owen 1977, "Values of Games with a Priori Unions") of players under a binary tree.

A game assigns a value to every coalition of players. Like Shapley values, Owen values divide the
difference between all players and none; unlike them, players below the same node join together.
Take a node with the children A and B, and a coalition C of players outside the node. A contributes
the mean of v(C + A) - v(C) and v(C + B + A) - v(C + B), and B likewise. Each of these marginal
contributions is divided in the same way between the node's own children, down to single players.
"""

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from app.deadline import Deadline
from app.explanation.tree import Node

BATCH = 32
"""Coalitions per call of the game. The next splits are chosen after each call, so that small
batches spend a limited budget better."""

Coalition = tuple[Node, ...]
"""Disjoint nodes in order, whose players have joined."""
Game = Callable[[Sequence[Coalition]], Sequence[float]]
"""The value of each coalition."""


class Group(NamedTuple):
    """The players ``start`` to ``end`` (exclusive) and the sum of their Owen values."""

    start: int
    end: int
    value: float


@dataclass(frozen=True)
class OwenValues:
    """The value of all players is ``base`` and the values of all groups together."""

    base: float
    """The value of the empty coalition."""
    groups: list[Group]
    """In order, every player once: single players and, if incomplete, groups of neighbours."""
    complete: bool
    """Whether every player's value is exact."""
    evaluations: int
    """Coalitions evaluated."""


class _Marginal(NamedTuple):
    """What a node contributes to one coalition: the nodes ``before`` and ``after`` it."""

    node: Node
    before: Coalition
    after: Coalition
    without: float
    """The coalition's value."""
    joined: float
    """Its value once the node has joined."""
    weight: float
    """The share of this marginal contribution in the node's Owen value."""

    @property
    def contribution(self) -> float:
        return self.weight * (self.joined - self.without)


def owen_values(game: Game, tree: Node, max_evaluations: int, deadline: Deadline) -> OwenValues:
    """Return the players' Owen values, exact if evaluations and time suffice.

    The largest contribution is split first, which takes two evaluations. Contributions that are
    not split stay with their node.

    Args:
        game: must not take longer for any coalition than for that of all players.
        max_evaluations: at least 2, for no players and for all.
        deadline: no batch is started that is expected to end later. The first two evaluations are
            always made.
    """
    started = time.monotonic()
    base, full = game([(), (tree,)])
    slowest = time.monotonic() - started  # seconds per evaluation
    evaluations = 2
    contributions: defaultdict[Node, float] = defaultdict(float)
    order = count()  # among equals, first in, first out
    pending: list[tuple[float, int, _Marginal]] = []

    def add(marginal: _Marginal) -> None:
        if marginal.node.children:
            heapq.heappush(pending, (-abs(marginal.contribution), next(order), marginal))
        else:
            contributions[marginal.node] += marginal.contribution

    add(_Marginal(tree, (), (), base, full, 1.0))
    while pending:
        affordable = min(BATCH, max_evaluations - evaluations, deadline.left / max(slowest, 1e-9))
        splits = min(int(affordable) // 2, len(pending))
        if not splits:
            break
        batch = [heapq.heappop(pending)[2] for _ in range(splits)]
        started = time.monotonic()
        values = iter(game([each for marginal in batch for each in _coalitions(marginal)]))
        slowest = max(slowest, (time.monotonic() - started) / (2 * splits))
        evaluations += 2 * splits
        for marginal in batch:
            for part in _split(marginal, next(values), next(values)):
                add(part)
    for _, _, marginal in pending:
        contributions[marginal.node] += marginal.contribution
    return OwenValues(base, _groups(tree, contributions), not pending, evaluations)


def _coalitions(marginal: _Marginal) -> list[Coalition]:
    """Return the coalition with the node's left child alone, and with its right child alone."""
    return [(*marginal.before, child, *marginal.after) for child in marginal.node.children or ()]


def _split(marginal: _Marginal, left_value: float, right_value: float) -> list[_Marginal]:
    """Return the children's marginals: joining first, and joining after the other child.

    ``left_value``, ``right_value``: the values of its `_coalitions`.
    """
    node, before, after, without, joined, weight = marginal
    assert node.children is not None
    left, right = node.children
    half = weight / 2
    return [
        _Marginal(left, before, after, without, left_value, half),
        _Marginal(right, before, after, without, right_value, half),
        _Marginal(left, before, (right, *after), right_value, joined, half),
        _Marginal(right, (*before, left), after, left_value, joined, half),
    ]


def _groups(tree: Node, contributions: defaultdict[Node, float]) -> list[Group]:
    """Return the groups whose values are known, in order.

    ``contributions``: of each node, the part that was not split between its children. A node
    becomes one group if that outweighs, in absolute terms, what was split; otherwise its children
    divide it in proportion to their sizes.
    """
    nodes = list(tree.walk())
    total = {node: contributions[node] for node in nodes}
    absolute = {node: abs(contributions[node]) for node in nodes}
    for node in reversed(nodes):
        for child in node.children or ():
            total[node] += total[child]
            absolute[node] += absolute[child]
    groups = []
    stack = [(tree, 0.0)]
    while stack:
        node, inherited = stack.pop()
        if node.children is None or 2 * abs(contributions[node]) > absolute[node]:
            groups.append(Group(node.start, node.end, total[node] + inherited))
            continue
        own = contributions[node] + inherited
        stack += [(child, own * len(child) / len(node)) for child in reversed(node.children)]
    return groups
