"""Explains a prediction: what each word of a text contributes to the log-odds of Positive."""

import math
import time
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.deadline import Deadline
from app.explanation.owen import Coalition, owen_values
from app.explanation.tree import build
from app.explanation.words import words as words_of
from app.sentiment import polarity
from app.sentiment.analysis import Analysis
from app.sentiment.classifier import Prediction, ScoringStats, SentimentClassifier
from app.sentiment.text import Text, decode_surrogates, normalise


class Weight(BaseModel):
    """The contribution of a word or phrase."""

    model_config = ConfigDict(frozen=True)

    text: str = Field(description="The characters `start` to `end` of the text as it was sent.")
    start: int = Field(description="Where it starts, in characters (Unicode code points).")
    end: int = Field(description="Where it ends: the first character after it.")
    weight: float = Field(description="What it contributes to the log-odds of Positive.")


class Reasons(BaseModel):
    """Why a text is predicted as it is: `base_value` and all weights add up to `value`."""

    base_value: float = Field(description="The log-odds of Positive without any of the words.")
    value: float = Field(description="The log-odds of Positive, calibrated as the scores are.")
    unit: Literal["words", "phrases"] = Field(
        description="What has a weight: each word or, if evaluations or time ran out, phrases too."
    )
    complete: bool = Field(
        description="Whether evaluations and time sufficed to weigh each word by itself."
    )
    evaluations: int = Field(description="Variants of the text that were scored.")
    words: list[Weight] = Field(description="Words or phrases in their order.")


class Explanation(Reasons, Prediction):
    """A prediction and its reasons: `base_value` and all weights add up to `value`."""


class ExplainedAnalysis(Reasons, Analysis):
    """An analysis and its reasons: `base_value` and all weights add up to `value`."""


class _WordGame:
    """The game whose players are words; its value is the log-odds of Positive.

    A coalition is scored as the text reduced to its words. Each word is tokenised once, and a
    variant of the text is a concatenation of slices of those tokens.
    """

    def __init__(self, classifier: SentimentClassifier, words: Sequence[str]) -> None:
        self._classifier = classifier
        started = time.perf_counter()
        tokens = classifier.tokenise(words)
        classifier.observer(ScoringStats((), time.perf_counter() - started, 0.0))
        self._tokens = list(chain.from_iterable(tokens))
        self._offsets = [0, *accumulate(map(len, tokens))]

    def __call__(self, coalitions: Sequence[Coalition]) -> list[float]:
        scores = self._classifier.score_tokens([self._variant(each) for each in coalitions])
        self._classifier.observer(ScoringStats((), 0.0, scores.infer_seconds, sum(scores.tokens)))
        return list(map(polarity.log_odds, scores.logits))

    def _variant(self, coalition: Coalition) -> list[int]:
        tokens, offsets = self._tokens, self._offsets
        variant: list[int] = []
        for node in coalition:
            variant += tokens[offsets[node.start] : offsets[node.end]]
        return variant


def explain(
    classifier: SentimentClassifier, raw_text: str, max_evaluations: int, deadline: Deadline
) -> Explanation:
    """Explain the prediction for a text; see `reasons`.

    The prediction may come from the cache.
    """
    [prediction] = classifier.predict([Text(normalise(raw_text))])
    weighed = reasons(classifier, raw_text, max_evaluations, deadline)
    return Explanation(**dict(prediction), **dict(weighed))


def explain_analysis(
    classifier: SentimentClassifier,
    raw_text: str,
    max_evaluations: int,
    deadline: Deadline,
    *,
    neutral: bool,
    sentences: bool,
) -> ExplainedAnalysis:
    """Explain the analysis of a text; see `reasons` and `SentimentClassifier.analyse`."""
    [analysis] = classifier.analyse(
        [Text(normalise(raw_text))],
        originals=[raw_text] if sentences else None,
        neutral=neutral,
    )
    weighed = reasons(classifier, raw_text, max_evaluations, deadline)
    return ExplainedAnalysis(**dict(analysis), **dict(weighed))


def reasons(
    classifier: SentimentClassifier, raw_text: str, max_evaluations: int, deadline: Deadline
) -> Reasons:
    """Return what each word of a text contributes. Its variants are always scored.

    Args:
        max_evaluations: the maximum number of variants to score; at least 2, for the full text and
            the empty one.
        deadline: when it passes, the parts that are not yet split are returned as phrases.

    Raises:
        Cancelled: the caller has gone (`app.sentiment.cancellation`).
    """
    words = words_of(raw_text)
    texts = [word.text for word in words]
    values = owen_values(_WordGame(classifier, texts), build(texts), max_evaluations, deadline)
    return Reasons(
        base_value=round(values.base, 6),
        value=round(values.base + math.fsum(group.value for group in values.groups), 6),
        unit="words" if values.complete else "phrases",
        complete=values.complete,
        evaluations=values.evaluations,
        words=[
            _weight(raw_text, words[start].start, words[end - 1].end, value)
            for start, end, value in values.groups
        ],
    )


def _weight(raw_text: str, start: int, end: int, weight: float) -> Weight:
    # Half of a surrogate pair has no UTF-8.
    shown = decode_surrogates(raw_text[start:end])
    return Weight(text=shown, start=start, end=end, weight=round(weight, 6))
