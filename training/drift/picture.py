"""The report as a picture: how the days went."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from training import plots


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Write the picture, a PNG."""
    figure = Figure(figsize=(12, 7.5), layout="constrained")
    positive, confidence, doubtful, feedback = figure.subplots(2, 2).flat
    days = [datetime.fromisoformat(day["day"]) + timedelta(hours=12) for day in report["days"]]
    _shares(positive, days, [day["positive_share"] for day in report["days"]])
    positive.set(title="Positive share of a day, with 95 % interval", ylim=(0, 1))
    confidence.plot(date2num(days), [day["mean_confidence"] for day in report["days"]], marker=".")
    confidence.set(title="Mean confidence of a day")
    _shares(doubtful, days, [day["doubtful_share"] for day in report["days"]])
    doubtful.set(title="Doubtful share of a day, with 95 % interval")
    doubtful.set_ylim(bottom=0)
    for axes in (positive, confidence, doubtful):
        _time(axes, report)
    positive.legend(loc="lower left", fontsize="small")
    _feedback(feedback, report["feedback"])
    figure.savefig(path, dpi=120)


def _shares(axes: Axes, days: Sequence[datetime], shares: Sequence[Mapping[str, Any]]) -> None:
    [drawn] = axes.plot(date2num(days), [share["value"] for share in shares], marker=".")
    low, high = zip(*(share["interval"] for share in shares), strict=True)
    axes.fill_between(date2num(days), low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)


def _time(axes: Axes, report: Mapping[str, Any]) -> None:
    """Mark what is compared and where another model begins."""
    latest = report["comparisons"][0]["latest"]
    start, end = (date2num(datetime.fromisoformat(latest[side])) for side in ("from", "until"))
    axes.axvspan(start, end, color="grey", alpha=0.12, linewidth=0, label="the latest week")
    for model in report["models"][1:]:
        since = date2num(datetime.fromisoformat(model["from"]))
        axes.axvline(since, color="black", linestyle=":", label=f"model {model['model'][:12]}")
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(alpha=0.3)


def _feedback(axes: Axes, feedback: Mapping[str, Any]) -> None:
    weeks = feedback["by_week"]
    axes.set(title="Accuracy on feedback, by week of the prediction (a biased sample)")
    if not weeks:
        axes.text(0.5, 0.5, "no feedback on these predictions", ha="center", va="center")
        axes.set_axis_off()
        return
    plots.accuracies(axes, weeks)
    axes.set(ylim=(0, 1.02))
