"""Why a text was scored as it was: what each of its words adds to the log-odds of Positive."""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.explanation.words import words as words_of
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import Text, normalise

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


def explain(classifier: SentimentClassifier, sent: str, max_evaluations: int) -> Explanation:
    """Explain the prediction for a text as it was sent, by at most so many variants of it.

    ``max_evaluations``: at least 2, the text and nothing of it. The prediction may be a remembered
    one, the variants never are.

    Raises:
        NotInstalled: the package `shap` is not, or not with all that it needs.
    """
    try:
        from app.explanation.owen import values
    except ImportError as error:
        raise NotInstalled(MISSING) from error
    pieces = words_of(sent)
    found = values(classifier, [piece.text for piece in pieces], max_evaluations)
    [prediction] = classifier.predict([Text(normalise(sent))])
    return Explanation(
        **prediction.model_dump(),
        base_value=round(found.base, 6),
        value=round(found.base + math.fsum(weight for _, _, weight in found.spans), 6),
        unit="words" if found.complete else "phrases",
        complete=found.complete,
        evaluations=found.evaluations,
        words=[
            _weight(sent, pieces[start].start, pieces[end - 1].end, weight)
            for start, end, weight in found.spans
        ],
    )


def _weight(sent: str, start: int, end: int, weight: float) -> Weight:
    shown = sent[start:end].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Weight(text=shown, start=start, end=end, weight=round(weight, 6))
