"""Batches: each text is accepted or rejected on its own, by its index in the request."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from app.scoring.configuration import text_limits
from app.sentiment.classifier import SentimentClassifier, may_exceed
from app.sentiment.text import MAX_GROWTH, InvalidText, Text, TextTooLong, check_tokens, parse
from app.settings import Settings


class InvalidBatch(ValueError):
    """Texts that cannot be scored together; the message says why and what is allowed."""


@dataclass(frozen=True)
class Batch:
    """The texts of a request: each index is in ``texts`` or in ``errors``."""

    texts: Mapping[int, Text]
    """Those that can be scored."""
    errors: Mapping[int, str]
    """Why each of the others cannot be scored: the message of its `InvalidText`."""
    too_long: Set[int]
    """The indices in ``errors`` of texts that exceed a limit of one text."""


def parse_batch(values: object, classifier: SentimentClassifier, settings: Settings) -> Batch:
    """Check each text on its own, then the limits of the batch as a whole.

    Raises:
        InvalidBatch: the value is not a list of at least one text, or it exceeds
            ``max_batch_texts``, ``max_batch_characters`` or ``max_batch_tokens``.
    """
    if not isinstance(values, list) or not values:
        raise InvalidBatch("must be an array of at least one string")
    if len(values) > settings.max_batch_texts:
        raise InvalidBatch(
            f"must hold at most {settings.max_batch_texts:,} texts, not {len(values):,}"
        )
    limits = text_limits(settings)
    # A text that exceeds the limit of one text does not count: it becomes an error on its own.
    lengths = [len(value) for value in values if isinstance(value, str)]
    characters = sum(length for length in lengths if length <= limits.characters)
    if characters > settings.max_batch_characters:
        raise InvalidBatch(
            f"must have at most {settings.max_batch_characters:,} characters together, "
            f"not {characters:,}"
        )
    texts: dict[int, Text] = {}
    errors: dict[int, str] = {}
    too_long: set[int] = set()
    normalised, allowed = 0, MAX_GROWTH * settings.max_batch_characters
    for index, value in enumerate(values):
        try:
            texts[index] = parse(value, limits.characters)
        except InvalidText as error:
            errors[index] = str(error)
            if isinstance(error, TextTooLong):
                too_long.add(index)
            continue
        normalised += len(texts[index])
        if normalised > allowed:
            raise InvalidBatch(
                f"must have at most {allowed:,} characters together after Unicode normalisation; "
                f"the first {index + 1:,} have {normalised:,}"
            )
    if may_exceed(texts.values(), min(limits.tokens, settings.max_batch_tokens)):
        too_many_tokens = _token_errors(texts, classifier, settings)
        errors |= too_many_tokens
        too_long |= too_many_tokens.keys()
    return Batch(
        {index: text for index, text in texts.items() if index not in errors},
        dict(sorted(errors.items())),
        too_long,
    )


def _token_errors(
    texts: Mapping[int, Text], classifier: SentimentClassifier, settings: Settings
) -> dict[int, str]:
    """Return an error for each text that has too many tokens.

    Raises:
        InvalidBatch: the other texts have too many tokens together.
    """
    errors: dict[int, str] = {}
    together = 0
    counts = classifier.token_counts(list(texts.values()))
    for index, tokens in zip(texts, counts, strict=True):
        try:
            check_tokens(tokens, settings.max_text_tokens)
            together += tokens
        except InvalidText as error:
            errors[index] = str(error)
    if together > settings.max_batch_tokens:
        raise InvalidBatch(
            f"must have at most {settings.max_batch_tokens:,} tokens together, not {together:,}"
        )
    return errors
