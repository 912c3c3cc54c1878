"""Why a text was scored as it was: what each of its words adds to the log-odds of Positive.

The weights are Owen values (Owen 1977, "Values of games with a priori unions"): Shapley values that
respect a tree of adjacent words, as the partition explainer of the package `shap` computes them. It
asks what the served model says of the text without some of its words, as if they had not been sent.
"""

import os
from collections.abc import Sequence
from itertools import chain, compress
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import Text, normalise
from app.sentiment.tree import Tree, grow
from app.sentiment.words import Piece
from app.sentiment.words import words as words_of

BATCH = 32
"""Texts in one pass: what is split next is decided after each, so fewer choose better."""
MISSING = (
    "Explanations need the package shap, which is not installed here: "
    "pip install -r requirements-explain.txt"
)


class NotInstalled(Exception):
    """The package `shap` is not installed, or not with all that it needs."""


class Weight(BaseModel):
    """What a word or phrase adds."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(description="The characters `start` to `end` of the text as it was sent.")
    start: int = Field(description="Where it starts, in characters (Unicode code points).")
    end: int = Field(description="Where it ends: the first character after it.")
    weight: float = Field(description="What it adds to the log-odds of Positive.")


class Explanation(Prediction):
    """A prediction, and why: `base_value` and all weights sum up to `value`."""

    base_value: float = Field(description="The log-odds of Positive without any of the words.")
    value: float = Field(description="The log-odds of Positive, calibrated as the scores are.")
    unit: Literal["words", "phrases"] = Field(
        description="What has a weight: each word, or where evaluations ran out, phrases too."
    )
    complete: bool = Field(description="Whether there were evaluations enough to weigh each word.")
    evaluations: int = Field(description="Variants of the text that were scored.")
    words: list[Weight] = Field(description="Words or phrases in their order.")


class _Game:
    """The text without some of its words, to `shap` both a masker and a model.

    A masker makes inputs of masks, which a model scores; here the masks themselves are the inputs,
    and words are left out where their tokens are put together.
    """

    immutable_outputs = True

    def __init__(self, classifier: SentimentClassifier, pieces: Sequence[Piece], tree: Tree):
        self._classifier = classifier
        self._tokens = classifier.tokenise([piece.text for piece in pieces])
        self._positive = classifier.bundle.labels.index("Positive")
        self.clustering = tree.linkage
        self.shape = (1, len(pieces))
        self.evaluations = 0

    def __call__(self, mask: NDArray[np.bool_], _: object) -> tuple[NDArray[np.bool_]]:
        return (mask[None],)

    def mask_shapes(self, _: object) -> list[tuple[int]]:
        return [(len(self._tokens),)]

    def log_odds(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return (masks,) for masks (masks, words) that are true where a word is kept."""
        self.evaluations += len(masks)
        kept = [list(chain.from_iterable(compress(self._tokens, mask))) for mask in masks]
        logits = self._classifier.score_tokens(kept).logits
        found: NDArray[np.float64] = logits[:, self._positive] - logits[:, 1 - self._positive]
        return found


def explain(classifier: SentimentClassifier, sent: str, max_evaluations: int) -> Explanation:
    """Explain the prediction for a text as it was sent, by at most so many variants of it.

    ``max_evaluations``: at least 2, the text and nothing of it. The prediction may be a remembered
    one, the variants never are.

    Raises:
        NotInstalled: the package `shap` is not, or not with all that it needs.
    """
    partition = _partition_explainer()
    pieces = words_of(sent)
    tree = grow([piece.text for piece in pieces])
    game = _Game(classifier, pieces, tree)
    [prediction] = classifier.predict([Text(normalise(sent))])
    if tree.leaves == 1:
        base, value = game.log_odds(np.array([[False], [True]]))
        leaves, own = np.array([value - base]), np.array([value - base])
    else:
        explainer = partition(game.log_odds, game)
        # Two more are counted for each node that is split, so that an odd one would be exceeded.
        found = explainer(
            np.ones((1, tree.leaves)),
            max_evals=max_evaluations // 2 * 2,
            batch_size=BATCH,
            silent=True,
        )
        base, leaves, own = found.base_values[0], found.values[0], found.hierarchical_values[0]
    complete = game.evaluations == tree.evaluations
    spans = _resolved(tree, own) if not complete else [(i, i + 1) for i in range(tree.leaves)]
    return Explanation(
        **prediction.model_dump(),
        base_value=round(float(base), 6),
        value=round(float(base + leaves.sum()), 6),
        unit="words" if complete else "phrases",
        complete=complete,
        evaluations=game.evaluations,
        words=[
            _weight(sent, pieces[start].start, pieces[end - 1].end, leaves[start:end].sum())
            for start, end in spans
        ],
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


def _weight(sent: str, start: int, end: int, weight: float) -> Weight:
    shown = sent[start:end].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Weight(text=shown, start=start, end=end, weight=round(float(weight), 6))


def _partition_explainer() -> Any:
    """Import what takes seconds to, at the first explanation."""
    # What it would compile, in 7 seconds and anew in each process, runs in microseconds as it is.
    os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
    try:
        from shap.explainers import Partition
    except ImportError as error:
        raise NotInstalled(MISSING) from error
    return Partition
