"""All that the logs and the feedback come to."""

from itertools import pairwise
from typing import Any

import numpy as np

from training.drift import columns
from training.drift.columns import Counts, Heard, Lines, iso, rounded, utc
from training.drift.compare import DAY, Periods, compare, mean_confidence, periods
from training.drift.logs import Found
from training.evaluate import calibration_error

BANDS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Bounds of the bands of confidence that accuracy is reported by; the first is doubtful."""
REFERENCE_DAYS = 28
BIASED = (
    "Feedback is a biased sample: people speak up about what surprised them, mostly mistakes. Its "
    "accuracy shows how such feedback goes over time, not how right the service is."
)


def report(found: Found, reference_days: int = REFERENCE_DAYS) -> dict[str, Any]:
    """Return all figures as JSON can hold them; shares are between 0 and 1, times UTC.

    ``reference_days``: how long before the latest week confidence is held to.

    Raises:
        ValueError: the files hold no prediction.
    """
    if not found.scored:
        raise ValueError(
            f"there is no prediction in {found.files} files: {found.other} lines are of other "
            f"kinds, {found.damaged} damaged"
        )
    lines = columns.lines(found)
    heard = columns.heard(found, lines)
    compared = periods(lines.time, reference_days)
    comparisons = compare(found.scored, lines, heard, compared)
    return {
        "from": iso(lines.time.min()),
        "until": iso(lines.time.max()),
        "files": found.files,
        "lines": {
            "used": len(found.scored),
            "other": found.other,
            "repeated": found.repeated,
            "damaged": found.damaged,
        },
        "texts": int(lines.texts.sum()),
        "drift": [one["name"] for one in comparisons if one["drift"]],
        "comparisons": comparisons,
        "models": _models(lines, heard),
        "model_changed": _changed(lines, compared),
        "feedback": _feedback(found, heard),
        "days": _days(lines, heard),
    }


def _models(lines: Lines, heard: Heard) -> list[dict[str, Any]]:
    """Return the figures of each revision, in the order in which they came."""
    of = {model: lines.model == model for model in np.unique(lines.model).tolist()}
    return [
        {
            "model": model,
            "from": iso(lines.time[own].min()),
            "until": iso(lines.time[own].max()),
            **_figures(lines, own, heard, heard.model == model),
        }
        for model, own in sorted(of.items(), key=lambda one: lines.time[one[1]].min())
    ]


def _changed(lines: Lines, compared: Periods) -> list[str]:
    """Return the revisions that answered only in the latest week, or only before it."""
    latest = compared.latest.holds(lines.time)
    if latest.all():
        return []
    return sorted(set(lines.model[latest].tolist()) ^ set(lines.model[~latest].tolist()))


def _days(lines: Lines, heard: Heard) -> list[dict[str, Any]]:
    days, heard_days = lines.time // DAY, heard.time // DAY
    return [
        {"day": f"{utc(day * DAY):%Y-%m-%d}"}
        | _figures(lines, days == day, heard, heard_days == day)
        for day in np.unique(days)
    ]


def _figures(lines: Lines, own: np.ndarray, heard: Heard, heard_own: np.ndarray) -> dict[str, Any]:
    return {
        "texts": int(lines.texts[own].sum()),
        "positive_share": _share(lines.counts(lines.positive).where(own)),
        "doubtful_share": _share(lines.counts(lines.doubtful).where(own)),
        "mean_confidence": mean_confidence(lines, own),
        "feedback": _accuracy(heard, heard_own),
    }


def _feedback(found: Found, heard: Heard) -> dict[str, Any]:
    weeks = np.array([f"{utc(time):%G-W%V}" for time in heard.time], dtype=str)
    bands = np.searchsorted(BANDS[1:-1], heard.confidence, side="right")
    names = [f"{low:.2f}-{high:.2f}" for low, high in pairwise(BANDS)]
    known = [id for id in found.feedback if id in found.given]
    return {
        "note": BIASED,
        "given": len(found.feedback),
        "without_prediction": len(found.feedback) - len(known),
        "ambiguous": sum(found.given[id] is None for id in known),
        "overall": _calibration(heard, np.full(len(heard.right), True)),
        "by_week": {week: _accuracy(heard, weeks == week) for week in np.unique(weeks).tolist()},
        "by_confidence": {
            name: _calibration(heard, bands == i)
            for i, name in enumerate(names)
            if (bands == i).any()
        },
    }


def _calibration(heard: Heard, members: np.ndarray) -> dict[str, Any]:
    """Return the accuracy beside what confidence promised."""
    found = _accuracy(heard, members)
    if found["examples"]:
        confidence, right = heard.confidence[members], heard.right[members]
        found["mean_confidence"] = rounded(confidence.mean())
        found["calibration_error"] = rounded(calibration_error(confidence, right))
    return found


def _accuracy(heard: Heard, members: np.ndarray) -> dict[str, Any]:
    found = heard.counts(members).share()
    if not found:
        return {"examples": 0}
    interval = [rounded(found.low), rounded(found.high)]
    return {"examples": found.texts, "accuracy": rounded(found.value), "interval": interval}


def _share(counts: Counts) -> dict[str, Any]:
    found = counts.share()
    assert found  # no day and no revision is without texts
    return {"value": rounded(found.value), "interval": [rounded(found.low), rounded(found.high)]}
