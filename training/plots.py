"""Pictures of a training run and of an evaluation."""

import html
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.behaviour import suite
from training.behaviour.suite import Result
from training.data import LABELS
from training.outcomes import SIDES

FIGURES = (
    "accuracy", "f1", "precision", "recall", "roc_auc", "log_loss", "calibration_error",
)  # fmt: skip
"""Figures of two outcomes."""
THREE_WAY_FIGURES = (
    "accuracy", "macro_recall", "recall_negative", "recall_neutral", "recall_positive", "log_loss",
    "calibration_error",
)  # fmt: skip
"""Figures of three outcomes; those of labels that do not occur are missing."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: .3rem .8rem; text-align: right }
td:last-child, th:first-child, td.text { text-align: left }
svg { height: auto; max-width: 100% }
"""


def curves(folder: Path) -> None:
    """Draw a run's ``metrics.jsonl`` as ``curves.png``: loss and accuracy by step."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    figure, (loss, accuracy) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    start = 0
    for phase in dict.fromkeys(line["phase"] for line in lines):
        of_phase = [line for line in lines if line["phase"] == phase]
        running = [line for line in of_phase if "loss" in line]
        epochs = [line for line in of_phase if "held_out_accuracy" in line]
        steps = [start + line["step"] for line in running]
        name = f"phase {phase}"
        loss.plot(steps, [line["loss"] for line in running], label=name)
        [drawn] = accuracy.plot(steps, [line["accuracy"] for line in running], label=name)
        accuracy.plot(
            [start + line["step"] for line in epochs],
            [line["held_out_accuracy"] for line in epochs],
            marker="o",
            linestyle="--",
            color=drawn.get_color(),
            label=f"{name}, held out",
        )
        start += max(line["step"] for line in of_phase)
    # Searching for the best place of a legend takes long where there are many steps.
    for axes, name, corner in (
        (loss, "loss", "upper right"),
        (accuracy, "accuracy", "lower right"),
    ):
        axes.set(xlabel="optimiser steps", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend(loc=corner)
    figure.savefig(folder / "curves.png", dpi=120)
    plt.close(figure)


def page(
    title: str,
    report: Mapping[str, Any],
    mistakes: Sequence[Mapping[str, Any]],
    abilities: Mapping[str, Result] | None = None,
) -> str:
    """Return an evaluation as one HTML page that needs no other file."""
    rows = [
        f"<tr><th>{name.replace('_', ' ')}</th><td>{report[name]:.4f}</td>"
        f"<td>{_interval(report['intervals'][name])}</td></tr>"
        for name in dict.fromkeys((*FIGURES, *THREE_WAY_FIGURES))
        if report.get(name) is not None
    ]
    wrong = [
        f"<tr><td>{mistake['row']}</td><td>{mistake['label']}</td><td>{mistake['confidence']:.4f}</td>"
        f"<td>{mistake['tokens']}</td><td class=text>{html.escape(mistake['text'])}</td></tr>"
        for mistake in mistakes
    ]
    pictures = [_confusion, _by_length]
    if "reliability" in report:
        pictures.insert(0, _reliability)
    if "by_rating" in report:
        pictures.append(_by_rating)
    return "\n".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style>",
            f"<h1>{html.escape(title)}</h1><p>{report['examples']:,} examples.</p>",
            "<table><tr><th></th><th></th><th>95 % interval</th></tr>",
            *rows,
            "</table>",
            *(_svg(picture, report) for picture in pictures),
            "<h2>Mistakes made most confidently</h2>",
            "<table><tr><th>row</th><th>label</th><th>confidence</th><th>tokens</th><th></th></tr>",
            *wrong,
            "</table>",
            *(_abilities(abilities) if abilities else ()),
            "</html>",
        ]
    )


def _abilities(results: Mapping[str, Result]) -> Iterator[str]:
    """Yield tables of what sums the abilities up, and of each ability, the worst first."""
    yield "<h2>Abilities</h2><table>"
    for name, share in suite.figures(results).items():
        yield f"<tr><td class=text>{suite.SUMMARY[name]}</td><td>{share:.1%}</td></tr>"
    yield "</table><table><tr><th>ability</th><th>cases</th><th>fail</th><th>for example</th></tr>"
    for name, result in suite.worst_first(results):
        example = html.escape(result.examples[0]) if result.examples else ""
        yield (
            f"<tr><td class=text>{name}</td><td>{result.cases:,}</td><td>{result.rate:.1%}</td>"
            f"<td>{example}</td></tr>"
        )
    yield "</table>"


def _svg(picture: Any, report: Mapping[str, Any]) -> str:
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    picture(figure.subplots(), report)
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()[written.getvalue().index("<svg") :]


def _reliability(axes: Axes, report: Mapping[str, Any]) -> None:
    bins = report["reliability"]
    confidence = [one_bin["confidence"] for one_bin in bins]
    least = 1 / len(_cells(report))  # a guess among the outcomes
    axes.plot((least, 1), (least, 1), color="grey", linestyle=":", label="perfectly calibrated")
    axes.plot(confidence, [one_bin["accuracy"] for one_bin in bins], marker="o", label="measured")
    most = max(one_bin["examples"] for one_bin in bins)
    shares = [0.1 * one_bin["examples"] / most for one_bin in bins]
    axes.bar(confidence, shares, 0.02, bottom=least - 0.1, alpha=0.3, label="examples")
    axes.set(title="Reliability", xlabel="confidence", ylabel="accuracy", ylim=(least - 0.1, 1.02))
    axes.legend()


def _confusion(axes: Axes, report: Mapping[str, Any]) -> None:
    cells = _cells(report)
    names = LABELS if len(cells) == len(LABELS) else [LABELS[side] for side in SIDES]
    axes.imshow(cells, cmap="Blues")
    dark = max(max(row) for row in cells) / 2
    for i, row in enumerate(cells):
        for j, count in enumerate(row):
            colour = "white" if count > dark else "black"
            axes.text(j, i, f"{count:,}", ha="center", va="center", color=colour)
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="label")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)


def _cells(report: Mapping[str, Any]) -> list[list[int]]:
    """Return how often each outcome was predicted, by column, of each true one, by row."""
    counts = report["confusion"]
    if "tn" in counts:
        return [[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]]
    return [list(of_label.values()) for of_label in counts.values()]


def _by_length(axes: Axes, report: Mapping[str, Any]) -> None:
    accuracies(axes, report["by_length"])
    axes.set(title="Accuracy by length", xlabel="tokens", ylabel="accuracy")


def _by_rating(axes: Axes, report: Mapping[str, Any]) -> None:
    accuracies(axes, report["by_rating"])
    axes.set(title="Accuracy by rating", xlabel="stars", ylabel="accuracy")


def accuracies(axes: Axes, groups: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw the accuracy of each group with its interval, over its name and size."""
    shares = [group["accuracy"] for group in groups.values()]
    errors = [
        [abs(group["accuracy"] - group["interval"][side]) for group in groups.values()]
        for side in (0, 1)
    ]
    names = [f"{name}\n{group['examples']:,}" for name, group in groups.items()]
    axes.errorbar(range(len(names)), shares, errors, marker="o", capsize=4)
    axes.set_xticks(range(len(names)), names)
    axes.grid(alpha=0.3)


def _interval(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:.4f} – {bounds[1]:.4f}"
