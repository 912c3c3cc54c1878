"""Corrections that `POST /feedback` collected, joined by id with the texts that they are about."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ValidationError

from app.sentiment.text import normalise
from training import data, tables
from training.data import LABELS, Examples
from training.drift import logs

ID_COLUMNS = ("id", "prediction", "correlation_id", "request_id", "message_id")
"""Usual names of the column of a prediction's id, by priority."""
MIN_DIVIDED = 50
"""Corrected texts from which a fifth of them is held out."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_TRUNCATED = re.compile(r"… \([\d,]+ more\)$")
"""The end that `app.telemetry.privacy.truncate` gives a long text in the log."""


class _Correction(BaseModel):
    prediction: str
    sentiment: Literal["Negative", "Neutral", "Positive"]
    time: AwareDatetime = _LONG_AGO
    """When it was given. Without a time, the last in the file is the latest."""
    weight: float = 1.0


@dataclass(frozen=True)
class Corrections:
    """Texts with the labels that their corrections give them."""

    learnt: Examples
    held_out: Examples
    """The fifth that `data.tests` chooses, if there are at least `MIN_DIVIDED` texts."""
    summary: str
    """How many there are, and what became of the others."""

    @property
    def texts(self) -> list[str]:
        """All of their texts."""
        return self.learnt.texts + self.held_out.texts


@dataclass
class _Feedback:
    latest: dict[str, _Correction] = field(default_factory=dict)
    """The latest correction of each prediction, by the digest of its id."""
    changed: set[str] = field(default_factory=set)
    """Predictions that were corrected to one label and later to another."""
    invalid: int = 0

    def add(self, correction: _Correction) -> None:
        name = logs.anonymous(correction.prediction)
        before = self.latest.setdefault(name, correction)
        if before.sentiment != correction.sentiment:
            self.changed.add(name)
        if before.time <= correction.time:
            self.latest[name] = correction


def read(
    feedback: Sequence[tuple[Path, float]],
    texts: Sequence[Path],
    id_column: str = "",
    text_column: str = "",
) -> Corrections:
    """Join corrections with their texts.

    Of several corrections of one prediction the latest counts, and so it does where several
    predictions of one text were corrected. A prediction whose id has several texts is left out.

    Args:
        feedback: files of corrections, as the sinks store them or the service logs them, and how
            often an epoch shall see each.
        texts: files of ids and texts: the service's log (`SENTIMENT_LOG_TEXTS`), or tables.
        id_column: the column of the ids in ``texts``, empty to find it by the usual names.
        text_column: likewise that of the texts.

    Raises:
        ValueError: there are no corrections, or none has a text.
        OSError: a file is missing or cannot be read.
    """
    collected = _collect(feedback)
    if not collected.latest:
        names = ", ".join(str(path) for path, _ in feedback)
        raise ValueError(
            f"{names}: no feedback; a line of it has at least "
            '{"prediction": "<id>", "sentiment": "Negative"}'
        )
    texts_of = _find_texts(texts, collected.latest, id_column, text_column)
    by_text: dict[str, _Correction] = {}
    contradicted = set()
    joined = 0
    for name, correction in sorted(collected.latest.items(), key=lambda item: item[1].time):
        if len(found := texts_of.get(name, set())) != 1:
            continue
        [text] = found
        joined += 1
        before = by_text.pop(text, correction)
        if before.sentiment != correction.sentiment:
            contradicted.add(text)
        by_text[text] = correction
    ambiguous = sum(len(found) > 1 for found in texts_of.values())
    without = len(collected.latest) - joined - ambiguous
    if not by_text:
        example = next(iter(collected.latest.values())).prediction
        files = ", ".join(map(str, texts))
        raise ValueError(
            f"{len(collected.latest)} predictions, such as {example!r}, were corrected, and none "
            f"has a text in {files}: set TEXTS= (--texts) to what has their ids and texts"
        )
    examples = Examples(
        list(by_text),
        np.array([LABELS.index(each.sentiment) for each in by_text.values()]),
        np.array([each.weight for each in by_text.values()]),
    )
    held = (
        data.tests(examples.texts)
        if len(examples) >= MIN_DIVIDED
        else np.zeros(len(examples), bool)
    )
    lines = [
        f"feedback: {len(collected.latest)} predictions were corrected: {joined} have a text, "
        f"{without} have none, {ambiguous} have an id of several texts",
        f"  {len(examples)} different texts, {held.sum()} of them held out",
        f"  the latest correction counts, of {len(collected.changed)} predictions and of "
        f"{len(contradicted)} texts with different ones",
    ]
    if collected.invalid:
        lines.append(f"  {collected.invalid} lines could not be read")
    return Corrections(
        examples.take(np.flatnonzero(~held)), examples.take(np.flatnonzero(held)), "\n".join(lines)
    )


def _collect(sources: Sequence[tuple[Path, float]]) -> _Feedback:
    collected = _Feedback()
    for source, weight in sources:
        for path in logs.files([source]):
            for entry in logs.entries(path):
                try:
                    correction = None if entry is None else _correction(entry, weight)
                except ValidationError:
                    entry = None
                if entry is None:
                    collected.invalid += 1
                elif correction:
                    collected.add(correction)
    return collected


def _correction(entry: Mapping[str, Any], weight: float) -> _Correction | None:
    """Return the correction in an entry of a log or of what a sink stored, if there is one.

    Raises:
        ValidationError: it should be one and is not.
    """
    on = entry.get("feedback_on")
    if isinstance(on, dict):
        fields = {**on, "sentiment": on.get("right"), "time": entry.get("timestamp")}
    else:
        fields = logs.stored(dict(entry))
    if not {"prediction", "sentiment"} <= fields.keys():
        return None
    return _Correction.model_validate({**fields, "weight": weight})


def _find_texts(
    sources: Sequence[Path], names: Mapping[str, object], id_column: str, text_column: str
) -> dict[str, set[str]]:
    """Return the texts, normalised, of each of these predictions that has any."""
    texts: dict[str, set[str]] = {}
    for path in logs.files(sources):
        rows = _rows if tables.is_table(path) and not tables.is_json(path) else _entries
        for id, value in rows(path, id_column, text_column):
            name = logs.anonymous(tables.as_text(id))
            if name in names and (text := normalise(tables.as_text(value))):
                texts.setdefault(name, set()).add(text)
    return texts


def _rows(path: Path, id_column: str, text_column: str) -> Iterator[Sequence[object]]:
    """Yield the ids and texts of a table.

    Raises:
        ValueError: it has no such columns.
    """
    table = tables.source(path)
    columns = _columns(table.columns, id_column, text_column)
    if columns is None:
        raise ValueError(
            f"{path}: no columns of ids and texts; it has {', '.join(table.columns)}: name them "
            "with --id-column (ID_COLUMN=) and --text-column (TEXT_COLUMN=)"
        )
    yield from table.rows(columns)


def _entries(path: Path, id_column: str, text_column: str) -> Iterator[Sequence[object]]:
    """Yield the ids and texts of a log, or of documents a line."""
    for entry in logs.entries(path):
        if entry is None:
            continue
        logged = entry.get("predictions")
        for fields in logged if isinstance(logged, list) else [logs.stored(entry)]:
            if isinstance(fields, dict) and (
                columns := _columns(list(fields), id_column, text_column)
            ):
                id, text = (fields[column] for column in columns)
                yield id, _TRUNCATED.sub("", text) if isinstance(text, str) else text


def _columns(names: Sequence[str], id_column: str, text_column: str) -> list[str] | None:
    """Return the columns of the ids and of the texts, if there are both."""
    id = tables.find(names, id_column, ID_COLUMNS)
    text = tables.find(names, text_column, ()) or tables.find(names, "", tables.TEXT_COLUMNS)
    return [id, text] if id and text else None
