"""The latest week beside what was before it: what differs, by how much, and whether by chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.drift.columns import Counts, Feedback, Lines, iso, rounded
from training.drift.logs import Scored
from training.drift.statistics import Difference, Share, differ, differ_in_mean, stability

DAY = 86400.0
WEEK = 7 * DAY
ENOUGH = 30
"""Requests that each period must have; of fewer, a normal approximation says little."""
LEAST_DAYS = 6
"""That there must be before the latest week: weekends are not like working days."""
SIGNIFICANT = 0.01
LARGE_SHARE = 0.03
"""A change of a share that is worth a person's time, if it is no chance."""
LARGE_ACCURACY = 0.05
LARGE_INDEX = 0.1
"""Likewise of the population stability index."""


@dataclass(frozen=True)
class Period:
    """From one time, exclusive, to another, in seconds of Unix time."""

    start: float
    end: float

    def holds(self, time: np.ndarray) -> np.ndarray:
        """Return which of the times are in it."""
        return (time > self.start) & (time <= self.end)


@dataclass(frozen=True)
class Periods:
    """What is compared: the week that ends with the last line, and what came before it."""

    begin: float
    """When the logs do."""
    latest: Period
    week_before: Period
    reference: Period


def periods(time: np.ndarray, reference_days: int) -> Periods:
    """Return the periods of logs with lines at these times."""
    end = float(time.max())
    return Periods(
        begin=float(time.min()),
        latest=Period(end - WEEK, end),
        week_before=Period(end - 2 * WEEK, end - WEEK),
        reference=Period(end - WEEK - reference_days * DAY, end - WEEK),
    )


def compare(
    scored: list[Scored], lines: Lines, feedback: Feedback, of: Periods
) -> list[dict[str, Any]]:
    """Return every comparison. ``drift``: it differs by much, and not by chance."""
    positive, doubtful = lines.counts(lines.positive), lines.counts(lines.doubtful)
    return [
        _shares("positive share", positive, LARGE_SHARE, of, of.week_before),
        _shares("doubtful share", doubtful, LARGE_SHARE, of, of.reference),
        _confidence(scored, lines, of),
        _shares("accuracy on feedback", feedback.counts(), LARGE_ACCURACY, of, of.reference),
    ]


def _shares(name: str, counts: Counts, large: float, of: Periods, before: Period) -> dict[str, Any]:
    later, earlier = (counts.where(p.holds(counts.time)).share() for p in (of.latest, before))
    comparison = _comparison(name, of, before, later, earlier)
    comparison["latest"]["value"] = rounded(later.value) if later else None
    comparison["before"]["value"] = rounded(earlier.value) if earlier else None
    if later and earlier:
        difference = differ(later, earlier)
        comparison |= _written(difference)
        is_large = abs(difference.value) >= large and difference.p < SIGNIFICANT
        comparison["drift"] = is_large and not comparison["too_little"]
    return comparison


def _confidence(scored: list[Scored], lines: Lines, of: Periods) -> dict[str, Any]:
    """Compare the mean confidence and, where lines name their texts, its distribution."""
    latest, before = (period.holds(lines.time) for period in (of.latest, of.reference))
    counts = lines.counts(lines.texts)
    shares = [counts.where(members).share() for members in (latest, before)]
    comparison = _comparison("confidence", of, of.reference, *shares)
    for name, members in (("latest", latest), ("before", before)):
        comparison[name]["value"] = mean_confidence(lines, members)
    if min(latest.sum(), before.sum()) > 1:
        sums = [(lines.confidence[members], lines.texts[members]) for members in (latest, before)]
        comparison |= _written(differ_in_mean(*sums))
    named = [i for i in np.flatnonzero(latest | before) if scored[i].confidences]
    is_later = latest[named]
    if not comparison["too_little"] and 0 < is_later.sum() < len(named):
        values = np.array([value for i in named for value in scored[i].confidences])
        sizes = [len(scored[i].confidences) for i in named]
        index, p = stability(values, np.repeat(np.arange(len(named)), sizes), is_later)
        comparison |= {"stability_index": rounded(index), "stability_p": rounded(p)}
        comparison["drift"] = index >= LARGE_INDEX and p < SIGNIFICANT
    return comparison


def mean_confidence(lines: Lines, members: np.ndarray) -> float | None:
    """Return the mean over the texts of these lines, if there are any."""
    texts = lines.texts[members].sum()
    return rounded(lines.confidence[members].sum() / texts) if texts else None


def _comparison(
    name: str, of: Periods, before: Period, later: Share | None, earlier: Share | None
) -> dict[str, Any]:
    """Return what every comparison says, before anything is compared."""
    sides = {}
    for side, period, share in (("latest", of.latest, later), ("before", before, earlier)):
        since = max(period.start, of.begin)
        sides[side] = {
            "from": iso(since),
            "until": iso(period.end),
            "texts": share.texts if share else 0,
        }
    too_little = _too_little(of.begin, before, later, earlier)
    return {"name": name, "drift": False, "too_little": too_little, **sides}


def _too_little(
    begin: float, before: Period, later: Share | None, earlier: Share | None
) -> str | None:
    """Return why two periods cannot be judged, if they cannot."""
    days = (before.end - max(begin, before.start)) / DAY
    if days < min(LEAST_DAYS, (before.end - before.start) / DAY):
        return f"the logs hold {max(days, 0):.1f} days before the latest week"
    fewest = min(share.requests if share else 0 for share in (later, earlier))
    if fewest < ENOUGH:
        return f"one of the periods has the weight of {fewest:.0f} requests, and {ENOUGH} it takes"
    return None


def _written(difference: Difference) -> dict[str, Any]:
    return {
        "difference": rounded(difference.value),
        "interval": [rounded(difference.low), rounded(difference.high)],
        "p": float(f"{difference.p:.2g}"),
    }
