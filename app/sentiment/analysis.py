"""The analysis of a text: its sentiment with Neutral as a possible answer, and its sentences."""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from app.sentiment import polarity

LABELS = ("Negative", "Neutral", "Positive")
CLEAR = 0.5
"""The score from which a sentence is clearly Positive; minus it, clearly Negative. The bench part
``sentences`` measures how well mixed texts are recognised by it."""


class Outcome(BaseModel):
    """The sentiment of a text or a sentence."""

    model_config = ConfigDict(frozen=True)

    sentiment: str = Field(
        description="The most probable label: `Positive`, `Negative` or, if asked for, `Neutral`."
    )
    confidence: float = Field(description="The calibrated probability of that label.")
    scores: dict[str, float] = Field(description="The calibrated probability of each label.")
    score: float = Field(
        description="The probability of Positive minus that of Negative, from -1 to 1."
    )


def outcome(logits: Sequence[float], *, neutral: bool) -> Outcome:
    """Return the sentiment that the logits of a text say, of two labels or of three.

    ``neutral``: whether it may be Neutral. If not, see `app.sentiment.polarity`.
    Of two labels, the probability of Neutral is 0.
    """
    of_three = polarity.outcomes(logits)
    score = round(of_three[2] - of_three[0], 4) + 0.0  # which makes 0.0 of -0.0
    if neutral:
        scores = dict(zip(LABELS, of_three, strict=True))
    else:
        scores = dict(zip(("Negative", "Positive"), polarity.sides(logits), strict=True))
    sentiment = "Positive" if polarity.log_odds(logits) > 0 else "Negative"
    if neutral and scores["Neutral"] > scores[sentiment]:
        sentiment = "Neutral"
    scores = {label: round(probability, 4) for label, probability in scores.items()}
    return Outcome(sentiment=sentiment, confidence=scores[sentiment], scores=scores, score=score)


class Sentence(Outcome):
    """A sentence and its sentiment."""

    text: str = Field(description="The characters `start` to `end` of the text as it was sent.")
    start: int = Field(description="Where it starts, in characters (Unicode code points).")
    end: int = Field(description="Where it ends: the first character after it.")


class Analysis(Outcome):
    """The sentiment of a text and, if asked for, of each of its sentences."""

    tokens: int = Field(
        description="The number of tokens in the text, including the two special ones."
    )
    windows: int = Field(
        description="The number of overlapping windows in which the text was scored."
    )
    cached: bool = Field(description="Whether the text's scores come from the cache.")
    model: str = Field(description="The revision of the model.")
    sentences: list[Sentence] | None = Field(
        None, description="The sentences in their order, if asked for."
    )
    mixed: bool | None = Field(
        None,
        description="Whether at least one sentence is clearly Positive and one clearly Negative: "
        f"a `score` of {CLEAR} or more, and of -{CLEAR} or less. Given with `sentences`.",
    )
    magnitude: float | None = Field(
        None,
        description="How much sentiment the text has in all: the sum of the absolute `score` of "
        "its sentences. Given with `sentences`.",
    )


def mixed(sentences: Sequence[Outcome], clear: float = CLEAR) -> bool:
    """Return whether sentences are clearly on both sides: with a score of ``clear`` on each."""
    scores = [sentence.score for sentence in sentences]
    return bool(scores) and max(scores) >= clear and min(scores) <= -clear


def magnitude(sentences: Sequence[Outcome]) -> float:
    """Return how much sentiment the sentences have together."""
    return round(math.fsum(abs(sentence.score) for sentence in sentences), 4)
