"""Measures the abilities of a bundle: of each, in how many cases it fails."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text, normalise
from training import outcomes
from training.behaviour.cases import TOLERANCE, Case

EXAMPLES = 3


@dataclass
class Result:
    """What became of an ability's cases; of texts that must agree or rise, each pair counts."""

    cases: int = 0
    failures: int = 0
    examples: list[str] = field(default_factory=list)
    """The first texts that failed."""

    @property
    def rate(self) -> float:
        """The share of cases that failed."""
        return self.failures / self.cases


def measure(classifier: SentimentClassifier, cases: Sequence[Case]) -> dict[str, Result]:
    """Score the cases and return the result of each ability."""
    texts = [Text(normalise(text)) for case in cases for text in case.texts]
    logits = np.array(classifier.score(texts).logits)
    scores = iter(zip(outcomes.probabilities(logits), outcomes.three_way(logits), strict=True))
    results: defaultdict[str, Result] = defaultdict(Result)
    for case in cases:
        probabilities, labels = zip(*(next(scores) for _ in case.texts), strict=True)
        if case.right:
            failed = [labels[0] not in case.right]
        elif case.rising:
            failed = _falls(probabilities)
        else:
            failed = _differences(probabilities)
        result = results[case.ability]
        result.cases += len(failed)
        result.failures += sum(failed)
        if any(failed) and len(result.examples) < EXAMPLES:
            result.examples.append(case.texts[0])
    return dict(results)


def _differences(probabilities: Sequence[NDArray[np.float64]]) -> list[bool]:
    """Return of each pair of texts whether their probabilities differ."""
    return [
        bool(np.abs(one - other).max() > TOLERANCE) for one, other in combinations(probabilities, 2)
    ]


def _falls(probabilities: Sequence[NDArray[np.float64]]) -> list[bool]:
    """Return of each text but the first whether it is less positive than the one before."""
    balances = [one[-1] - one[0] for one in probabilities]
    return [bool(balance - after > 2 * TOLERANCE) for balance, after in pairwise(balances)]


def table(results: dict[str, Result]) -> str:
    """Return the results as a Markdown table, the worst ability first."""
    rows = ["| ability | cases | fail | for example |", "|---|---:|---:|---|"]
    for name, result in sorted(results.items(), key=lambda item: -item[1].rate):
        example = result.examples[0] if result.examples else ""
        rows.append(f"| {name} | {result.cases:,} | {result.rate:.1%} | {example} |")
    return "\n".join(rows)
