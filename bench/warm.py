"""Engines side by side: the classifier alone by length, and many reviews at once.

Engines that can be held to an instruction set are measured with each set of this processor by
itself. Each engine is in a process of its own; they take turns, so that a noisy machine is noisy
for all. In its turn an engine is asked a few times.
"""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from app.sentiment import bundle, polarity
from app.sentiment.text import Text, normalise
from bench import floor, instruction_sets, report, rivals
from bench.process import OURS, Process, serve, timed
from bench.report import SETTLE_SECONDS, THREADS, spread
from bench.service import ROOT

LENGTHS = (16, 219, 256, 512)
"""Tokens; 219 is the median review of IMDb's."""
WARM_UPS = 1
REVIEWS = 2000
CHUNK = 25
SECONDS = 4.0
"""For each rival's share of the reviews; ours scores them all."""
FLOOR = "floor"
FREE = "free"
"""The engines that use all that the processor has."""
REQUEST = "native int8 (ours), whole request"
INSTRUCTIONS = "BENCH_FLOOR"
"""The variable that tells the floor's process its instruction set."""
PLOT = ROOT / "docs/images/engines.png"

_Times = dict[str, dict[int, list[float]]]
"""Milliseconds of each turn, by engine and tokens."""


def process_of(name: str, environment: Mapping[str, str] = MappingProxyType({})) -> Process:
    """Start an engine by its name."""
    return Process([sys.executable, "-m", "bench.warm", name], {**OURS, **environment})


def measure(rounds: int = 5) -> dict[str, Any]:
    """Return milliseconds and ratios to ours, with quartiles, by engine and length; reviews/s.

    Sets that this processor lacks keep their last result, which names its machine.
    """
    subprocess.run([sys.executable, "-m", "bench.warm", "prepare"], cwd=ROOT, check=True)
    sets = instruction_sets.available()
    with ExitStack() as stack:
        workers = {
            (isa.title, name): stack.enter_context(
                process_of(name, {**isa.environment, INSTRUCTIONS: isa.instructions})
            )
            for isa in sets
            for name in (*rivals.HELD, FLOOR)
        }
        for name in (rivals.OURS, *rivals.FREE, REQUEST):
            workers[FREE, name] = stack.enter_context(process_of(name))
        times: dict[str, _Times] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        for turn in tqdm(range(WARM_UPS + rounds), desc="engines"):
            for tokens in LENGTHS:
                for (title, name), worker in workers.items():
                    time.sleep(SETTLE_SECONDS)
                    milliseconds = worker.milliseconds(tokens)
                    if turn >= WARM_UPS:
                        times[title][name][tokens].append(milliseconds)
        rates = _rates({name: workers[FREE, name] for name in (rivals.OURS, *rivals.FREE)})
    earlier = report.read("engines").get("sets", {})
    measured = {isa.title: _summary(times[isa.title]) for isa in sets}
    return {
        "sets": {
            isa.title: measured.get(isa.title) or earlier[isa.title]
            for isa in instruction_sets.SETS
            if isa.title in {**measured, **earlier}
        },
        FREE: _summary(times[FREE]),
        "rows": {str(tokens): _rows(tokens) for tokens in LENGTHS},
        "reviews": rates,
    }


def _summary(times: _Times) -> dict[str, Any]:
    """Return the quartiles of milliseconds and of the ratios to ours, turn by turn."""
    ours = times[rivals.OURS]
    return {
        "machine": report.machine(),
        "milliseconds": {
            name: {str(tokens): spread(values) for tokens, values in by.items()}
            for name, by in times.items()
        },
        "ratios": {
            name: {
                str(tokens): spread([b / o for b, o in zip(values, ours[tokens], strict=True)])
                for tokens, values in by.items()
            }
            for name, by in times.items()
            if name != rivals.OURS
        },
    }


def _rows(tokens: int) -> int:
    """Return the rows that a text's windows have together."""
    spans = bundle.load(rivals.SHIPPED).spans(tokens - 2)
    return sum(end - start + 2 for start, end in spans)


def _rates(workers: Mapping[str, Process]) -> dict[str, dict[str, float]]:
    from bench.files import reviews

    texts = [normalise(text) for text in reviews(REVIEWS, 0)]
    seconds: dict[str, float] = defaultdict(float)
    odds: dict[str, list[float]] = defaultdict(list)
    for first in tqdm(range(0, REVIEWS, CHUNK), desc="reviews"):
        for name, worker in workers.items():
            if name != rivals.OURS and seconds[name] > SECONDS:
                continue
            time.sleep(SETTLE_SECONDS)
            answer = worker.ask(texts[first : first + CHUNK])
            seconds[name] += answer.seconds
            odds[name] += answer.scores
    reference = odds[rivals.TORCH]
    return {
        name: {
            "reviews": len(odds[name]),
            "per_second": len(odds[name]) / seconds[name],
            "same_label_as_torch": _agreement(odds[name], reference),
        }
        for name in workers
    }


def _agreement(odds: Sequence[float], reference: Sequence[float]) -> float:
    pairs = list(zip(odds, reference, strict=False))
    return sum((a >= 0) == (b >= 0) for a, b in pairs) / len(pairs)


def table() -> str:
    """Return the last result as a table for each instruction set and one of the other engines."""
    result = report.read("engines")
    parts = [_set_table(title, by, result["rows"]) for title, by in result["sets"].items()]
    parts.append(_free_table(result))
    parts.append(f"![Milliseconds by length](images/{PLOT.name})")
    return "\n\n".join(parts)


def _set_table(title: str, result: Mapping[str, Any], rows: Mapping[str, int]) -> str:
    """Return the engines held to one set, and how far ours is from that set's floor."""
    milliseconds, ratios = result["milliseconds"], result["ratios"]
    body = [
        [name, *(_cell(by, ratios.get(name), t) for t in LENGTHS)]
        for name, by in milliseconds.items()
        if name != FLOOR
    ]
    if FLOOR in milliseconds:
        over = {t: 1 / ratios[FLOOR][str(t)][1] for t in LENGTHS}
        body.append([FLOOR, *(f"{milliseconds[FLOOR][str(t)][1]:.2f}" for t in LENGTHS)])
        body.append(["ours ÷ floor (one row per token)", *(f"{over[t]:.2f} ×" for t in LENGTHS)])
        body.append(
            ["ours ÷ floor (rows of all windows)"]
            + [f"{over[t] * t / rows[str(t)]:.2f} ×" for t in LENGTHS]
        )
    header = [f"{title}: ms, batch 1 (times ours)", *map(str, LENGTHS)]
    return f"{report.of_machine(result)}\n\n{report.rows(header, body)}"


def _free_table(result: Mapping[str, Any]) -> str:
    """Return the engines that use all that the processor has, and how many reviews they score."""
    milliseconds, ratios = result[FREE]["milliseconds"], result[FREE]["ratios"]
    body = []
    for name, by in milliseconds.items():
        cells = [_cell(by, ratios.get(name), t) for t in LENGTHS]
        rate = result["reviews"].get(name)
        cells.append(f"{rate['per_second']:.1f}" if rate else "")
        same = rate and not name.startswith("base")
        cells.append(f"{rate['same_label_as_torch']:.1%}" if same else "")
        body.append([name, *cells])
    compared = result["reviews"][rivals.TORCH]["reviews"]
    same_label = f"same label as torch fp32, of up to {compared}"
    header = ["not held: ms, batch 1 (times ours)", *map(str, LENGTHS), "reviews/s", same_label]
    return f"{report.of_machine(result[FREE])}\n\n{report.rows(header, body)}"


def _cell(
    milliseconds: Mapping[str, Sequence[float]],
    ratios: Mapping[str, Sequence[float]] | None,
    tokens: int,
) -> str:
    median = f"{milliseconds[str(tokens)][1]:.2f}"
    return f"{median} ({ratios[str(tokens)][1]:.1f} ×)" if ratios else median


def plot() -> None:
    """Draw the last result: milliseconds by length, a panel for each set, an engine a line."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    result = report.read("engines")
    panels = {**result["sets"], "not held": result[FREE]}
    figure, every_axes = plt.subplots(
        1,
        len(panels),
        figsize=(4 * len(panels), 5),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, panel) in zip(every_axes[0], panels.items(), strict=True):
        for name, by in panel["milliseconds"].items():
            if name == REQUEST:
                continue
            width = 3 if name == rivals.OURS else 1.2
            style = "--" if name.startswith("base") else ":" if name == FLOOR else "-"
            values = [by[str(tokens)][1] for tokens in LENGTHS]
            axes.plot(LENGTHS, values, style, linewidth=width, marker=".", label=name)
        axes.set(title=title, xscale="log", yscale="log", xlabel="tokens")
        axes.set_xticks(LENGTHS, map(str, LENGTHS))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    every_axes[0][0].set(ylabel="milliseconds, batch 1")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)


def _serve(name: str) -> None:
    if name == FLOOR:
        serve(_floor)
    elif name == REQUEST:
        serve(timed(_request_scorer()))
    else:
        serve(timed(_scorer(name)))


def _request_scorer() -> Callable[[Sequence[str]], Sequence[float]]:
    from bench.service import event_of
    from handler import handler

    return lambda texts: [handler(event_of(text), None)["statusCode"] for text in texts]


def _scorer(name: str) -> Callable[[Sequence[str]], Sequence[float]]:
    classifier = rivals.classifier(name)

    def score(texts: Sequence[str]) -> list[float]:
        logits = classifier.score([Text(text) for text in texts]).logits
        return list(map(polarity.log_odds, logits))

    return score


def _floor(texts: Sequence[str]) -> tuple[float, Sequence[float]]:
    """Return the time of one processor divided as well as can be: equally among all."""
    [text] = texts
    return floor.seconds(len(text.split()) + 2, os.environ[INSTRUCTIONS]) / THREADS, [0.0]


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        rivals.prepare()
    else:
        _serve(sys.argv[1])
