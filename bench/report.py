"""What every measurement shares: the texts, the machine it is of, and where results lie."""

import json
import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from bench.service import ROOT

RESULTS = ROOT / "bench/results"
WORDS = "the film was good and the cast did a fine job but it went on for much too long"
THREADS = len(os.sched_getaffinity(0))
SETTLE_SECONDS = 0.25
"""Libraries leave threads spinning after a request, torch for 0.2 s; the next must not pay."""
BURST = 5
"""Requests in one's turn. The first comes after a pause, and finds the processors' caches full of
what others left there: it is not counted among the rest, which are in a row."""
ON_LAMBDA = {
    "SENTIMENT_ON_LAMBDA": "1",
    "SENTIMENT_CACHE_SIZE": "0",
    "DISTILBERT_INT8_INSTRUCTIONS": "avx512",
}
"""For what is to stand for a function: AWS does not say that its processors have a matrix unit."""
TARGETS = {
    "warm /predict, 16 tokens (ms)": 15.0,
    "warm /predict, 219 tokens (ms)": 15.0,
    "warm /predict, 512 tokens (ms)": 10.0,
    "start to first answer (s)": 8.0,
    "start to first answer (CPU s)": 10.0,
    "resident memory (MB)": 5.0,
    "make score, 1,000 reviews (s)": 6.0,
}
"""The lowest ratio to the baseline that a release may have."""


def text_of(tokens: int) -> str:
    """Return a text of so many tokens, the two special ones included: each word is one."""
    return " ".join(islice(cycle(WORDS.split()), tokens - 2))


def machine() -> dict[str, Any]:
    """Return what the figures are of; ``load``: how many others wanted the cores at the end."""
    model_name = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cores": THREADS,
        "processor": model_name[1] if model_name else platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def write(name: str, result: Mapping[str, Any]) -> None:
    """Write a result with the machine that it is of."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n")


def read(name: str) -> dict[str, Any]:
    """Return the last result of this name."""
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def spread(values: Sequence[float]) -> list[float]:
    """Return the lower quartile, the median and the upper quartile."""
    return statistics.quantiles(values, n=4, method="inclusive")


def of_machine(result: Mapping[str, Any]) -> str:
    """Return the sentence that says what a table is of."""
    machine = result["machine"]
    return (
        f"On {machine['cores']} cores ({machine.get('processor', 'x86-64')}) with Python "
        f"{machine['python']}, a load of {machine.get('load', 'unknown size')} at the end."
    )


def rows(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, its first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *body))


def comparison(figures: Mapping[str, Any]) -> str:
    """Return the figures beside the baseline's, with their targets, as a Markdown table."""
    rows = ["| | baseline | ours | ratio | quartiles | target |", "|---|---:|---:|---:|---:|---:|"]
    for name, row in figures.items():
        low, high = row["ratio_quartiles"]
        rows.append(
            f"| {name} | {row['baseline']:.4g} | {row['ours']:.3g} "
            f"| {row['ratio']:.1f} × | {low:.1f} – {high:.1f} "
            f"| {f'≥ {TARGETS[name]:.0f} ×' if name in TARGETS else ''} |"
        )
    return "\n".join(rows)
