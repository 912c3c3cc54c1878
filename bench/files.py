"""Whole files: rows a second of `make score` beside a loop over a `transformers` pipeline, and the
memory that a large object takes.
"""

import csv
import json
import resource
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

from bench.service import ROOT

ROWS = 20_000
PARTS = 10
"""Parts of those rows; of each, the baseline scores a sample, right after ours scored it whole."""
SAMPLE = 128
BATCH = 32
LENGTHS = (10, 79, 116, 150, 168, 189, 220, 258, 315, 400, 561, 730, 1097, 1375)
SHARES = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
"""Tokens that IMDb's reviews have at these percentiles, read off every fifth of its test half."""
TOKENS_A_WORD = 1.3
LARGE_ROWS = 200_000


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
    from transformers import pipeline

    classify = pipeline("text-classification", str(ROOT / "model"), batch_size=BATCH)
    baseline, ours = [], []
    with TemporaryDirectory() as folder:
        for part in tqdm(range(PARTS), desc="files"):
            texts = list(reviews(ROWS // PARTS, part))
            source = Path(folder) / f"{part}.jsonl"
            source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
            ours.append(_scored(source)["seconds"] / len(texts) * 1000)
            start = time.perf_counter()
            for _ in classify(iter(texts[:SAMPLE]), truncation=True, max_length=512):
                pass
            baseline.append((time.perf_counter() - start) / SAMPLE * 1000)
    return baseline, ours


def growth() -> float:
    """Return how many megabytes more scoring a large object takes than scoring a small one."""
    with TemporaryDirectory() as folder:
        resident = []
        for rows in (1000, LARGE_ROWS):
            source = Path(folder) / f"{rows}.jsonl"
            with source.open("w") as file:
                for i in range(rows):
                    file.write(json.dumps({"id": i, "text": f"Row {i}: a fine film."}) + "\n")
            resident.append(_scored(source)["resident_mb"])
    return resident[1] - resident[0]


def _scored(source: Path) -> dict[str, Any]:
    """Score a file in a process of its own; return its seconds and its peak of resident memory."""
    command = [sys.executable, "-m", "bench.files", str(source)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _score(source: str) -> None:
    from app.score import score

    start = time.perf_counter()
    score(source, f"{source}.scored.jsonl", "")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "resident_mb": peak}))


if __name__ == "__main__":
    _score(sys.argv[1])
