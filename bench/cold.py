"""A cold start in parts: each start a fresh process, ours and the baseline's in turn.

Processor seconds rather than the clock's, which on a shared machine are others' as well; both are
written. Both have one thread. What only measures is imported by the functions that do, so that the
process under measurement does not pay for it.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

from bench.service import ROOT, event_of

BASELINE = ROOT / ".cache/baseline"
MODEL = ROOT / "model"
TOKENS = 219


def measure(starts: int = 10) -> dict[str, Any]:
    """Return seconds until the first answer, of both, their ratios, and the parts of ours."""
    from tqdm import tqdm

    from bench.baseline import make_checkpoint
    from bench.report import spread

    make_checkpoint(BASELINE, MODEL)
    totals: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    parts: dict[str, list[float]] = defaultdict(list)
    for _ in tqdm(range(max(2, starts)), desc="cold"):
        for name, module in (("ours", "handler"), ("baseline", "bench.baseline")):
            for kind, seconds in _start(module).items():
                totals[name][kind].append(seconds)
        for name, seconds in _parts().items():
            parts[name].append(seconds)
    return {
        "seconds": {
            name: {kind: spread(found) for kind, found in by.items()} for name, by in totals.items()
        },
        "ratios": {
            kind: spread(
                [b / o for b, o in zip(totals["baseline"][kind], totals["ours"][kind], strict=True)]
            )
            for kind in ("clock", "processor")
        },
        "parts": {name: spread(found) for name, found in parts.items()},
        "starts": max(2, starts),
    }


def _start(module: str) -> dict[str, float]:
    """Return the clock's and the processor's seconds from a process's start to its answer."""
    from bench.report import text_of

    event = json.dumps(event_of(text_of(TOKENS)))
    environment = {"BASELINE_DIR": str(BASELINE), "SENTIMENT_ON_LAMBDA": "1"}
    start = time.perf_counter()
    found = _run(["-m", "bench.cold", module], {**environment, "SENTIMENT_THREADS": "1"}, event)
    return {**found, "clock": time.perf_counter() - start}


def _parts() -> dict[str, float]:
    return _run(["-m", "bench.cold", "parts"], {"SENTIMENT_THREADS": "1"}, "")


def _run(arguments: list[str], environment: dict[str, str], stdin: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        input=stdin,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _serve(module: str) -> None:
    """Answer one event; print the processor's seconds since the process's start."""
    from importlib import import_module

    event = json.loads(sys.stdin.read())
    answer = import_module(module).handler(event, None)
    assert answer["statusCode"] == 200, answer
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"processor": usage.ru_utime + usage.ru_stime}))


def _stages() -> None:
    """Start as the handler does, part by part; print the processor's seconds of each."""
    ends = {"interpreter": time.process_time()}
    from app import startup  # noqa: F401

    ends["FastAPI and pydantic"] = time.process_time()
    import mangum  # noqa: F401

    import app.api.predict
    import app.keys
    import app.sentiment.classifier  # noqa: F401

    ends["the application's own and Mangum"] = time.process_time()
    from app.sentiment import bundle
    from app.sentiment.engines.native import WEIGHTS, Network
    from app.sentiment.engines.tokenizer import BundleTokenizer

    loaded = bundle.load(MODEL)
    weights = loaded.file(WEIGHTS)
    ends["checksums"] = time.process_time()
    tokenizer = BundleTokenizer(loaded)
    ends["tokenizer"] = time.process_time()
    Network(weights, 1).logits([[tokenizer.start_token, tokenizer.end_token]])
    ends["network and warm-up"] = time.process_time()
    starts = [0.0, *list(ends.values())[:-1]]
    print(
        json.dumps({name: end - at for (name, end), at in zip(ends.items(), starts, strict=True)})
    )


def table() -> str:
    """Return the last result as two tables."""
    from bench import report

    result = report.read("cold")
    body = []
    for kind, name in (("processor", "processor seconds"), ("clock", "seconds")):
        ours, baseline = (result["seconds"][of][kind] for of in ("ours", "baseline"))
        low, middle, high = result["ratios"][kind]
        body.append(
            [
                f"start to first answer, {name}",
                f"{baseline[1]:.2f} ({baseline[0]:.2f} – {baseline[2]:.2f})",
                f"{ours[1]:.2f} ({ours[0]:.2f} – {ours[2]:.2f})",
                f"{middle:.1f} × ({low:.1f} – {high:.1f})",
            ]
        )
    parts = [[name, f"{found[1] * 1000:.0f}"] for name, found in result["parts"].items()]
    return (
        f"{report.of_machine(result)} Medians of {result['starts']} starts, with quartiles.\n\n"
        f"{report.rows(['', 'baseline', 'ours', 'ratio'], body)}\n\n"
        f"{report.rows(['part of ours', 'processor ms'], parts)}"
    )


if __name__ == "__main__":
    if sys.argv[1] == "parts":
        _stages()
    else:
        _serve(sys.argv[1])
