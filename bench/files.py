"""Whole files: rows a second of `make score` beside a loop over a `transformers` pipeline, the
memory that a large object takes, and how long one batch of a backfill does.
"""

import csv
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from app.sentiment.bundle import load as load_bundle
from bench.report import ON_LAMBDA
from bench.service import ROOT

ROWS = 20_000
PARTS = 10
"""Parts of those rows; of each, the baseline scores a sample of all lengths, right after ours
scored it whole."""
SAMPLE = 64
BATCH = 32
LENGTHS = (10, 79, 116, 150, 168, 189, 220, 258, 315, 400, 561, 730, 1097, 1375)
SHARES = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
"""Tokens that IMDb's reviews have at these percentiles, read off every fifth of its test half."""
TOKENS_A_WORD = 1.3
LARGE_ROWS = 200_000
BATCHES, BATCH_ROWS = 10, 100
"""Of a backfill: a distributed map hands each function so many rows."""


def reviews(count: int, seed: int) -> Iterator[str]:
    """Yield texts as long as IMDb's reviews, of sentences that were written for this project."""
    with (ROOT / "training/reviews.csv").open(newline="") as file:
        sentences = [row["text"] for row in csv.DictReader(file)]
    rng = np.random.default_rng(seed)
    tokens = np.interp(rng.uniform(0, 100, count), SHARES, LENGTHS)
    endless = cycle(rng.permutation(sentences).tolist())
    for wanted in tokens / TOKENS_A_WORD:
        words: list[str] = []
        while len(words) < wanted:
            words += next(endless).split()
        yield " ".join(words[: int(wanted)])


def rates() -> tuple[list[float], list[float]]:
    """Return seconds for 1,000 rows of the baseline and of ours, part by part."""
    import torch
    from transformers import pipeline

    from app.sentiment.engines import reference

    checkpoint = reference.checkpoint(load_bundle(ROOT / "model"))
    classify = pipeline(
        "text-classification", str(checkpoint), batch_size=BATCH, dtype=torch.float32
    )
    baseline, ours = [], []
    with TemporaryDirectory() as folder:
        for part in tqdm(range(PARTS), desc="files"):
            texts = list(reviews(ROWS // PARTS, part))
            source = Path(folder) / f"{part}.jsonl"
            source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
            ours.append(_scored(source)["seconds"] / len(texts) * 1000)
            start = time.perf_counter()
            for _ in classify(_sample(texts), truncation=True, max_length=512):
                pass
            baseline.append((time.perf_counter() - start) / SAMPLE * 1000)
    return baseline, ours


def _sample(texts: list[str]) -> Iterator[str]:
    """Yield every so many-th of the texts by length, in the order in which they lie."""
    by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    step = len(texts) // SAMPLE
    return (texts[i] for i in sorted(by_length[step // 2 :: step][:SAMPLE]))


def growth() -> float:
    """Return how many megabytes more scoring a large object takes than scoring a small one."""
    with TemporaryDirectory() as folder:
        resident: list[float] = []
        for rows in (1000, LARGE_ROWS):
            source = Path(folder) / f"{rows}.jsonl"
            with source.open("w") as file:
                for i in range(rows):
                    file.write(json.dumps({"id": i, "text": f"Row {i}: a fine film."}) + "\n")
            resident.append(_scored(source)["resident_mb"])
    small, large = resident
    return large - small


def batch() -> dict[str, float]:
    """Return the median seconds of an invocation with one batch on one processor, and its size."""
    return _measured("batch", {**ON_LAMBDA, "SENTIMENT_THREADS": "1"})


def _scored(source: Path) -> dict[str, Any]:
    """Score a file in a process of its own; return its seconds and its peak of resident memory."""
    return _measured(str(source), {})


def _measured(what: str, settings: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.files", what]
    environment = {**os.environ, **settings}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _score(source: str) -> dict[str, float]:
    from app.objects.formats import ReadOptions
    from app.score import score

    start = time.perf_counter()
    score(source, f"{source}.scored.jsonl", ReadOptions())
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "resident_mb": _peak_mb()}


def _peak_mb() -> float:
    """Return the most that was resident; ``getrusage`` would count the parent's, from the fork."""
    status = Path("/proc/self/status").read_text()
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) / 1024


def _batch() -> dict[str, float]:
    from handler import handler

    texts = list(reviews(BATCHES * BATCH_ROWS, 0))
    items = [{"id": str(i), "text": text} for i, text in enumerate(texts)]
    seconds = []
    for start in tqdm(range(0, len(items), BATCH_ROWS), desc="batches"):
        began = time.perf_counter()
        handler({"Items": items[start : start + BATCH_ROWS]}, None)
        seconds.append(time.perf_counter() - began)
    row_bytes = sum(len(json.dumps(item)) for item in items) / len(items)
    return {"seconds": statistics.median(seconds), "rows": BATCH_ROWS, "row_bytes": row_bytes}


if __name__ == "__main__":
    print(json.dumps(_batch() if sys.argv[1] == "batch" else _score(sys.argv[1])))
