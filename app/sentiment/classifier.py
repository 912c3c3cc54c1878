"""Text to sentiment: cache, tokens, windows, engine, pooled logits, temperature, label."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from app.sentiment import cancellation, engines
from app.sentiment import windows as windowing
from app.sentiment.bundle import Bundle
from app.sentiment.bundle import load as load_bundle
from app.sentiment.cache import Cache
from app.sentiment.engines import Engine
from app.sentiment.text import Limits, Text, check_tokens, parse

GROUP_CHARACTERS = 200_000
"""Characters of texts that are tokenised together: tokens take some 500 bytes each until then."""
MAX_TOKENS_PER_CHARACTER = 3
"""What the tokenizer makes of a normalised character at most: of a Hangul syllable, its letters."""


class Prediction(BaseModel):
    """What a text was found to say."""

    model_config = ConfigDict(frozen=True)

    sentiment: str = Field(description="The likelier label: `Positive` or `Negative`.")
    confidence: float = Field(description="The calibrated probability of that label, 0.5 to 1.")
    scores: dict[str, float] = Field(description="Each label's calibrated probability.")
    tokens: int = Field(description="Tokens in the whole text, the two special ones included.")
    windows: int = Field(description="Overlapping windows that the text was scored in.")
    cached: bool = Field(description="Whether this answer was remembered rather than computed.")
    model: str = Field(description="The revision of the weights.")


class Scores(NamedTuple):
    """What was computed of texts, in their order."""

    logits: list[list[float]]
    """Over the temperature, of each label, (texts, labels)."""
    tokens: list[int]
    """In each whole text, the two special ones included."""
    windows: list[int]
    tokenise_seconds: float
    infer_seconds: float


class ScoringStats(NamedTuple):
    """The predictions of one scoring call, and the time and tokens that it took."""

    predictions: Sequence[Prediction]
    """Empty for the variants of a text that an explanation scores."""
    tokenise_seconds: float
    infer_seconds: float
    variant_tokens: int = 0
    """Tokens of the variants of a text that an explanation scores."""


class SentimentClassifier:
    """One loaded model; safe to call from several threads.

    ``observer`` is called with the stats of each scoring call, in the thread of that call.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        cache_size: int = 0,
        observer: Callable[[ScoringStats], None] = lambda stats: None,
    ) -> None:
        self.bundle = bundle
        self.cache: Cache[Prediction] = Cache(cache_size, bundle.revision)
        self._engine = engine
        self.observer = observer

    def parse(self, value: object, limits: Limits) -> Text:
        """Return the value as a text to score: what every way in does with what it is sent.

        Raises:
            InvalidText: it is no string, blank, or longer than the limits allow.
        """
        text = parse(value, limits.characters)
        if may_exceed([text], limits.tokens):
            [tokens] = self.token_counts([text])
            check_tokens(tokens, limits.tokens)
        return text

    def token_counts(self, texts: Sequence[Text]) -> list[int]:
        """Return how many tokens each text has, the two special ones included.

        A text that is scored afterwards is tokenised again. That takes at most a fortieth of the
        time that scoring does, and half a percent for English.
        """
        return [len(ids) + 2 for group in _groups(texts) for ids in self.tokenise(group)]

    def predict(self, texts: Sequence[Text]) -> list[Prediction]:
        """Return a prediction for each text, in the order of the texts.

        A text's prediction does not depend on the others; a text that repeats is scored once.
        """
        found = {text: self.cache.get(text) for text in dict.fromkeys(texts)}
        missing = [text for text, prediction in found.items() if prediction is None]
        answers = {
            text: prediction.model_copy(update={"cached": True})
            for text, prediction in found.items()
            if prediction is not None
        }
        tokenise_seconds = infer_seconds = 0.0
        for group in _groups(missing):
            scores = self.score(group)
            tokenise_seconds += scores.tokenise_seconds
            infer_seconds += scores.infer_seconds
            for text, prediction in zip(group, self._predictions(scores), strict=True):
                self.cache.put(text, prediction)
                answers[text] = prediction
        predictions = [answers[text] for text in texts]
        self.observer(ScoringStats(predictions, tokenise_seconds, infer_seconds))
        return predictions

    def score(self, texts: Sequence[Text]) -> Scores:
        """Score each text, uncached: its windows' logits, pooled, over the temperature."""
        started = time.perf_counter()
        tokens = self.tokenise(texts)
        tokenised = time.perf_counter()
        return self.score_tokens(tokens)._replace(tokenise_seconds=tokenised - started)

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids, whole, without the special tokens."""
        return self._engine.tokenise(texts)

    def score_tokens(self, tokens: Sequence[Sequence[int]]) -> Scores:
        """Score as `score` does what is tokenised already, special tokens excluded.

        Raises:
            Cancelled: whoever asked has gone (`app.sentiment.cancellation`).
        """
        engine, bundle = self._engine, self.bundle
        started = time.perf_counter()
        spans = [bundle.spans(len(ids)) for ids in tokens]
        rows = [
            [engine.start_token, *ids[start:end], engine.end_token]
            for ids, of_text in zip(tokens, spans, strict=True)
            for start, end in of_text
        ]
        logits: dict[int, list[float]] = {}
        for bucket in windowing.buckets([len(row) for row in rows]):
            cancellation.check()
            logits.update(zip(bucket, engine.logits([rows[i] for i in bucket]), strict=True))
        in_order = iter([logits[i] for i in range(len(rows))])
        counts = [len(of_text) for of_text in spans]
        return Scores(
            [self._pooled(list(islice(in_order, count))) for count in counts],
            [len(ids) + 2 for ids in tokens],
            counts,
            0.0,
            time.perf_counter() - started,
        )

    def _pooled(self, of_windows: Sequence[Sequence[float]]) -> list[float]:
        # Reviews begin and end with their verdict: there a window counts twice, which on held-out
        # reviews was better than a plain mean whatever the windows (docs/training-notes.md).
        weighted = [of_windows[0], *of_windows, of_windows[-1]]
        divisor = len(weighted) * self.bundle.temperature
        return [math.fsum(of_label) / divisor for of_label in zip(*weighted, strict=True)]

    def _predictions(self, scores: Scores) -> list[Prediction]:
        return [
            self._prediction(*found)
            for found in zip(scores.logits, scores.tokens, scores.windows, strict=True)
        ]

    def _prediction(self, logits: Sequence[float], tokens: int, windows: int) -> Prediction:
        highest = max(logits)
        weights = [math.exp(logit - highest) for logit in logits]
        total = math.fsum(weights)
        scores = {
            label: round(weight / total, 4)
            for label, weight in zip(self.bundle.labels, weights, strict=True)
        }
        label = self.bundle.labels[logits.index(highest)]
        return Prediction(
            sentiment=label,
            confidence=scores[label],
            scores=scores,
            tokens=tokens,
            windows=windows,
            cached=False,
            model=self.bundle.revision,
        )


def may_exceed(texts: Iterable[Text], tokens: int) -> bool:
    """Return whether the texts may have more tokens together, as far as their length tells."""
    return sum(len(text) * MAX_TOKENS_PER_CHARACTER + 2 for text in texts) > tokens


def _groups(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Yield the texts in groups of `GROUP_CHARACTERS`, so that memory is bounded."""
    group: list[Text] = []
    characters = 0
    for text in texts:
        if group and characters + len(text) > GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
        group.append(text)
        characters += len(text)
    if group:
        yield group


def load(
    folder: Path,
    engine: str,
    *,
    threads: int = 0,
    cache_size: int = 0,
    observer: Callable[[ScoringStats], None] = lambda stats: None,
) -> SentimentClassifier:
    """Load a bundle and an engine, and score one text so that the first request does not warm up.

    ``threads``: threads that compute; 0 starts one for each processor.

    Raises:
        BundleError: the bundle is missing or damaged.
    """
    bundle = load_bundle(folder)
    loaded = engines.load(engine, bundle, threads)
    classifier = SentimentClassifier(bundle, loaded, cache_size, observer)
    classifier.score([Text("warm up")])
    return classifier
