"""The classifier: cache, tokens, windows, engine, pooled logits, temperature, label."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import mul
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from app.sentiment import cancellation, engines, polarity
from app.sentiment import windows as windowing
from app.sentiment.analysis import Analysis, Sentence, magnitude, mixed, outcome
from app.sentiment.bundle import Bundle
from app.sentiment.bundle import load as load_bundle
from app.sentiment.cache import Cache
from app.sentiment.engines import Engine
from app.sentiment.sentences import Span, split
from app.sentiment.text import Limits, Text, check_tokens, decode_surrogates, parse

GROUP_CHARACTERS = 200_000
"""Maximum characters of texts tokenised together, as each token takes about 500 bytes."""
MIN_OPINION = 0.01
"""The least weight of a window, so that where all are neutral they all count alike."""
MAX_TOKENS_PER_CHARACTER = 3
"""A normalised character becomes at most three tokens: the letters of a Hangul syllable."""


class Prediction(BaseModel):
    """The sentiment of a text."""

    model_config = ConfigDict(frozen=True)

    sentiment: str = Field(description="The more probable label: `Positive` or `Negative`.")
    confidence: float = Field(
        description="The calibrated probability of that label, from 0.5 to 0.99."
    )
    scores: dict[str, float] = Field(description="The calibrated probability of each label.")
    tokens: int = Field(
        description="The number of tokens in the text, including the two special ones."
    )
    windows: int = Field(
        description="The number of overlapping windows in which the text was scored."
    )
    cached: bool = Field(description="Whether the prediction comes from the cache.")
    model: str = Field(description="The revision of the model.")


class Scores(NamedTuple):
    """The scores of texts, in the order of the texts."""

    logits: list[list[float]]
    """Pooled over windows and divided by the temperature, (texts, labels of the bundle)."""
    tokens: list[int]
    """Tokens of each text, including the two special ones."""
    windows: list[int]
    """Windows of each text."""
    tokenise_seconds: float
    infer_seconds: float


class ScoringStats(NamedTuple):
    """The predictions of one scoring call or of a part of it, and the time and tokens it took."""

    predictions: Sequence[Prediction | Analysis]
    """Empty for a batch of the engine, and for the variants that an explanation scores."""
    tokenise_seconds: float
    infer_seconds: float
    variant_tokens: int = 0
    """Tokens of sentences, and of the variants of a text that an explanation scores."""
    computed_tokens: int = 0
    """Tokens of one batch of the engine, reported as soon as it is computed."""


class _Scored(NamedTuple):
    """The scores of one text, from which it is answered with two outcomes or with three."""

    logits: Sequence[float]
    tokens: int
    windows: int
    cached: bool = False


class _Pass(NamedTuple):
    """The scores of the texts of one call, and the seconds that it took."""

    scored: Mapping[Text, _Scored]
    tokenise_seconds: float
    infer_seconds: float


class SentimentClassifier:
    """A loaded model. Its methods may be called from several threads.

    ``observer`` is called with the stats of each batch of the engine and of each scoring call, in
    the thread of that call.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        cache_size: int = 0,
        observer: Callable[[ScoringStats], None] = lambda stats: None,
    ) -> None:
        self.bundle = bundle
        self.cache: Cache[_Scored] = Cache(cache_size, bundle.revision)
        self._engine = engine
        self.observer = observer

    def parse(self, value: object, limits: Limits) -> Text:
        """Validate and normalise a text.

        Raises:
            InvalidText: the value is not a string, is blank, or exceeds the limits.
        """
        text = parse(value, limits.characters)
        if may_exceed([text], limits.tokens):
            [tokens] = self.token_counts([text])
            check_tokens(tokens, limits.tokens)
        return text

    def token_counts(self, texts: Sequence[Text]) -> list[int]:
        """Return the number of tokens of each text, including the two special ones.

        Scoring tokenises again, which takes about 2 % of its time for English, and 3 % for words
        that the vocabulary lacks.
        """
        return [len(ids) + 2 for group in _groups(texts) for ids in self.tokenise(group)]

    def predict(self, texts: Sequence[Text]) -> list[Prediction]:
        """Return a prediction for each text, in the order of the texts.

        Predictions do not depend on the other texts. A text that occurs repeatedly is scored once.

        Raises:
            Cancelled: see `app.sentiment.cancellation`.
        """
        scored, tokenise_seconds, infer_seconds = self._score_distinct(texts)
        predictions = [self._prediction(scored[text]) for text in texts]
        self.observer(ScoringStats(predictions, tokenise_seconds, infer_seconds))
        return predictions

    def analyse(
        self,
        texts: Sequence[Text],
        *,
        originals: Sequence[str] | None = None,
        neutral: bool = True,
    ) -> list[Analysis]:
        """Return an analysis of each text, in the order of the texts.

        Texts and sentences are scored together, in one pass.

        Args:
            originals: the same texts as they were sent, whose sentences are analysed too; offsets
                refer to these. Without them there are no sentences.
            neutral: whether the answer may be Neutral; otherwise there are two outcomes, as in a
                `Prediction`. A bundle of two labels never answers Neutral.

        Raises:
            Cancelled: see `app.sentiment.cancellation`.
        """
        spans = [_split_unless_cancelled(original) for original in originals or ()]
        sentences = [span.text for of_text in spans for span in of_text]
        scored, tokenise_seconds, infer_seconds = self._score_distinct([*texts, *sentences])
        analyses = [self._analysis(scored[text], neutral) for text in texts]
        if originals is not None:
            analyses = [
                _with_sentences(analysis, original, of_text, scored, neutral)
                for analysis, original, of_text in zip(analyses, originals, spans, strict=True)
            ]
        self.observer(
            ScoringStats(
                analyses,
                tokenise_seconds,
                infer_seconds,
                sum(scored[sentence].tokens for sentence in sentences),
            )
        )
        return analyses

    def _score_distinct(self, texts: Iterable[Text]) -> _Pass:
        """Score each text once, unless it is cached."""
        cached = {text: self.cache.get(text) for text in dict.fromkeys(texts)}
        scored = {text: one for text, one in cached.items() if one is not None}
        missing = [text for text, one in cached.items() if one is None]
        tokenise_seconds = infer_seconds = 0.0
        for group in _groups(missing):
            scores = self.score(group)
            tokenise_seconds += scores.tokenise_seconds
            infer_seconds += scores.infer_seconds
            for text, logits, tokens, windows in zip(group, *scores[:3], strict=True):
                scored[text] = _Scored(logits, tokens, windows)
                self.cache.put(text, _Scored(logits, tokens, windows, cached=True))
        return _Pass(scored, tokenise_seconds, infer_seconds)

    def score(self, texts: Sequence[Text]) -> Scores:
        """Score texts without the cache."""
        started = time.perf_counter()
        tokens = self.tokenise(texts)
        tokenised = time.perf_counter()
        return self.score_tokens(tokens)._replace(tokenise_seconds=tokenised - started)

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, without the special tokens."""
        return self._engine.tokenise(texts)

    def score_tokens(self, tokens: Sequence[Sequence[int]]) -> Scores:
        """Score tokenised texts, whose ids do not include the special tokens.

        Raises:
            Cancelled: see `app.sentiment.cancellation`.
        """
        engine, bundle = self._engine, self.bundle
        started = time.perf_counter()
        spans = [bundle.spans(len(ids)) for ids in tokens]
        rows = [
            [engine.start_token, *ids[start:end], engine.end_token]
            for ids, text_spans in zip(tokens, spans, strict=True)
            for start, end in text_spans
        ]
        logits: dict[int, list[float]] = {}
        for bucket in windowing.buckets([len(row) for row in rows]):
            cancellation.check()
            logits.update(zip(bucket, engine.logits([rows[i] for i in bucket]), strict=True))
            computed = sum(len(rows[i]) for i in bucket)
            self.observer(ScoringStats((), 0.0, 0.0, computed_tokens=computed))
        in_order = iter([logits[i] for i in range(len(rows))])
        counts = [len(text_spans) for text_spans in spans]
        return Scores(
            [
                self._pooled(list(islice(in_order, count)), len(ids) + 2)
                for count, ids in zip(counts, tokens, strict=True)
            ],
            [len(ids) + 2 for ids in tokens],
            counts,
            tokenise_seconds=0.0,
            infer_seconds=time.perf_counter() - started,
        )

    def _pooled(self, windows: Sequence[Sequence[float]], tokens: int) -> list[float]:
        # The first and the last window count twice, because reviews tend to begin or end with their
        # verdict. On held-out reviews this beat the plain mean for all windows that were tried
        # (docs/training-notes.md). A window counts by how likely it is to hold an opinion, so that
        # pages of plot do not outvote the verdict.
        opinions = [max(polarity.opinion(logits), MIN_OPINION) for logits in windows]
        weighted = [windows[0], *windows, windows[-1]]
        shares = [opinions[0], *opinions, opinions[-1]]
        divisor = math.fsum(shares) * self.bundle.temperature.at(tokens)
        return [
            math.fsum(map(mul, shares, logits)) / divisor for logits in zip(*weighted, strict=True)
        ]

    def _prediction(self, scored: _Scored) -> Prediction:
        answer = outcome(scored.logits, neutral=False)
        return Prediction(
            sentiment=answer.sentiment,
            confidence=answer.confidence,
            scores=answer.scores,
            tokens=scored.tokens,
            windows=scored.windows,
            cached=scored.cached,
            model=self.bundle.revision,
        )

    def _analysis(self, scored: _Scored, neutral: bool) -> Analysis:
        return Analysis(
            **dict(outcome(scored.logits, neutral=neutral)),
            tokens=scored.tokens,
            windows=scored.windows,
            cached=scored.cached,
            model=self.bundle.revision,
        )


def _split_unless_cancelled(original: str) -> list[Span]:
    cancellation.check()
    return split(original)


def _with_sentences(
    analysis: Analysis,
    original: str,
    spans: Iterable[Span],
    scored: Mapping[Text, _Scored],
    neutral: bool,
) -> Analysis:
    sentences = [
        Sentence(
            **dict(outcome(scored[text].logits, neutral=neutral)),
            # Half of a surrogate pair has no UTF-8.
            text=decode_surrogates(original[start:end]),
            start=start,
            end=end,
        )
        for start, end, text in spans
    ]
    return analysis.model_copy(
        update={
            "sentences": sentences,
            "mixed": mixed(sentences),
            "magnitude": magnitude(sentences),
        }
    )


def may_exceed(texts: Iterable[Text], tokens: int) -> bool:
    """Return whether the texts are long enough to have more tokens in total."""
    return sum(len(text) * MAX_TOKENS_PER_CHARACTER + 2 for text in texts) > tokens


def _groups(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Yield the texts in groups of up to `GROUP_CHARACTERS`, which limits memory."""
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
