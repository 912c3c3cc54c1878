"""Scores an object into one of the same format, and writes rejected rows to another object."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from app.objects import formats
from app.objects.budget import TimeBudget
from app.objects.formats import (
    Chunk,
    ReadOptions,
    Rejected,
    Row,
    Score,
    ScoredChunk,
    UnreadableObject,
)
from app.objects.progress import Progress
from app.objects.storage import Input, Location, Outputs
from app.scoring.options import Options, answer
from app.sentiment.bundle import Bundle
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import InvalidText, Limits, Text

CONFIDENCE_STEPS = 10


@dataclass
class Summary:
    """The result of scoring an object."""

    source: str
    scored_to: str
    rejected_to: str | None = None
    """Location of the rejected rows, if there are any."""
    model: str = ""
    column: str = ""
    """The text column, in formats that have columns."""
    other_columns: list[str] = field(default_factory=list)
    """Other columns with a usual name of a text column."""
    rows: int = 0
    positive: int = 0
    negative: int = 0
    neutral: int = 0
    """Only where texts may be Neutral."""
    rejected: int = 0
    confidences: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_STEPS)
    """Histogram of the confidence: rows in each of ten steps from 0.5 to 1. Of three outcomes, the
    most probable may have less than 0.5, which the first step counts too."""
    seconds: float = 0.0

    def count(self, scores: Sequence[Score], rejected: int) -> None:
        """Count scored rows, and a number of rejected ones."""
        self.rows += len(scores) + rejected
        self.rejected += rejected
        for score in scores:
            match score.sentiment:
                case "Positive":
                    self.positive += 1
                case "Negative":
                    self.negative += 1
                case _:
                    self.neutral += 1
            # In whole numbers, of four decimals, so that 0.6 is in the step that begins with it.
            step = (round(score.confidence * 10_000) - 5_000) * CONFIDENCE_STEPS // 5_000
            self.confidences[min(max(step, 0), CONFIDENCE_STEPS - 1)] += 1


@dataclass(frozen=True)
class Target:
    """Locations of the results."""

    scored: Location
    rejected: Location
    summary: Location


OnChunk = Callable[[Summary], None]
"""Called after each chunk with the counts so far."""


def score_object(
    source: Input,
    target: Target,
    classifier: SentimentClassifier,
    *,
    options: ReadOptions,
    limits: Limits,
    keep_rejected: bool = False,
    neutral: bool = False,
    on_chunk: OnChunk = lambda summary: None,
    progress: Progress | None = None,
    budget: TimeBudget | None = None,
) -> Summary:
    """Score an object in bounded memory; the results appear together, once they are complete.

    Args:
        source: the object.
        target: where the results are written.
        classifier: scores the texts.
        options: how to read the object.
        limits: of each text; rows with a longer text are rejected.
        keep_rejected: whether rejected rows keep their position, without scores.
        neutral: whether texts may be Neutral.
        on_chunk: called after each chunk.
        progress: scores of an interrupted run, to which the scores of this one are added.
        budget: the time for it.

    Raises:
        UnreadableObject: the object has no known format, or no text column.
        ObjectChanged: it was written to while it was read.
        OSError: it cannot be read, or the results cannot be written.
        BudgetExhausted: there is not enough time.
    """
    started = time.monotonic()
    summary = Summary(str(source.location), str(target.scored), model=classifier.bundle.revision)
    with Outputs(source, budget.check if budget else lambda: None) as outputs:
        rejects: IO[bytes] | None = None

        def reject(row: Rejected) -> None:
            nonlocal rejects
            if rejects is None:
                rejects = outputs.open(target.rejected)
                summary.rejected_to = str(target.rejected)
            line = {"line": row.line, "reason": row.reason, "row": row.row}
            rejects.write(_to_json(line) + b"\n")

        def scored(chunks: Iterable[Chunk]) -> Iterator[ScoredChunk]:
            for chunk in chunks:
                parsed = _parse(chunk, classifier, limits)
                for row in parsed.rejected:
                    reject(row)
                outputs.check()
                if budget:
                    budget.check()
                scores = progress.next_scores(parsed.texts) if progress else None
                if scores is None:
                    scores = _score(classifier, parsed.texts, neutral, budget)
                    if progress:
                        progress.add(parsed.texts, scores)
                if chunk.column and not summary.column:
                    summary.column = chunk.column.name
                    summary.other_columns = list(chunk.column.alternatives)
                summary.count(scores, len(parsed.rejected))
                on_chunk(summary)
                yield parsed.with_rejected(scores) if keep_rejected else parsed.scored(scores)

        try:
            format_ = formats.by_name(str(source.location))
            format_.write(outputs.open(target.scored), scored(format_.read(source.file, options)))
        except BaseException as error:
            # The exception of the storage, which a reader in another language may have replaced.
            if source.failure:
                raise source.failure from None
            if isinstance(error, UnreadableObject):
                raise UnreadableObject(f"{source.location}: {error}", error.columns) from None
            raise
        source.check_unchanged()
        if rejects is None:
            outputs.remove(target.rejected)  # an earlier version of the object may have had some
        summary.seconds = round(time.monotonic() - started, 3)
        outputs.open(target.summary).write(_to_json(asdict(summary), indent=2) + b"\n")
    return summary


@dataclass(frozen=True)
class _ParsedChunk:
    """The rows of a chunk that can be scored, their texts, and the other rows."""

    rows: list[Row]
    texts: list[Text]
    rejected: list[Rejected]
    layout: Any

    def scored(self, scores: Sequence[Score]) -> ScoredChunk:
        """Return the scored rows."""
        return ScoredChunk(self.rows, scores, self.layout)

    def with_rejected(self, scores: Sequence[Score]) -> ScoredChunk:
        """Return all rows in their order, the rejected ones without scores.

        A row that is too large was never read, so it cannot be written.
        """
        rows: list[tuple[Row, Score | None, str]] = [
            (row, score, "") for row, score in zip(self.rows, scores, strict=True)
        ]
        rows += [
            (Row(row.line, None, row.original), None, row.reason)
            for row in self.rejected
            if row.original is not None
        ]
        rows.sort(key=lambda entry: entry[0].line)
        return ScoredChunk(
            [row for row, _, _ in rows],
            [score for _, score, _ in rows],
            self.layout,
            [reason for _, _, reason in rows],
        )


def _parse(chunk: Chunk, classifier: SentimentClassifier, limits: Limits) -> _ParsedChunk:
    rows: list[Row] = []
    texts: list[Text] = []
    rejected = list(chunk.rejected)
    for row in chunk.rows:
        try:
            texts.append(classifier.parse(row.text, limits))
            rows.append(row)
        except InvalidText as error:
            shown = row.text if isinstance(row.text, str) else json.dumps(row.text, default=str)
            rejected.append(Rejected(row.line, f"text {error}", shown, row.original))
    rejected.sort(key=lambda row: row.line)
    return _ParsedChunk(rows, texts, rejected, chunk.layout)


def _score(
    classifier: SentimentClassifier,
    texts: Sequence[Text],
    neutral: bool,
    budget: TimeBudget | None,
) -> list[Score]:
    """Score the texts, at once or, if the time is limited, in pieces of bounded cost."""
    if not budget:
        return _score_now(classifier, texts, neutral)
    scores: list[Score] = []
    costs = [_cost(classifier.bundle, len(tokens)) for tokens in classifier.tokenise(texts)]
    start = 0
    while start < len(texts):
        end, cost = start + 1, costs[start]
        while end < len(texts) and cost + costs[end] <= budget.piece_tokens:
            cost += costs[end]
            end += 1
        with budget.scoring(cost):
            scores += _score_now(classifier, texts[start:end], neutral)
        start = end
    return scores


def _cost(bundle: Bundle, tokens: int) -> int:
    """Return the number of tokens computed for a text, in which windows overlap."""
    return sum(end - start + 2 for start, end in bundle.spans(tokens))


def _score_now(
    classifier: SentimentClassifier, texts: Sequence[Text], neutral: bool
) -> list[Score]:
    return [
        Score(prediction.sentiment, prediction.confidence, prediction.scores["Positive"])
        for prediction in answer(classifier, texts, texts, Options(neutral=neutral))
    ]


def _to_json(value: Any, indent: int | None = None) -> bytes:
    """Return JSON in UTF-8; lone surrogates, which UTF-8 cannot encode, are escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent).encode()
