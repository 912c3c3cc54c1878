"""The report, as a person reads it in a terminal."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

WIDTH = 88


def summary(report: Mapping[str, Any]) -> str:
    """Return the report in words and small tables."""
    paragraphs = [_read(report), _verdict(report), "\n".join(_comparisons(report)), *_notes(report)]
    paragraphs += ["\n".join(_models(report)), "\n".join(_feedback(report["feedback"]))]
    return "\n\n".join(paragraphs)


def _read(report: Mapping[str, Any]) -> str:
    lines = report["lines"]
    odd = [f"{lines[kind]:,} {kind}" for kind in ("repeated", "damaged") if lines[kind]]
    return _wrapped(
        f"{report['texts']:,} texts in {lines['used']:,} log lines of {report['files']:,} files, "
        f"{report['from'][:16]} to {report['until'][:16]} UTC"
        + (f"; and lines {' and '.join(odd)}." if odd else ".")
    )


def _verdict(report: Mapping[str, Any]) -> str:
    if report["drift"]:
        return f"DRIFT: {', '.join(report['drift'])}."
    judged = [one for one in report["comparisons"] if not one["too_little"]]
    return "No drift in what could be judged." if judged else "Too little data to judge drift."


def _comparisons(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'the latest week':24}{'before':>9}{'latest':>9}{'difference, 95 %':>28}{'p':>9}"
    for one in report["comparisons"]:
        percent = one["name"] != "confidence"
        values = [_value(one[side]["value"], percent) for side in ("before", "latest")]
        line = f"{one['name']:24}{values[0]:>9}{values[1]:>9}"
        if "difference" in one:
            scale, form = (100, "+.1f") if percent else (1, "+.4f")
            low, high = (format(scale * bound, form) for bound in one["interval"])
            line += f"{format(scale * one['difference'], form)} [{low}, {high}]".rjust(28)
            line += f"{one['p']:>9.2g}"
        if one["drift"]:
            line += "  drift"
        yield line.rstrip()
        if "stability_index" in one:
            yield (
                f"{'  its distribution':24}population stability index {one['stability_index']:.3f},"
                f" p {one['stability_p']:.2g}"
            )


def _value(value: float | None, percent: bool) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if percent else f"{value:.4f}"


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    if not all(one["too_little"] for one in report["comparisons"]):
        since = [one["before"]["from"][:10] for one in report["comparisons"]]
        yield _wrapped(
            f"Before: of the positive share the week before it, since {since[0]}; of the others "
            f"all since {since[1]}."
        )
    unjudged: dict[str, list[str]] = {}
    for one in report["comparisons"]:
        if one["too_little"]:
            unjudged.setdefault(one["too_little"], []).append(one["name"])
    for why, names in unjudged.items():
        yield _wrapped(f"Not judged: {', '.join(names)}; {why}.")
    if report["model_changed"]:
        yield _wrapped(
            f"The model changed: {', '.join(report['model_changed'])} answered only in the latest "
            "week or only before it. What differs may be the model's doing, not the texts'."
        )


def _models(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'model':16}{'since':18}{'texts':>10}{'positive':>10}{'doubtful':>10}{'confidence':>12}"
    for one in report["models"]:
        yield (
            f"{one['model'][:15]:16}{one['from'][:16]:18}{one['texts']:>10,}"
            f"{one['positive_share']['value']:>10.1%}{one['doubtful_share']['value']:>10.1%}"
            f"{one['mean_confidence']:>12.4f}"
        )


def _feedback(feedback: Mapping[str, Any]) -> Iterator[str]:
    given = f"Feedback on {feedback['given']:,} predictions"
    lost = [
        f"{feedback[key]:,} {what}"
        for key, what in (
            ("without_prediction", "on predictions that the logs do not hold"),
            ("ambiguous", "on ids that were given to predictions that contradict each other"),
        )
        if feedback[key]
    ]
    yield _wrapped(given + (f", {' and '.join(lost)}." if lost else "."))
    if not feedback["overall"]["examples"]:
        return
    yield _wrapped(feedback["note"])
    yield f"{'':12}{'examples':>10}{'accuracy':>10}{'95 %':>18}{'confidence':>12}"
    rows = {"all": feedback["overall"], **feedback["by_week"], **feedback["by_confidence"]}
    for name, one in rows.items():
        interval = " - ".join(f"{bound:.1%}" for bound in one["interval"])
        line = f"{name:12}{one['examples']:>10,}{one['accuracy']:>10.1%}{interval:>18}"
        yield line + (f"{one['mean_confidence']:>12.4f}" if "mean_confidence" in one else "")
    yield f"calibration error on feedback: {feedback['overall']['calibration_error']:.1%}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH)
