"""Engines side by side: the classifier alone by length, and many reviews at once.

Each engine is in a process of its own; they take turns, so that a noisy machine is noisy for all.
In its turn an engine is asked a few times.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from tqdm import tqdm

from app.sentiment import bundle, polarity
from app.sentiment.text import Text, normalise
from bench import floor, report, rivals
from bench.report import BURST, SETTLE_SECONDS, THREADS, spread, text_of
from bench.service import ROOT

LENGTHS = (16, 64, 128, 219, 256, 384, 512)
"""Tokens; 219 is the median review of IMDb's."""
WARM_UPS = 1
REVIEWS = 2000
CHUNK = 25
SECONDS = 6.0
"""For each rival's share of the reviews; ours scores them all."""
FLOOR = "floor"
VECTORS_FLOOR = "floor without the matrix unit"
FLOORS = (FLOOR, *([VECTORS_FLOOR] if floor.has_matrix_unit() else []))
REQUEST = "native int8 (ours), whole request"
PLOT = ROOT / "docs/images/engines.png"


class _Worker:
    """An engine in a process of its own, which scores texts and says how long it took."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.warm", name],
            cwd=ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "SENTIMENT_CACHE_SIZE": "0"}
            | {"SENTIMENT_ON_LAMBDA": "1", "SENTIMENT_THREADS": str(THREADS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, what: object) -> Any:
        """Send texts, or a number of rows to the floor; return seconds and log-odds.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("an engine's process has ended")
        return json.loads(line)


def measure(rounds: int = 5) -> dict[str, Any]:
    """Return milliseconds by engine and length with quartiles, ratios to ours, and reviews/s."""
    subprocess.run([sys.executable, "-m", "bench.warm", "prepare"], cwd=ROOT, check=True)
    times: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        names = [*rivals.ENGINES, REQUEST, *FLOORS]
        workers = {name: stack.enter_context(_Worker(name)) for name in names}
        for turn in tqdm(range(WARM_UPS + rounds), desc="engines"):
            for tokens in LENGTHS:
                for name, worker in workers.items():
                    time.sleep(SETTLE_SECONDS)
                    request: object = tokens if name in FLOORS else [text_of(tokens)]
                    seconds = [worker.ask(request)["seconds"] for _ in range(BURST)]
                    if turn >= WARM_UPS:
                        times[name][tokens].append(statistics.median(seconds[1:]) * 1000)
        rates = _rates({name: workers[name] for name in rivals.ENGINES})
    ours = times[rivals.OURS]
    return {
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
        "rows": {str(tokens): _rows(tokens) for tokens in LENGTHS},
        "reviews": rates,
    }


def _rows(tokens: int) -> int:
    """Return the rows that a text's windows have together."""
    spans = bundle.load(rivals.SHIPPED).spans(tokens - 2)
    return sum(end - start + 2 for start, end in spans)


def _rates(workers: dict[str, _Worker]) -> dict[str, dict[str, float]]:
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
            seconds[name] += answer["seconds"]
            odds[name] += answer["log_odds"]
    reference = odds["torch fp32"]
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
    """Return the last result as two tables."""
    result = report.read("engines")
    body = []
    for name, by in result["milliseconds"].items():
        cells = [f"{by[str(tokens)][1]:.1f}" for tokens in LENGTHS]
        rate = result["reviews"].get(name)
        cells.append(f"{rate['per_second']:.1f}" if rate else "")
        shown = rate and not name.startswith("base")
        cells.append(f"{rate['same_label_as_torch']:.1%}" if shown else "")
        body.append([name, *cells])
    body += _over_floors(result)
    compared = result["reviews"]["torch fp32"]["reviews"]
    same = f"same label as torch fp32, of up to {compared}"
    header = ["ms, batch 1", *map(str, LENGTHS), "reviews/s", same]
    ratios = [
        [
            name,
            *(f"{by[str(t)][1]:.1f} ({by[str(t)][0]:.1f} – {by[str(t)][2]:.1f})" for t in LENGTHS),
        ]
        for name, by in result["ratios"].items()
        if name != REQUEST and not name.startswith(FLOOR)
    ]
    ratio_header = ["times ours, median (quartiles)", *map(str, LENGTHS)]
    return (
        f"{report.of_machine(result)}\n\n{report.rows(header, body)}\n\n"
        f"{report.rows(ratio_header, ratios)}\n\n"
        f"![Milliseconds by length](images/{PLOT.name})"
    )


def _over_floors(result: dict[str, Any]) -> list[list[str]]:
    """Return rows of how often ours takes each floor, of its tokens and of its windows' rows."""
    ours, rows = result["milliseconds"][rivals.OURS], result["rows"]
    body = []
    for name in (name for name in result["milliseconds"] if name.startswith(FLOOR)):
        by = result["milliseconds"][name]
        over = {t: ours[str(t)][1] / by[str(t)][1] for t in LENGTHS}
        body.append(
            [f"ours ÷ {name} (one row per token)"]
            + [f"{over[t]:.1f} ×" for t in LENGTHS]
            + ["", ""]
        )
        body.append(
            [f"ours ÷ {name} (rows of all windows)"]
            + [f"{over[t] * t / rows[str(t)]:.1f} ×" for t in LENGTHS]
            + ["", ""]
        )
    return body


def plot() -> None:
    """Draw the last result: milliseconds by length, an engine a line."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    result = report.read("engines")
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for name, by in result["milliseconds"].items():
        if name == REQUEST:
            continue
        width = 3 if name == rivals.OURS else 1.2
        style = "--" if name.startswith("base") else ":" if name.startswith(FLOOR) else "-"
        values = [by[str(tokens)][1] for tokens in LENGTHS]
        axes.plot(LENGTHS, values, style, linewidth=width, marker=".", label=name)
    axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="milliseconds, batch 1")
    axes.set_xticks(LENGTHS, map(str, LENGTHS))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)


def _work(name: str) -> None:
    """Answer each line of texts, or of a number of rows, with how long it took."""
    if name in FLOORS:
        for line in sys.stdin:
            # Of one processor; no division of the work is better than an equal one.
            seconds = floor.seconds(int(line), matrix_unit=name == FLOOR) / THREADS
            print(json.dumps({"seconds": seconds}), flush=True)
        return
    if name == REQUEST:
        # What the service prints itself is its log, no answer.
        answers, sys.stdout = sys.stdout, sys.stderr
        from bench.service import event_of
        from handler import handler

        for line in sys.stdin:
            event = event_of(json.loads(line)[0])
            start = time.perf_counter()
            handler(event, None)
            seconds = time.perf_counter() - start
            print(json.dumps({"seconds": seconds}), file=answers, flush=True)
        return
    classifier = rivals.classifier(name)
    for line in sys.stdin:
        texts = [Text(text) for text in json.loads(line)]
        start = time.perf_counter()
        logits = classifier.score(texts).logits
        seconds = time.perf_counter() - start
        odds = list(map(polarity.log_odds, logits))
        print(json.dumps({"seconds": seconds, "log_odds": odds}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        rivals.prepare()
    else:
        _work(sys.argv[1])
