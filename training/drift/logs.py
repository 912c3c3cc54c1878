"""Prediction logs and feedback, out of whatever files hold them.

A file holds JSON lines, as the service prints them, with or without something before the JSON, as
CloudWatch's export to S3 and ``aws logs tail`` put it; or one document of log events, as ``aws logs
filter-log-events`` prints it; or what the sinks keep, a JSON object a line, alone, inside an event
of the bus or in a table's export, or as ``aws dynamodb scan`` prints it. Any may be gzipped.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TextIO

from pydantic import AwareDatetime, BaseModel, Field, NonNegativeInt, ValidationError

from app.telemetry.observation import DOUBTFUL
from app.telemetry.privacy import pseudonym

Sentiment = Literal["Positive", "Neutral", "Negative"]
Probability = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Scored:
    """A log line's figures on the texts of one request, or of one batch of records."""

    time: datetime
    model: str
    """The revision; empty if the line has none."""
    texts: int
    positive: int
    doubtful: int
    confidence_sum: float
    confidences: tuple[float, ...]
    """One for each text; empty where the line has only counts, as the lines about objects do."""


class NamedPrediction(NamedTuple):
    """A prediction that feedback can refer to by its id."""

    scored: int
    """The index of its line in `LogData.scored`."""
    sentiment: Sentiment
    confidence: float


class Correction(NamedTuple):
    """The right label of a prediction, as feedback gives it."""

    right: Sentiment
    time: datetime


@dataclass
class LogData:
    """What the files hold."""

    scored: list[Scored] = field(default_factory=list)
    predictions: dict[str, NamedPrediction | None] = field(default_factory=dict)
    """By pseudonym; None where an id names predictions that contradict each other."""
    feedback: dict[str, Correction] = field(default_factory=dict)
    """The latest feedback on each prediction, by the pseudonym of its id."""
    files: int = 0
    other: int = 0
    """Lines about neither predictions nor feedback."""
    repeated: int = 0
    """Duplicates of lines, which are counted once."""
    damaged: int = 0
    """Lines that begin like ours but cannot be parsed, and truncated files."""


class _Prediction(BaseModel):
    id: str
    sentiment: Sentiment
    confidence: Probability


class _FeedbackOn(BaseModel):
    prediction: str
    right: Sentiment


class _Line(BaseModel):
    timestamp: AwareDatetime
    model: str = ""
    predictions: list[_Prediction] = []
    predictions_positive: NonNegativeInt = 0
    predictions_negative: NonNegativeInt = 0
    predictions_neutral: NonNegativeInt = 0
    predictions_doubtful: NonNegativeInt = 0
    confidence: Probability = 0
    feedback_on: _FeedbackOn | None = None

    def scored(self) -> Scored | None:
        """Return the line's figures on texts, if it has any."""
        if self.predictions:
            confidences = tuple(prediction.confidence for prediction in self.predictions)
            return Scored(
                time=self.timestamp,
                model=self.model,
                texts=len(confidences),
                positive=sum(prediction.sentiment == "Positive" for prediction in self.predictions),
                doubtful=sum(confidence < DOUBTFUL for confidence in confidences),
                confidence_sum=sum(confidences),
                confidences=confidences,
            )
        texts = self.predictions_positive + self.predictions_negative + self.predictions_neutral
        if not texts:
            return None
        return Scored(
            time=self.timestamp,
            model=self.model,
            texts=texts,
            positive=self.predictions_positive,
            doubtful=self.predictions_doubtful,
            confidence_sum=self.confidence * texts,
            confidences=(),
        )


class _StoredFeedback(BaseModel):
    """`app.sinks.results.Feedback` as the sinks store it."""

    prediction: str
    sentiment: Sentiment
    time: AwareDatetime


def read(paths: Iterable[Path]) -> LogData:
    """Read the files, and all files in the folders.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    logs = LogData()
    hashes: set[int] = set()
    for path in files(paths):
        logs.files += 1
        for entry in entries(path):
            try:
                parsed = None if entry is None else _parse(entry)
            except ValidationError:
                entry = None
            if entry is None:
                logs.damaged += 1
            elif parsed is None:
                logs.other += 1
            elif (mark := hash(json.dumps(entry, sort_keys=True))) in hashes:
                logs.repeated += 1
            else:
                hashes.add(mark)
                _add(logs, parsed)
    return logs


def _add(logs: LogData, parsed: _Line | _StoredFeedback) -> None:
    if isinstance(parsed, _StoredFeedback):
        return _add_feedback(logs, parsed.prediction, Correction(parsed.sentiment, parsed.time))
    if parsed.feedback_on:
        on = parsed.feedback_on
        _add_feedback(logs, on.prediction, Correction(on.right, parsed.timestamp))
    if scored := parsed.scored():
        for prediction in parsed.predictions:
            named = NamedPrediction(len(logs.scored), prediction.sentiment, prediction.confidence)
            name = anonymous(prediction.id)
            before = logs.predictions.get(name, named)
            agree = before is not None and before.sentiment == named.sentiment
            logs.predictions[name] = named if agree else None
        logs.scored.append(scored)


def _add_feedback(logs: LogData, prediction: str, correction: Correction) -> None:
    name = anonymous(prediction)
    before = logs.feedback.get(name)
    if before is None or before.time <= correction.time:
        logs.feedback[name] = correction


def anonymous(id: str) -> str:
    """Return an id as logs write those that callers give; some lines have it so already."""
    return id if id.startswith("~") else pseudonym(id)


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, and all files in the folders."""
    for path in paths:
        if path.is_dir():
            yield from sorted(inside for inside in path.rglob("*") if inside.is_file())
        else:
            yield path


def entries(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield each JSON object of a file, {} for a line without one and None for a damaged one."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="replace") as file:
        try:
            for text in _texts(file):
                yield from _objects(text)
        except (EOFError, gzip.BadGzipFile):
            yield None


def _texts(file: TextIO) -> Iterator[str]:
    for line in file:
        if line.strip() == "{":  # the AWS command line spreads a document over many lines
            yield line + file.read()
            return
        if line.strip():
            yield line


def _objects(text: str) -> Iterator[dict[str, Any] | None]:
    start = text.find("{")
    if start < 0:
        yield {}
        return
    try:
        document = json.loads(text[start:])
    except ValueError:
        begins_like_ours = text[start + 1 :].lstrip().startswith('"')
        yield None if begins_like_ours else {}
        return
    events, items = document.get("events", document.get("logEvents")), document.get("Items")
    if isinstance(events, list):
        for event in events:
            yield from _objects(str(event.get("message", "")) if isinstance(event, dict) else "")
    elif isinstance(items, list):
        yield from ({"Item": item} for item in items)
    else:
        yield document


def _parse(entry: dict[str, Any]) -> _Line | _StoredFeedback | None:
    """Return what it is of ours, if it is.

    Raises:
        ValidationError: it should be and is not.
    """
    if entry.get("message") in ("request", "batch", "predictions"):
        return _Line.model_validate(entry)
    feedback = stored(entry)
    if {"prediction", "sentiment", "time"} <= feedback.keys():
        return _StoredFeedback.model_validate(feedback)
    return None


def stored(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a document as a sink stored it, or the entry itself."""
    if isinstance(item := entry.get("Item"), dict):  # a table's export writes {"S": "Positive"}
        return {k: v["S"] for k, v in item.items() if isinstance(v, dict) and "S" in v}
    detail = entry.get("detail")
    return detail if isinstance(detail, dict) else entry
