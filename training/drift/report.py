"""All that the logs and the feedback come to."""

from itertools import pairwise
from typing import Any

import numpy as np

from training.drift import columns
from training.drift.columns import Counts, Feedback, Lines, iso, rounded, utc
from training.drift.compare import DAY, Periods, compare, mean_confidence, periods
from training.drift.logs import LogData
from training.evaluate import calibration_error

BANDS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Bounds of the bands of confidence that accuracy is reported by; the first is doubtful."""
REFERENCE_DAYS = 28
BIASED = (
    "Feedback is a biased sample: people speak up about what surprised them, mostly mistakes. Its "
    "accuracy shows how such feedback goes over time, not how right the service is."
)


def report(logs: LogData, reference_days: int = REFERENCE_DAYS) -> dict[str, Any]:
    """Return all figures as JSON can hold them; shares are between 0 and 1, times UTC.

    ``reference_days``: how long before the latest week confidence is held to.

    Raises:
        ValueError: the files hold no prediction.
    """
    if not logs.scored:
        raise ValueError(
            f"there is no prediction in {logs.files} files: {logs.other} lines are of other "
            f"kinds, {logs.damaged} damaged"
        )
    lines = columns.lines(logs)
    feedback = columns.feedback(logs, lines)
    compared = periods(lines.time, reference_days)
    comparisons = compare(logs.scored, lines, feedback, compared)
    return {
        "from": iso(lines.time.min()),
        "until": iso(lines.time.max()),
        "files": logs.files,
        "lines": {
            "used": len(logs.scored),
            "other": logs.other,
            "repeated": logs.repeated,
            "damaged": logs.damaged,
        },
        "texts": int(lines.texts.sum()),
        "drift": [one["name"] for one in comparisons if one["drift"]],
        "comparisons": comparisons,
        "models": _models(lines, feedback),
        "model_changed": _changed(lines, compared),
        "feedback": _feedback(logs, feedback),
        "days": _days(lines, feedback),
    }


def _models(lines: Lines, feedback: Feedback) -> list[dict[str, Any]]:
    """Return the figures of each revision, in the order in which they came."""
    of = {model: lines.model == model for model in np.unique(lines.model).tolist()}
    return [
        {
            "model": model,
            "from": iso(lines.time[own].min()),
            "until": iso(lines.time[own].max()),
            **_figures(lines, own, feedback, feedback.model == model),
        }
        for model, own in sorted(of.items(), key=lambda one: lines.time[one[1]].min())
    ]


def _changed(lines: Lines, compared: Periods) -> list[str]:
    """Return the revisions that answered only in the latest week, or only before it."""
    latest = compared.latest.holds(lines.time)
    if latest.all():
        return []
    return sorted(set(lines.model[latest].tolist()) ^ set(lines.model[~latest].tolist()))


def _days(lines: Lines, feedback: Feedback) -> list[dict[str, Any]]:
    days, feedback_days = lines.time // DAY, feedback.time // DAY
    return [
        {"day": f"{utc(day * DAY):%Y-%m-%d}"}
        | _figures(lines, days == day, feedback, feedback_days == day)
        for day in np.unique(days)
    ]


def _figures(
    lines: Lines, own: np.ndarray, feedback: Feedback, feedback_own: np.ndarray
) -> dict[str, Any]:
    return {
        "texts": int(lines.texts[own].sum()),
        "positive_share": _share(lines.counts(lines.positive).where(own)),
        "doubtful_share": _share(lines.counts(lines.doubtful).where(own)),
        "mean_confidence": mean_confidence(lines, own),
        "feedback": _accuracy(feedback, feedback_own),
    }


def _feedback(logs: LogData, feedback: Feedback) -> dict[str, Any]:
    weeks = np.array([f"{utc(time):%G-W%V}" for time in feedback.time], dtype=str)
    bands = np.searchsorted(BANDS[1:-1], feedback.confidence, side="right")
    names = [f"{low:.2f}-{high:.2f}" for low, high in pairwise(BANDS)]
    matched = [id for id in logs.feedback if id in logs.predictions]
    return {
        "note": BIASED,
        "given": len(logs.feedback),
        "without_prediction": len(logs.feedback) - len(matched),
        "ambiguous": sum(logs.predictions[id] is None for id in matched),
        "overall": _calibration(feedback, np.full(len(feedback.right), True)),
        "by_week": {week: _accuracy(feedback, weeks == week) for week in np.unique(weeks).tolist()},
        "by_confidence": {
            name: _calibration(feedback, bands == i)
            for i, name in enumerate(names)
            if (bands == i).any()
        },
    }


def _calibration(feedback: Feedback, members: np.ndarray) -> dict[str, Any]:
    """Return the accuracy beside what confidence promised."""
    figures = _accuracy(feedback, members)
    if figures["examples"]:
        confidence, right = feedback.confidence[members], feedback.right[members]
        figures["mean_confidence"] = rounded(confidence.mean())
        figures["calibration_error"] = rounded(calibration_error(confidence, right))
    return figures


def _accuracy(feedback: Feedback, members: np.ndarray) -> dict[str, Any]:
    share = feedback.counts(members).share()
    if not share:
        return {"examples": 0}
    interval = [rounded(share.low), rounded(share.high)]
    return {"examples": share.texts, "accuracy": rounded(share.value), "interval": interval}


def _share(counts: Counts) -> dict[str, Any]:
    share = counts.share()
    assert share  # no day and no revision is without texts
    return {"value": rounded(share.value), "interval": [rounded(share.low), rounded(share.high)]}
