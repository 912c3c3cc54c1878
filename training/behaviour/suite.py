"""Measures the abilities of a bundle: of each, in how many cases it fails."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text, normalise
from training.behaviour.cases import Case

TOLERANCE = 0.1
"""How far a probability may differ between texts that say the same (Ribeiro et al. 2020)."""
DOUBT = 1 / 3
"""Of two labels, Neutral is a probability of Positive between this and its complement."""
EXAMPLES = 3


@dataclass
class Result:
    """What became of an ability's cases; of texts that must not differ, each pair counts."""

    cases: int = 0
    failures: int = 0
    examples: list[str] = field(default_factory=list)
    """The first texts that failed."""

    @property
    def rate(self) -> float:
        """The share of cases that failed."""
        return self.failures / self.cases


class _Outcome(NamedTuple):
    probabilities: NDArray[np.float64]
    """Of each label."""
    label: int
    """Negative, Neutral or Positive, as 0, 1 or 2."""


def measure(classifier: SentimentClassifier, cases: Sequence[Case]) -> dict[str, Result]:
    """Score the cases and return the result of each ability."""
    outcomes = iter(_outcomes(classifier, (text for case in cases for text in case.texts)))
    results: defaultdict[str, Result] = defaultdict(Result)
    for case in cases:
        of_case = [next(outcomes) for _ in case.texts]
        failed = list(_failures(case, of_case))
        result = results[case.ability]
        result.cases += len(failed)
        result.failures += sum(failed)
        if any(failed) and len(result.examples) < EXAMPLES:
            result.examples.append(case.texts[0])
    return dict(results)


def _outcomes(classifier: SentimentClassifier, texts: Iterable[str]) -> list[_Outcome]:
    scores = classifier.score([Text(normalise(text)) for text in texts])
    return [_outcome(np.array(logits)) for logits in scores.logits]


def _outcome(logits: NDArray[np.float64]) -> _Outcome:
    weights = np.exp(logits - logits.max())
    probabilities = weights / weights.sum()
    if len(probabilities) == 3:
        return _Outcome(probabilities, int(probabilities.argmax()))
    positive = probabilities[1]
    label = 1 if DOUBT < positive < 1 - DOUBT else 2 * int(positive >= 0.5)
    return _Outcome(probabilities, label)


def _failures(case: Case, outcomes: Sequence[_Outcome]) -> Iterator[bool]:
    if case.right:
        yield outcomes[0].label not in case.right
        return
    for one, other in combinations(outcomes, 2):
        yield bool(np.abs(one.probabilities - other.probabilities).max() > TOLERANCE)


def table(results: dict[str, Result]) -> str:
    """Return the results as a Markdown table, the worst ability first."""
    rows = ["| ability | cases | fail | for example |", "|---|---:|---:|---|"]
    for name, result in sorted(results.items(), key=lambda item: -item[1].rate):
        example = result.examples[0] if result.examples else ""
        rows.append(f"| {name} | {result.cases:,} | {result.rate:.1%} | {example} |")
    return "\n".join(rows)
