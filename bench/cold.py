"""A cold start through the runtime emulator, ours and the baseline's in turn, and its parts.

Each start is a fresh process with one thread. Processor seconds besides the clock's, which on a
shared machine are others' as well; the clock's also of starts whose files the kernel has to read
anew, where this process may ask for that. The parts are of a process of its own, without the
runtime's client. What only measures is imported where it is not measured.
"""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.service import ROOT, event_of

BASELINE = ROOT / ".cache/baseline"
MODEL = ROOT / "model"
TOKENS = 219


def measure(starts: int = 10) -> dict[str, Any]:
    """Return seconds until the first answer, of both, their ratios, and the parts of ours."""
    import compileall

    from tqdm import tqdm

    from bench.checkpoint import make_checkpoint
    from bench.report import spread

    make_checkpoint(BASELINE, MODEL)
    # The image holds bytecode too, and Python may be told not to write what it compiles.
    for folder in ("app", "bench"):
        compileall.compile_dir(ROOT / folder, quiet=1)
    compileall.compile_file(ROOT / "handler.py", quiet=1)
    totals: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    parts: dict[str, list[float]] = defaultdict(list)
    for _ in tqdm(range(max(2, starts)), desc="cold"):
        for name, module in (("ours", "handler"), ("baseline", "bench.baseline")):
            clock, processor = _start(module)
            totals[name]["processor seconds"].append(processor)
            totals[name]["seconds"].append(clock)
            if _forget_files():
                clock, _ = _start(module)
                totals[name]["seconds, files read anew"].append(clock)
        for name, seconds in _parts().items():
            parts[name].append(seconds)
    return {
        "seconds": {
            name: {kind: spread(values) for kind, values in by.items()}
            for name, by in totals.items()
        },
        "ratios": {
            kind: spread([b / o for b, o in zip(totals["baseline"][kind], values, strict=True)])
            for kind, values in totals["ours"].items()
        },
        "parts": {name: spread(values) for name, values in parts.items()},
        "starts": max(2, starts),
    }


def _start(module: str) -> tuple[float, float]:
    """Return the clock's and the processor's seconds from a process's start to its answer."""
    from bench.report import text_of
    from local.emulator import Emulator

    event = event_of(text_of(TOKENS))
    environment = {"BASELINE_DIR": str(BASELINE), "HF_HUB_OFFLINE": "1", "SENTIMENT_THREADS": "1"}
    with Emulator(environment, handler=f"{module}.handler") as emulator:
        start = time.perf_counter()
        answer = emulator.invoke(event)
        seconds = time.perf_counter() - start
        assert answer["statusCode"] == 200, answer
        return seconds, emulator.processor_seconds()


def _forget_files() -> bool:
    """Have the kernel forget what it has read of files; return whether that is allowed here."""
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    except OSError:
        return False
    return True


def _parts() -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.cold"],
        cwd=ROOT,
        env={**os.environ, "SENTIMENT_ON_LAMBDA": "1", "SENTIMENT_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def _stages() -> None:
    """Start as the handler does, part by part; print the processor's seconds of each."""
    ends = {"interpreter": time.process_time()}
    from app.startup import cold_start

    with cold_start():
        _time_parts(ends)
    starts = [0.0, *list(ends.values())[:-1]]
    print(
        json.dumps({name: end - at for (name, end), at in zip(ends.items(), starts, strict=True)})
    )


def _time_parts(ends: dict[str, float]) -> None:
    ends["FastAPI and pydantic"] = time.process_time()
    import mangum  # noqa: F401

    import app.events.http
    import app.web.application  # noqa: F401

    ends["the application's own and Mangum"] = time.process_time()
    from distilbert_int8 import Network

    from app.sentiment import bundle
    from app.sentiment.engines.native import WEIGHTS
    from app.sentiment.engines.tokenizer import BundleTokenizer

    loaded = bundle.load(MODEL)
    weights = loaded.file(WEIGHTS)
    ends["checksums"] = time.process_time()
    tokenizer = BundleTokenizer(loaded)
    ends["tokenizer"] = time.process_time()
    Network(weights, 1).logits([[tokenizer.start_token, tokenizer.end_token]])
    ends["network and warm-up"] = time.process_time()


_LABELS = {"seconds, files read anew": "seconds, with a cold page cache"}
"""How the table names the kinds of measurement in recorded results."""


def table() -> str:
    """Return the last result as two tables."""
    from bench import report

    result = report.read("cold")
    body = []
    for kind, (low, middle, high) in result["ratios"].items():
        ours, baseline = (result["seconds"][of][kind] for of in ("ours", "baseline"))
        body.append(
            [
                f"start to first answer, {_LABELS.get(kind, kind)}",
                f"{baseline[1]:.2f} ({baseline[0]:.2f} – {baseline[2]:.2f})",
                f"{ours[1]:.2f} ({ours[0]:.2f} – {ours[2]:.2f})",
                f"{middle:.1f} × ({low:.1f} – {high:.1f})",
            ]
        )
    parts = [[name, f"{seconds[1] * 1000:.0f}"] for name, seconds in result["parts"].items()]
    return (
        f"{report.of_machine(result)} Medians of {result['starts']} starts, with quartiles.\n\n"
        f"{report.rows(['', 'baseline', 'ours', 'ratio'], body)}\n\n"
        f"{report.rows(['part of ours', 'processor ms'], parts)}"
    )


if __name__ == "__main__":
    _stages()
