"""An object's rows scored into an object of the same format, the others into one of rejects."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from app.objects import formats
from app.objects.deadline import Deadline
from app.objects.formats import Chunk, Rejected, Row, Score, Scored
from app.objects.progress import Progress
from app.objects.storage import Location, Outputs, Source
from app.sentiment.bundle import Bundle
from app.sentiment.classifier import Prediction, SentimentClassifier
from app.sentiment.text import InvalidText, Text, parse

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

    scored: Location
    rejected: Location
    summary: Location


Watch = Callable[[Summary], None]
"""Told after each chunk what is done."""


def score_object(
    source: Source,
    target: Target,
    classifier: SentimentClassifier,
    *,
    column: str = "",
    max_characters: int,
    watch: Watch = lambda summary: None,
    progress: Progress | None = None,
    deadline: Deadline | None = None,
) -> Summary:
    """Score an object in bounded memory; nothing appears at the target unless all of it does.

    ``column``: which is the text, by default one of those it is usually called. ``progress``: what
    an earlier run had scored, and where the scores of this one are kept. ``deadline``: when the
    work must have ended.

    Raises:
        UnreadableObject: it is of no known format, or no column is the text.
        ObjectChanged: it was written to while it was read.
        OSError: it cannot be read, or the results cannot be written.
        OutOfTime: the deadline comes before its end.
    """
    started = time.monotonic()
    form = formats.of(str(source.location))
    summary = Summary(str(source.location), str(target.scored), model=classifier.bundle.revision)
    with Outputs(source, deadline.check if deadline else lambda: None) as outputs:
        rejects: IO[bytes] | None = None

        def reject(row: Rejected) -> None:
            nonlocal rejects
            if rejects is None:
                rejects = outputs.open(target.rejected)
                summary.rejected_to = str(target.rejected)
            rejects.write(_encoded(row._asdict()) + b"\n")

        def scored(chunks: Iterable[Chunk]) -> Iterator[Scored]:
            for chunk in chunks:
                rows, texts, rejected = _judged(chunk, max_characters)
                for row in rejected:
                    reject(row)
                if deadline:
                    deadline.check()
                scores = progress.known(texts) if progress else None
                if scores is None:
                    scores = _scores(classifier, texts, deadline)
                    if progress:
                        progress.add(texts, scores)
                summary.count(scores, len(rejected))
                watch(summary)
                if rows:
                    yield Scored(rows, scores, chunk.batch)

        try:
            form.write(outputs.open(target.scored), scored(form.read(source.file, column)))
        except Exception:
            # What storage raised, not what a reader in another language made of it.
            if failure := source.failure or outputs.failure:
                raise failure from None
            raise
        source.check_unchanged()
        if rejects is None:
            outputs.remove(target.rejected)  # of an upload that was mended since
        summary.seconds = round(time.monotonic() - started, 3)
        outputs.open(target.summary).write(_encoded(asdict(summary), indent=2) + b"\n")
    return summary


def _judged(chunk: Chunk, max_characters: int) -> tuple[list[Row], list[Text], list[Rejected]]:
    """Return the rows that can be scored, their texts, and the others."""
    rows: list[Row] = []
    texts: list[Text] = []
    rejected = list(chunk.rejected)
    for row in chunk.rows:
        try:
            texts.append(parse(row.text, max_characters))
            rows.append(row)
        except InvalidText as error:
            shown = row.text if isinstance(row.text, str) else json.dumps(row.text, default=str)
            rejected.append(Rejected(row.line, f"text {error}", shown))
    return rows, texts, sorted(rejected)


def _scores(
    classifier: SentimentClassifier, texts: Sequence[Text], deadline: Deadline | None
) -> list[Score]:
    """Score the texts, at once or, before a deadline, in pieces of bounded cost."""
    if not deadline:
        return [_score(found) for found in classifier.predict(texts)]
    scores: list[Score] = []
    costs = [_cost(classifier.bundle, len(tokens)) for tokens in classifier.tokenise(texts)]
    start = 0
    while start < len(texts):
        end, cost = start + 1, costs[start]
        while end < len(texts) and cost + costs[end] <= deadline.piece_tokens:
            cost += costs[end]
            end += 1
        with deadline.scoring(cost):
            scores += [_score(found) for found in classifier.predict(texts[start:end])]
        start = end
    return scores


def _cost(bundle: Bundle, tokens: int) -> int:
    """Return how many tokens are computed for a text of so many: windows overlap."""
    return sum(end - start + 2 for start, end in bundle.spans(tokens))


def _score(prediction: Prediction) -> Score:
    return Score(prediction.sentiment, prediction.confidence, prediction.scores["Positive"])


def _encoded(value: Any, indent: int | None = None) -> bytes:
    """Return JSON in UTF-8; what UTF-8 has no form for, half of a character, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent).encode()
