"""An object's rows scored into an object of the same format, the others into one of rejects."""

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
    Scored,
    UnreadableObject,
)
from app.objects.progress import Progress
from app.objects.storage import Location, Outputs, Source
from app.sentiment.bundle import Bundle
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
    column: str = ""
    """Which held the texts, in a format that has columns."""
    other_columns: list[str] = field(default_factory=list)
    """Further ones that are called as texts usually are."""
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
    options: ReadOptions,
    limits: Limits,
    keep_rejected: bool = False,
    watch: Watch = lambda summary: None,
    progress: Progress | None = None,
    budget: TimeBudget | None = None,
) -> Summary:
    """Score an object in bounded memory; nothing appears at the target unless all of it does.

    ``keep_rejected``: rows that cannot be scored stay in their place, without scores. ``progress``:
    what an earlier run had scored, and where the scores of this one are kept. ``budget``: the
    time that there is for it.

    Raises:
        UnreadableObject: it is of no known format, or no column is the text.
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
            rejects.write(_encoded(line) + b"\n")

        def scored(chunks: Iterable[Chunk]) -> Iterator[Scored]:
            for chunk in chunks:
                judged = _judged(chunk, classifier, limits)
                for row in judged.rejected:
                    reject(row)
                outputs.check()
                if budget:
                    budget.check()
                scores = progress.known(judged.texts) if progress else None
                if scores is None:
                    scores = _scores(classifier, judged.texts, budget)
                    if progress:
                        progress.add(judged.texts, scores)
                if chunk.column and not summary.column:
                    summary.column = chunk.column.name
                    summary.other_columns = list(chunk.column.others)
                summary.count(scores, len(judged.rejected))
                watch(summary)
                yield judged.kept(scores) if keep_rejected else judged.scored(scores)

        try:
            form = formats.of(str(source.location))
            form.write(outputs.open(target.scored), scored(form.read(source.file, options)))
        except BaseException as error:
            # What storage raised, not what a reader in another language made of it.
            if source.failure:
                raise source.failure from None
            if isinstance(error, UnreadableObject):
                raise UnreadableObject(f"{source.location}: {error}", error.names) from None
            raise
        source.check_unchanged()
        if rejects is None:
            outputs.remove(target.rejected)  # of an upload that was mended since
        summary.seconds = round(time.monotonic() - started, 3)
        outputs.open(target.summary).write(_encoded(asdict(summary), indent=2) + b"\n")
    return summary


@dataclass(frozen=True)
class _Judged:
    """A chunk's rows that can be scored, their texts, and the others."""

    rows: list[Row]
    texts: list[Text]
    rejected: list[Rejected]
    table: Any

    def scored(self, scores: Sequence[Score]) -> Scored:
        """Return the scored rows alone."""
        return Scored(self.rows, scores, self.table)

    def kept(self, scores: Sequence[Score]) -> Scored:
        """Return all rows in their order, those that were rejected without scores.

        A row that was never read, as it is too large, has no content to be written again.
        """
        rows: list[tuple[Row, Score | None, str]] = [
            (row, score, "") for row, score in zip(self.rows, scores, strict=True)
        ]
        rows += [
            (Row(row.line, None, row.content), None, row.reason)
            for row in self.rejected
            if row.content is not None
        ]
        rows.sort(key=lambda found: found[0].line)
        return Scored(
            [row for row, _, _ in rows],
            [score for _, score, _ in rows],
            self.table,
            [reason for _, _, reason in rows],
        )


def _judged(chunk: Chunk, classifier: SentimentClassifier, limits: Limits) -> _Judged:
    rows: list[Row] = []
    texts: list[Text] = []
    rejected = list(chunk.rejected)
    for row in chunk.rows:
        try:
            texts.append(classifier.parse(row.text, limits))
            rows.append(row)
        except InvalidText as error:
            shown = row.text if isinstance(row.text, str) else json.dumps(row.text, default=str)
            rejected.append(Rejected(row.line, f"text {error}", shown, row.content))
    rejected.sort(key=lambda row: row.line)
    return _Judged(rows, texts, rejected, chunk.table)


def _scores(
    classifier: SentimentClassifier, texts: Sequence[Text], budget: TimeBudget | None
) -> list[Score]:
    """Score the texts, at once or, where time is limited, in pieces of bounded cost."""
    if not budget:
        return [_score(found) for found in classifier.predict(texts)]
    scores: list[Score] = []
    costs = [_cost(classifier.bundle, len(tokens)) for tokens in classifier.tokenise(texts)]
    start = 0
    while start < len(texts):
        end, cost = start + 1, costs[start]
        while end < len(texts) and cost + costs[end] <= budget.piece_tokens:
            cost += costs[end]
            end += 1
        with budget.scoring(cost):
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
