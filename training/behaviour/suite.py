"""Measures the abilities of a bundle: of each, in how many cases it fails."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text, normalise
from training import outcomes
from training.behaviour.cases import (
    COMMONEST_EMOJI_ABILITY,
    NOTATIONS_ABILITY,
    OF_PEOPLE,
    TOLERANCE,
    Case,
)

EXAMPLES = 3
ON_A_SIDE = (COMMONEST_EMOJI_ABILITY, NOTATIONS_ABILITY)
SUMMARY: Mapping[str, str] = {
    "emoji_and_grades_right": "the hundred commonest emoji and all notations of grades that come "
    "out on the right side",
    "pairs_that_differ": "pairs that differ in an identity, name, place, number or date, and in a "
    f"probability by more than {TOLERANCE}",
    "worst_failure_rate": "failures of the worst ability, such pairs aside",
}
"""What sums the results up, by its name in a report and in a card."""


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


def summary(results: Mapping[str, Result]) -> dict[str, Any]:
    """Return the results and the `figures` that sum them up, as they stand in JSON."""
    abilities = {
        name: {"cases": result.cases, "failure_rate": round(result.rate, 4)}
        for name, result in results.items()
    }
    return {"abilities": abilities, "behaviour": figures(results)} if results else {}


def figures(results: Mapping[str, Result]) -> dict[str, float]:
    """Return the shares of `SUMMARY`, rounded to four digits, those that have any cases."""
    of_people = [result for name, result in results.items() if name.startswith(OF_PEOPLE)]
    others = [result for name, result in results.items() if not name.startswith(OF_PEOPLE)]
    on_a_side = [results[name] for name in ON_A_SIDE if name in results]
    shares = {
        "emoji_and_grades_right": 1 - _rate(on_a_side) if on_a_side else None,
        "pairs_that_differ": _rate(of_people) if of_people else None,
        "worst_failure_rate": max((result.rate for result in others), default=None),
    }
    return {name: round(share, 4) for name, share in shares.items() if share is not None}


def _rate(results: Sequence[Result]) -> float:
    return sum(result.failures for result in results) / sum(result.cases for result in results)


def _differences(probabilities: Sequence[NDArray[np.float64]]) -> list[bool]:
    """Return of each pair of texts whether their probabilities differ."""
    return [
        bool(np.abs(one - other).max() > TOLERANCE) for one, other in combinations(probabilities, 2)
    ]


def _falls(probabilities: Sequence[NDArray[np.float64]]) -> list[bool]:
    """Return of each text but the first whether it is less positive than the one before."""
    balances = [one[-1] - one[0] for one in probabilities]
    return [bool(balance - after > 2 * TOLERANCE) for balance, after in pairwise(balances)]


def worst_first(results: Mapping[str, Result]) -> list[tuple[str, Result]]:
    """Return the abilities with their results, the highest share of failures first."""
    return sorted(results.items(), key=lambda item: -item[1].rate)


def table(results: Mapping[str, Result]) -> str:
    """Return the results as a Markdown table, the worst ability first, and what sums them up."""
    rows = ["| ability | cases | fail | for example |", "|---|---:|---:|---|"]
    for name, result in worst_first(results):
        example = result.examples[0] if result.examples else ""
        rows.append(f"| {name} | {result.cases:,} | {result.rate:.1%} | {example} |")
    rows += ["", *(f"{SUMMARY[name]}: {share:.1%}" for name, share in figures(results).items())]
    return "\n".join(rows)
