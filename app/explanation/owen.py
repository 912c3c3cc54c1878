"""Owen values of a text's words (Owen 1977, "Values of games with a priori unions").

They are Shapley values that respect a tree of adjacent words, as the partition explainer of the
package `shap` computes them. It asks what the served model says of the text without some of its
words, as if they had not been sent. Imported at the first explanation: its imports take seconds.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
from numpy.typing import NDArray

from app.explanation.tree import Tree, grow
from app.sentiment.classifier import Pass, SentimentClassifier

# What it would compile, in 7 seconds and anew in each process, runs in microseconds as it is.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

from shap.explainers import Partition

BATCH = 32
"""Texts in one pass: what is split next is decided after each, so fewer choose better."""


@dataclass(frozen=True)
class Values:
    """What words add to the log-odds of Positive; with `base` they sum up to the text's own."""

    base: float
    """The log-odds of Positive without any of the words."""
    spans: list[tuple[int, int, float]]
    """``(start, end, value)`` of each word, or of phrases where evaluations ran out."""
    complete: bool
    """Whether there were evaluations enough for each word."""
    evaluations: int


class _Game:
    """The text without some of its words, to `shap` both a masker and a model.

    A masker makes inputs of masks, which a model scores; here the masks themselves are the inputs,
    and words are left out where their tokens are put together.
    """

    immutable_outputs = True

    def __init__(self, classifier: SentimentClassifier, words: Sequence[str], tree: Tree):
        self._classifier = classifier
        started = time.perf_counter()
        self._tokens = classifier.tokenise(words)
        classifier.observer(Pass((), time.perf_counter() - started, 0.0))
        self._positive = classifier.bundle.labels.index("Positive")
        self.clustering = tree.linkage
        self.shape = (1, len(words))
        self.evaluations = 0

    def __call__(self, mask: NDArray[np.bool_], _: object) -> tuple[NDArray[np.bool_]]:
        return (mask[None],)

    def mask_shapes(self, _: object) -> list[tuple[int]]:
        return [(len(self._tokens),)]

    def log_odds(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return (masks,) for masks (masks, words) that are true where a word is kept."""
        self.evaluations += len(masks)
        kept = [list(chain.from_iterable(compress(self._tokens, mask))) for mask in masks]
        scores = self._classifier.score_tokens(kept)
        self._classifier.observer(Pass((), 0.0, scores.infer_seconds, sum(scores.tokens)))
        logits = np.array(scores.logits)
        found: NDArray[np.float64] = logits[:, self._positive] - logits[:, 1 - self._positive]
        return found


def values(classifier: SentimentClassifier, words: Sequence[str], max_evaluations: int) -> Values:
    """Return what each word adds, by at most so many evaluations of the text without some."""
    tree = grow(words)
    game = _Game(classifier, words, tree)
    if tree.leaves == 1:
        base, whole = game.log_odds(np.array([[False], [True]]))
        return Values(float(base), [(0, 1, float(whole - base))], True, game.evaluations)
    # Two more are counted for each node that is split, so that an odd one would be exceeded.
    found = Partition(game.log_odds, game)(
        np.ones((1, tree.leaves)),
        max_evals=max_evaluations // 2 * 2,
        batch_size=BATCH,
        silent=True,
    )
    leaves = found.values[0]
    complete = game.evaluations == tree.evaluations
    spans = [(i, i + 1) for i in range(tree.leaves)]
    if not complete:
        spans = _resolved(tree, found.hierarchical_values[0])
    return Values(
        float(found.base_values[0]),
        [(start, end, float(leaves[start:end].sum())) for start, end in spans],
        complete,
        game.evaluations,
    )


def _resolved(tree: Tree, own: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the ``(start, end)`` of the words and phrases that weights are known of.

    ``own``: what each node was credited with and not its children, as they were not evaluated. A
    node is a phrase where that is most of all the credit at and below it.
    """
    below = np.abs(own)
    sizes = np.ones(len(own), dtype=int)
    for node in range(tree.leaves, len(own)):
        children = list(tree.children(node))
        below[node] += below[children].sum()
        sizes[node] = sizes[children].sum()
    found, start, waiting = [], 0, [len(own) - 1]
    while waiting:
        node = waiting.pop()
        if node < tree.leaves or 2 * abs(own[node]) > below[node]:
            found.append((start, start + int(sizes[node])))
            start = found[-1][1]
        else:
            waiting += reversed(tree.children(node))
    return found
