"""Weeks of log lines as the service writes them, with a shift where one is wanted."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

START = datetime(2026, 10, 1, tzinfo=UTC)
Line = dict[str, Any]


def line(time: datetime, id: str, **fields: Any) -> Line:
    stamp = time.isoformat(timespec="milliseconds")
    known = {"level": "INFO", "message": "request", "timestamp": stamp, "correlation_id": id}
    return {**known, "status": 200, **fields}


def prediction(id: str, positive: bool, confidence: float) -> Line:
    sentiment = "Positive" if positive else "Negative"
    return {"id": id, "sentiment": sentiment, "confidence": round(confidence, 4), "tokens": 9}


def weeks(
    seed: int,
    days: int = 35,
    requests: int = 40,
    texts: int = 1,
    late: int = 7,
    shift: float = 0,
    doubt: float = 0,
    models: tuple[str, str] = ("aaaa", "aaaa"),
    heard: float = 0,
    right: tuple[float, float] = (0.8, 0.8),
) -> list[Line]:
    """Return so many requests a day, each of so many texts that resemble each other.

    In the ``late`` last days the share of Positive, 0.6, is ``shift`` more, confidence is less, the
    more ``doubt``, and the second of ``models`` answers. Of a share ``heard`` of the requests
    someone says what the first text is, as its answer had it in a share ``right``, before and then.
    """
    rng = np.random.default_rng(seed)
    found = []
    for day in range(days):
        latest = day >= days - late
        share = 0.6 + shift * latest
        for i in range(requests):
            time = START + timedelta(days=day, seconds=float(rng.uniform(0, 86400)))
            id = f"{day}-{i}"
            alike = share if texts == 1 else rng.beta(2 * share, 2 * (1 - share))
            confidence = 0.5 + rng.beta(6 - doubt * latest, 1, texts) / 2
            given = [
                prediction(f"{id}#{j}" if texts > 1 else id, rng.random() < alike, confidence[j])
                for j in range(texts)
            ]
            found.append(line(time, id, model=models[latest], predictions=given))
            if rng.random() < heard:
                named, was_right = given[0], rng.random() < right[latest]
                positive = (named["sentiment"] == "Positive") == was_right
                on = {"prediction": named["id"], "right": "Positive" if positive else "Negative"}
                found.append(line(time + timedelta(seconds=1), f"f{id}", feedback_on=on))
    return sorted(found, key=lambda one: one["timestamp"])


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write objects as JSON lines into a file."""

    def write(found: Iterable[Any], name: str = "log.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{json.dumps(one)}\n" for one in found))
        return path

    return write
