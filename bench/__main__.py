"""`make bench`: this service against the baseline and the other engines, part by part.

What is compared takes turns within one run, so that a noisy machine is noisy for all; what is
reported are medians, and the median of the ratios pair by pair with its quartiles.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tqdm import tqdm

from bench import arm64, cost, explanations, files, load, overhead, report, sentences, worst
from bench import cold as cold_starts
from bench import warm as engines
from bench.checkpoint import make_checkpoint
from bench.peers import comparison as peers
from bench.peers.comparison import Texts
from bench.report import BURST, SETTLE_SECONDS, text_of
from bench.service import ROOT, Service, event_of
from training import card

MAX_GROWTH_MB = 150
"""What scoring a large object may take beyond a small one."""
LENGTHS = (16, 219, 512)
"""Tokens: a sentence, the median IMDb review, and the most that DistilBERT reads in one pass."""
WARM_UPS = 2
PARTS = {
    "engines": engines,
    "cold": cold_starts,
    "overhead": overhead,
    "cost": cost,
    "load": load,
    "worst": worst,
    "sentences": sentences,
    "arm64": arm64,
}
"""What has a result and a table of its own, in `bench/results` under this name."""
ALL_PARTS = ("service", "files", "explanations", "peers", *PARTS)


def event(tokens: int) -> dict[str, Any]:
    """Return a REST API event whose text has so many tokens, the two special ones included."""
    text = text_of(tokens)
    tokenizer = Tokenizer.from_file(str(ROOT / "model/tokenizer.json"))
    assert len(tokenizer.encode(text).ids) == tokens
    return event_of(text)


def services(baseline: Path) -> Iterator[tuple[str, Service]]:
    """Start both, on the same processors, without a cache."""
    cores = str(len(os.sched_getaffinity(0)))
    ours = {"SENTIMENT_CACHE_SIZE": "0", "SENTIMENT_ON_LAMBDA": "1", "SENTIMENT_THREADS": cores}
    yield "baseline", Service("bench.baseline", {"BASELINE_DIR": str(baseline)})
    yield "ours", Service("handler", ours)


def compare(baseline: Sequence[float], ours: Sequence[float]) -> dict[str, Any]:
    """Return both medians and the quartiles of baseline / ours, pair by pair."""
    ratios = [b / o for b, o in zip(baseline, ours, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return {
        "baseline": statistics.median(baseline),
        "ours": statistics.median(ours),
        "ratio": middle,
        "ratio_quartiles": [low, high],
        "pairs": len(ratios),
    }


def warm(baseline: Path, rounds: int) -> dict[str, Any]:
    """Return milliseconds a request at each length, in a row and after a pause, and megabytes."""
    events = {tokens: event(tokens) for tokens in LENGTHS}
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    firsts: dict[tuple[str, int], list[float]] = defaultdict(list)
    resident: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        running = {name: stack.enter_context(each) for name, each in services(baseline)}
        for turn in tqdm(range(WARM_UPS + rounds), desc="warm"):
            for (tokens, request), (name, service) in product(events.items(), running.items()):
                time.sleep(SETTLE_SECONDS)
                replies = [service.ask(request) for _ in range(BURST)]
                if turn >= WARM_UPS:
                    first, *others = (reply.seconds * 1000 for reply in replies)
                    times[name, tokens].append(statistics.median(others))
                    firsts[name, tokens].append(first)
                    resident[name].append(replies[-1].resident_mb)
    figures = {
        name.format(tokens): compare(by["baseline", tokens], by["ours", tokens])
        for name, by in (
            ("warm /predict, {} tokens (ms)", times),
            ("the first after a pause, {} tokens (ms)", firsts),
        )
        for tokens in LENGTHS
    }
    return {**figures, "resident memory (MB)": compare(resident["baseline"], resident["ours"])}


def cold(baseline: Path, rounds: int) -> dict[str, Any]:
    """Return seconds from the process's start to its first answer, of the clock and of the CPU."""
    wall: dict[str, list[float]] = {"baseline": [], "ours": []}
    cpu: dict[str, list[float]] = {"baseline": [], "ours": []}
    request = event(LENGTHS[1])
    for _ in tqdm(range(max(2, rounds)), desc="cold"):
        for name, service in services(baseline):
            with service:
                reply = service.ask(request)
                wall[name].append(time.perf_counter() - service.started)
                cpu[name].append(reply.cpu_seconds)
    return {
        "start to first answer (s)": compare(wall["baseline"], wall["ours"]),
        "start to first answer (CPU s)": compare(cpu["baseline"], cpu["ours"]),
    }


def main() -> None:
    """Measure, print the table, and write it to ``bench/results``."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="turns at each length")
    parser.add_argument("--starts", type=int, default=5, help="cold starts of each service")
    parser.add_argument(
        "--only",
        type=_parts,
        default=ALL_PARTS,
        metavar="PART,...",
        help=f"some of {', '.join(ALL_PARTS)}",
    )
    parser.add_argument(
        "--reviews",
        type=Path,
        default=explanations.REVIEWS,
        help="labelled texts to measure explanations on",
    )
    parser.add_argument(
        "--peer-texts",
        type=Texts.parse,
        nargs="+",
        default=(),
        metavar="NAME=FILE",
        help="labelled texts to measure the peers' accuracy on; the plot shows the first",
    )
    parser.add_argument(
        "--peer-train",
        type=Path,
        metavar="FILE",
        help="labelled reviews, as Parquet, for the peers that learn",
    )
    args = parser.parse_args()
    if "peers" in args.only:
        with _timed("peers"):
            report.write("peers", peers.measure(args.peer_texts, args.peer_train))
        print(f"\npeers: {peers.table()}")
        peers.plot()
    if "explanations" in args.only:
        with _timed("explanations"):
            print("\n".join(card.explanations(explained(args.reviews))))
    figures: dict[str, Any] = {}
    missed = []
    if "service" in args.only:
        folder = ROOT / ".cache/baseline"
        make_checkpoint(folder, ROOT / "model")
        with _timed("service"):
            found = {**warm(folder, args.rounds), **cold(folder, args.starts)}
        figures |= _written("service", {"figures": found})
    if "files" in args.only:
        with _timed("files"):
            growth = files.growth()
            found = {"make score, 1,000 reviews (s)": compare(*files.rates())}
            batch = files.batch()
        figures |= _written("files", {"figures": found, "growth_mb": growth, "batch": batch})
        print(f"{files.LARGE_ROWS:,} rows take {growth:.0f} MB more than 1,000")
        print(f"a batch of {batch['rows']} rows takes one processor {batch['seconds']:.2f} s")
        if growth > MAX_GROWTH_MB:
            missed.append("memory of a large object")
    for name, part in PARTS.items():
        if name in args.only:
            try:
                with _timed(name):
                    report.write(name, part.measure())
            except (load.NoLoad, arm64.Missing) as error:
                print(f"{name}: {error}")
                continue
            print(f"\n{name}: {part.table()}")
    if "engines" in args.only:
        engines.plot()
    if (
        "sentences" in args.only
        and report.read("sentences")["cost"]["times"] >= sentences.MOST_TIMES
    ):
        missed.append("sentences")
    if figures:
        print(report.comparison(figures))
    missed += [name for name, row in figures.items() if row["ratio"] < report.TARGETS.get(name, 0)]
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


def _parts(names: str) -> tuple[str, ...]:
    """Parse the names of parts, separated by commas."""
    parts = tuple(names.split(","))
    if unknown := [part for part in parts if part not in ALL_PARTS]:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(unknown)}; choose from {', '.join(ALL_PARTS)}"
        )
    return parts


@contextmanager
def _timed(part: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"{part} took {(time.monotonic() - start) / 60:.1f} minutes")


def explained(reviews: Path) -> dict[str, Any]:
    """Measure explanations; what was measured on other texts, by the same weights, is kept."""
    loaded = explanations.load()
    revision = loaded.served.bundle.revision
    path = report.RESULTS / "explanations.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    other_sets = before["sets"] if before.get("revision") == revision else {}
    result = {
        "revision": revision,
        "sets": {**other_sets, reviews.name: explanations.curves(loaded, reviews)},
        "signs": explanations.signs(loaded),
        "seconds": explanations.seconds(loaded),
    }
    report.write("explanations", result)
    written: dict[str, Any] = json.loads(path.read_text())
    return written


def _written(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """Write a result with the machine that it is of; return its figures."""
    report.write(name, result)
    figures: dict[str, Any] = result["figures"]
    return figures


if __name__ == "__main__":
    main()
