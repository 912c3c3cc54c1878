"""Owen values: their axioms, their definition, and those that `shap` computes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import deadline
from app.deadline import Deadline
from app.explanation import owen
from app.explanation.owen import Coalition, OwenValues, owen_values
from app.explanation.tree import Node, build

UNLIMITED = 1 << 20


class TableGame:
    """A game given by its values, (2 ^ players,); bit ``i`` of an index is player ``i``."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.calls: list[int] = []
        """Coalitions of each call."""

    @property
    def players(self) -> int:
        return len(self.values).bit_length() - 1

    def __call__(self, coalitions: list[Coalition]) -> list[float]:
        self.calls.append(len(coalitions))
        return [float(self.values[index(coalition)]) for coalition in coalitions]


def index(coalition: Coalition) -> int:
    members = list(chain.from_iterable(range(node.start, node.end) for node in coalition))
    assert members == sorted(set(members)), "a coalition's nodes are disjoint and in order"
    return sum(1 << player for player in members)


def random_values(seed: int, players: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=1 << players)


def exact(values: np.ndarray, tree: Node) -> list[float]:
    result = owen_values(TableGame(values), tree, UNLIMITED, Deadline(math.inf))
    assert result.complete
    assert [(start, end) for start, end, _ in result.groups] == [
        (i, i + 1) for i in range(len(tree))
    ]
    return [value for _, _, value in result.groups]


def total(result: OwenValues) -> float:
    return result.base + math.fsum(value for _, _, value in result.groups)


@st.composite
def trees(draw: Any, min_players: int = 1, max_players: int = 10) -> Node:
    """Return a tree of any shape."""
    players = draw(st.integers(min_players, max_players))

    def node(start: int, end: int) -> Node:
        if end - start == 1:
            return Node(start, end)
        split = draw(st.integers(start + 1, end - 1))
        return Node(start, end, (node(start, split), node(split, end)))

    return node(0, players)


SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.property
@given(trees(), SEEDS)
def test_efficiency_the_values_add_up_to_that_of_all_players(tree, seed):
    values = random_values(seed, len(tree))
    assert values[0] + sum(exact(values, tree)) == pytest.approx(values[-1], abs=1e-9)


@pytest.mark.property
@given(trees(), SEEDS, st.data())
def test_null_player_whoever_never_contributes_gets_nothing(tree, seed, data):
    player = data.draw(st.integers(0, len(tree) - 1))
    coalitions = np.arange(1 << len(tree))
    values = random_values(seed, len(tree))[coalitions & ~(1 << player)]
    assert exact(values, tree)[player] == pytest.approx(0, abs=1e-12)


@pytest.mark.property
@given(trees(min_players=2), SEEDS, st.data())
def test_symmetry_siblings_that_contribute_alike_get_the_same(tree, seed, data):
    siblings = [
        [child.start for child in node.children]
        for node in tree.walk()
        if node.children and all(len(child) == 1 for child in node.children)
    ]
    a, b = data.draw(st.sampled_from(siblings))
    coalitions = np.arange(1 << len(tree))
    both = (coalitions >> a & 1) + (coalitions >> b & 1)
    others = coalitions & ~(1 << a | 1 << b)
    values = random_values(seed, len(tree))[others] + random_values(seed + 1, 2)[both]
    weights = exact(values, tree)
    assert weights[a] == pytest.approx(weights[b], abs=1e-12)


@pytest.mark.property
@given(trees(), SEEDS, SEEDS)
def test_additivity_values_of_a_sum_of_games_are_sums(tree, seed, other):
    first, second = random_values(seed, len(tree)), random_values(other, len(tree))
    together = np.add(exact(first, tree), exact(second, tree))
    assert exact(first + second, tree) == pytest.approx(together, abs=1e-9)


def orders(node: Node) -> Iterator[list[int]]:
    """Yield the orders of players in which those below the same node come one after the other."""
    if node.children is None:
        yield [node.start]
        return
    left, right = node.children
    for of_left in orders(left):
        for of_right in orders(right):
            yield of_left + of_right
            yield of_right + of_left


def by_definition(values: np.ndarray, tree: Node) -> np.ndarray:
    """Return each player's mean marginal contribution over `orders`."""
    contributions = []
    for order in orders(tree):
        contribution, coalition = np.zeros(len(tree)), 0
        for player in order:
            joined = coalition | 1 << player
            contribution[player] = values[joined] - values[coalition]
            coalition = joined
        contributions.append(contribution)
    return np.mean(contributions, axis=0)


@pytest.mark.property
@given(trees(max_players=7), SEEDS)
def test_values_are_those_of_the_definition(tree, seed):
    values = random_values(seed, len(tree))
    assert exact(values, tree) == pytest.approx(by_definition(values, tree), abs=1e-9)


def linkage(tree: Node) -> np.ndarray:
    """Return the tree as SciPy has it, (players - 1, 4)."""
    ids = {node: node.start for node in tree.walk() if node.children is None}
    rows = []
    for node in reversed(list(tree.walk())):
        if node.children:
            ids[node] = len(tree) + len(rows)
            rows.append([*(ids[child] for child in node.children), 1, len(node)])
    return np.array(rows, dtype=float)


class Masks:
    """A masker for `shap` whose inputs are the masks themselves."""

    immutable_outputs = True

    def __init__(self, tree: Node) -> None:
        self.clustering = linkage(tree)
        self.shape = (1, len(tree))

    def __call__(self, mask: np.ndarray, _: object) -> tuple[np.ndarray]:
        return (mask[None],)

    def mask_shapes(self, _: object) -> list[tuple[int]]:
        return [(self.shape[1],)]


def by_shap(values: np.ndarray, tree: Node, max_evaluations: int) -> np.ndarray:
    from shap.explainers import Partition

    bits = 1 << np.arange(len(tree))
    explainer = Partition(lambda masks: values[masks.astype(int) @ bits], Masks(tree))
    explained = explainer(np.ones((1, len(tree))), max_evals=max_evaluations, silent=True)
    return explained.values[0]


@pytest.fixture(scope="module", autouse=True)
def _interpreted():
    """Spare `numba` the compilation, which takes longer than these games."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_DISABLE_JIT", "1")
        yield


@pytest.mark.property
@given(trees(min_players=2), SEEDS)
def test_values_are_those_of_shap(tree, seed):
    values = random_values(seed, len(tree))
    assert exact(values, tree) == pytest.approx(by_shap(values, tree, UNLIMITED), abs=1e-6)


@pytest.mark.parametrize("players", [11, 13])
def test_values_over_the_tree_of_a_text_are_those_of_shap(players):
    tree = build([f"word{'.' * (i % 4 == 3)}" for i in range(players)])
    values = random_values(players, players)
    assert exact(values, tree) == pytest.approx(by_shap(values, tree, UNLIMITED), abs=1e-6)


@pytest.mark.property
@given(trees(), SEEDS, st.integers(2, 200))
def test_a_budget_is_kept_and_the_values_still_add_up(tree, seed, budget):
    game = TableGame(random_values(seed, len(tree)))
    result = owen_values(game, tree, budget, Deadline(math.inf))
    assert result.evaluations == sum(game.calls) <= budget
    assert total(result) == pytest.approx(game.values[-1], abs=1e-9)
    bounds = [(start, end) for start, end, _ in result.groups]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(tree)
    assert all(end == start for (_, end), (start, _) in pairwise(bounds))


@pytest.mark.parametrize(("players", "evaluations"), [(1, 2), (2, 4), (4, 12), (8, 44)])
def test_exact_values_take_as_many_evaluations_as_shap_says(players, evaluations):
    tree = build(["word"] * players)
    game = TableGame(random_values(0, players))
    result = owen_values(game, tree, UNLIMITED, Deadline(math.inf))
    assert (result.complete, result.evaluations) == (True, evaluations)
    assert not owen_values(game, tree, evaluations - 1, Deadline(math.inf)).complete or players == 1


def test_no_coalition_is_evaluated_twice():
    coalitions: list[int] = []

    def game(asked: list[Coalition]) -> list[float]:
        coalitions.extend(map(index, asked))
        return [0.0] * len(asked)

    owen_values(game, build(["word"] * 9), UNLIMITED, Deadline(math.inf))
    assert len(coalitions) == len(set(coalitions))


def test_what_matters_most_is_split_first():
    """One player of eight decides; two evaluations a level find it."""
    values = (np.arange(1 << 8) >> 5 & 1).astype(float)
    result = owen_values(TableGame(values), build(["word"] * 8), 44, Deadline(math.inf))
    assert [group for group in result.groups if group.value] == [(5, 6, 1.0)]


def test_a_group_that_was_not_split_is_one_entry():
    values = (np.arange(1 << 8) == 255).astype(float)
    result = owen_values(TableGame(values), build(["word"] * 8), 2, Deadline(math.inf))
    assert result.groups == [(0, 8, 1.0)]
    assert not result.complete


@dataclass
class Clock:
    """A clock that only the game advances."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (owen, deadline):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


class SlowGame(TableGame):
    """Each coalition takes so long for each of its players."""

    def __init__(self, values: np.ndarray, clock: Clock, seconds: float) -> None:
        super().__init__(values)
        self.clock = clock
        self.seconds = seconds

    def __call__(self, coalitions: list[Coalition]) -> list[float]:
        for coalition in coalitions:
            self.clock.now += self.seconds * sum(map(len, coalition))
        return super().__call__(coalitions)


@pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.01, 0.1])
def test_the_deadline_is_kept_and_used(clock, seconds):
    values = random_values(1, 14)
    game = SlowGame(values, clock, seconds)
    result = owen_values(game, build(["word"] * 14), UNLIMITED, Deadline(5))
    assert clock.now <= 5
    assert result.complete or clock.now > 5 - 3 * 14 * seconds
    assert total(result) == pytest.approx(values[-1], abs=1e-9)


def test_after_the_deadline_the_whole_is_still_evaluated(clock):
    game = SlowGame(random_values(1, 4), clock, 1)
    result = owen_values(game, build(["word"] * 4), UNLIMITED, Deadline(0))
    assert (result.evaluations, result.complete, len(result.groups)) == (2, False, 1)
