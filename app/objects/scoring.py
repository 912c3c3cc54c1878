"""An object's rows scored into an object of the same format, the others into one of rejects."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import IO

from app.objects import formats, storage
from app.objects.formats import Chunk, Rejected, Row, Score, Scored
from app.objects.progress import Progress
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import InvalidText, Limits, Text

CONFIDENCE_STEPS = 10


@dataclass
class Summary:
    """What became of an object."""

    source: str
    scored_to: str
    rejected_to: str | None = None
    """Where rows went that could not be scored, if there were any."""
    model: str = ""
    rows: int = 0
    positive: int = 0
    negative: int = 0
    rejected: int = 0
    confidences: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_STEPS)
    """How many rows in each of ten steps of confidence, from 0.5 to 1."""
    seconds: float = 0.0

    def count(self, scores: Sequence[Score], rejected: int) -> None:
        """Count these rows, and so many that were rejected."""
        self.rows += len(scores) + rejected
        self.rejected += rejected
        for score in scores:
            if score.sentiment == "Positive":
                self.positive += 1
            else:
                self.negative += 1
            # In whole numbers, of four decimals, so that 0.6 is in the step that it begins.
            step = (round(score.confidence * 10_000) - 5_000) * CONFIDENCE_STEPS // 5_000
            self.confidences[min(step, CONFIDENCE_STEPS - 1)] += 1


@dataclass(frozen=True)
class Target:
    """Where the results of an object go."""

    scored: str
    rejected: str
    summary: str


Watch = Callable[[Summary, IO[bytes]], None]
"""Told after each chunk what is done, and the source as far as it was read; may raise to stop."""


def score_object(
    source: str,
    target: Target,
    classifier: SentimentClassifier,
    *,
    column: str = "",
    limits: Limits,
    watch: Watch = lambda summary, file: None,
    progress: Progress | None = None,
) -> Summary:
    """Score an object in bounded memory; nothing appears at the target unless all of it does.

    ``column``: which is the text, by default one of those it is usually called. ``progress``: what
    an earlier try had scored of the same object, and where this one's scores are kept.

    Raises:
        UnreadableObject: it is of no known format, or no column is the text.
    """
    started = time.monotonic()
    summary = Summary(source, target.scored, model=classifier.bundle.revision)
    form = formats.of(source)
    with ExitStack() as files:
        file = files.enter_context(storage.reading(source))
        rejects: IO[bytes] | None = None

        def reject(row: Rejected) -> None:
            nonlocal rejects
            if rejects is None:
                rejects = files.enter_context(storage.writing(target.rejected))
                summary.rejected_to = target.rejected
            rejects.write(json.dumps(row._asdict(), ensure_ascii=False).encode() + b"\n")

        def scored(chunks: Iterable[Chunk]) -> Iterator[Scored]:
            for chunk in chunks:
                rows, texts, rejected = _judged(chunk, classifier, limits)
                for row in rejected:
                    reject(row)
                scores = progress.known(len(rows)) if progress else None
                if scores is None:
                    scores = [_score(found) for found in classifier.predict(texts)]
                    if progress:
                        progress.add(scores)
                summary.count(scores, len(rejected))
                watch(summary, file)
                if rows:
                    yield Scored(rows, scores, chunk.batch)

        written = files.enter_context(storage.writing(target.scored))
        form.write(written, scored(form.read(file, column)))
    summary.seconds = round(time.monotonic() - started, 3)
    with storage.writing(target.summary) as file:
        file.write(json.dumps(asdict(summary), indent=2).encode() + b"\n")
    return summary


def _judged(
    chunk: Chunk, classifier: SentimentClassifier, limits: Limits
) -> tuple[list[Row], list[Text], list[Rejected]]:
    """Return the rows that can be scored, their texts, and the others."""
    rows: list[Row] = []
    texts: list[Text] = []
    rejected = list(chunk.rejected)
    for row in chunk.rows:
        try:
            texts.append(classifier.parse(row.text, limits))
            rows.append(row)
        except InvalidText as error:
            shown = row.text if isinstance(row.text, str) else json.dumps(row.text, default=str)
            rejected.append(Rejected(row.line, f"text {error}", shown))
    return rows, texts, sorted(rejected)


def _score(prediction: Prediction) -> Score:
    return Score(prediction.sentiment, prediction.confidence, prediction.scores["Positive"])
