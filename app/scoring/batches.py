"""Many texts at once: each is scored or refused by itself, under its place in the request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from app.sentiment.classifier import Prediction, SentimentClassifier, may_exceed
from app.sentiment.text import MAX_GROWTH, InvalidText, Text, check_tokens, parse
from app.settings import Settings
from app.web.problems import InvalidBatch, Problem, invalid


class Indexed(BaseModel):
    """What belongs to one text of a request."""

    index: int


class BatchPrediction(Prediction, Indexed):
    """A prediction and its text's place in the request."""


class BatchError(Indexed):
    """Why a text was not scored, and its place in the request."""

    problem: Problem


class BatchAnswer(BaseModel):
    """Every text is in one of the two, by its index."""

    results: list[BatchPrediction]
    errors: list[BatchError]


@dataclass(frozen=True)
class Batch:
    """The texts that can be scored, by index, and why the others cannot."""

    texts: Mapping[int, Text]
    errors: Sequence[BatchError]

    def answer(self, predictions: Sequence[Prediction]) -> BatchAnswer:
        """Put the prediction of each text, in their order, under its index."""
        results = [
            BatchPrediction(index=index, **dict(prediction))
            for index, prediction in zip(self.texts, predictions, strict=True)
        ]
        return BatchAnswer(results=results, errors=list(self.errors))


def parse_batch(values: object, classifier: SentimentClassifier, settings: Settings) -> Batch:
    """Judge every text by itself, and whether all can be scored together.

    Raises:
        InvalidBatch: it is no list, or is larger than ``max_batch_texts``, ``max_batch_characters``
            or ``max_batch_tokens`` allow.
    """
    if not isinstance(values, list) or not values:
        raise InvalidBatch("must be an array of at least one string")
    if len(values) > settings.max_batch_texts:
        raise InvalidBatch(
            f"must hold at most {settings.max_batch_texts:,} texts, not {len(values):,}"
        )
    # A text that is too long by itself is an error of its own.
    lengths = [len(value) for value in values if isinstance(value, str)]
    characters = sum(length for length in lengths if length <= settings.max_text_characters)
    if characters > settings.max_batch_characters:
        raise InvalidBatch(
            f"must have at most {settings.max_batch_characters:,} characters together, "
            f"not {characters:,}"
        )
    texts: dict[int, Text] = {}
    errors: dict[int, InvalidText] = {}
    normalised, allowed = 0, MAX_GROWTH * settings.max_batch_characters
    for index, value in enumerate(values):
        try:
            texts[index] = parse(value, settings.max_text_characters)
        except InvalidText as error:
            errors[index] = error
            continue
        normalised += len(texts[index])
        if normalised > allowed:
            raise InvalidBatch(
                f"must have at most {allowed:,} characters together after Unicode normalisation; "
                f"the first {index + 1:,} have {normalised:,}"
            )
    if may_exceed(texts.values(), min(settings.max_text_tokens, settings.max_batch_tokens)):
        errors |= _check_tokens(texts, classifier, settings)
    return Batch(
        {index: text for index, text in texts.items() if index not in errors},
        [
            BatchError(index=index, problem=invalid(f"#/texts/{index}", str(error)))
            for index, error in sorted(errors.items())
        ],
    )


def _check_tokens(
    texts: Mapping[int, Text], classifier: SentimentClassifier, settings: Settings
) -> dict[int, InvalidText]:
    """Return which texts have too many tokens.

    Raises:
        InvalidBatch: the others have too many together.
    """
    errors: dict[int, InvalidText] = {}
    together = 0
    counts = classifier.token_counts(list(texts.values()))
    for index, tokens in zip(texts, counts, strict=True):
        try:
            check_tokens(tokens, settings.max_text_tokens)
            together += tokens
        except InvalidText as error:
            errors[index] = error
    if together > settings.max_batch_tokens:
        raise InvalidBatch(
            f"must have at most {settings.max_batch_tokens:,} tokens together, not {together:,}"
        )
    return errors
