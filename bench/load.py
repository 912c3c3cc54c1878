"""Served by uvicorn as a plain process: requests a second and latency at several connections.

The load comes from wrk on the loopback, for a bounded time, and shares the processors with what it
asks: it takes them from both alike.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from bench import report
from bench.checkpoint import make_checkpoint
from bench.report import text_of
from bench.service import ROOT

CONNECTIONS = (1, 4, 16, 64)
TOKENS = 219
PORTS = {"ours": 18300, "baseline": 18301}
START_SECONDS = 120
BASELINE = ROOT / ".cache/baseline"


class NoLoad(RuntimeError):
    """There is no load generator; the message says how to get it."""


def measure(seconds: int = 15) -> dict[str, Any]:
    """Return what came back of so many seconds of requests at each number of connections.

    Raises:
        NoLoad: wrk is not installed.
    """
    if not shutil.which("wrk"):
        raise NoLoad("the load needs wrk (Debian: apt-get install wrk)")
    make_checkpoint(BASELINE, ROOT / "model")
    results: dict[str, dict[str, Any]] = {"ours": {}, "baseline": {}}
    ours = _serving("app.main:app", PORTS["ours"], {"SENTIMENT_CACHE_SIZE": "0"})
    theirs = _serving(
        "bench.baseline:handler.app", PORTS["baseline"], {"BASELINE_DIR": str(BASELINE)}
    )
    with ours, theirs:
        for connections in tqdm(CONNECTIONS, desc="load"):
            for name, port in PORTS.items():
                results[name][str(connections)] = _load(port, connections, seconds)
    return {"load": results}


@contextmanager
def _serving(app: str, port: int, environment: Mapping[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log"]
    command += ["--timeout-graceful-shutdown", "2"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/openapi.json", process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # the baseline's threads go on with what was asked
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _load(port: int, connections: int, seconds: int) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s"]
    command += ["-s", str(ROOT / "bench/load.lua"), f"http://127.0.0.1:{port}/predict"]
    done = subprocess.run(
        command,
        env={**os.environ, "BODY": json.dumps({"text": text_of(TOKENS)})},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table() -> str:
    """Return the last result as a table."""
    result = report.read("load")
    body = []
    for connections in CONNECTIONS:
        for name in ("baseline", "ours"):
            figures = result["load"][name][str(connections)]
            rate = figures["requests"] / figures["seconds"]
            body.append(
                [
                    f"{connections} connections, {name}",
                    f"{rate:.1f}",
                    *(f"{figures[p]:.0f}" for p in ("p50", "p95", "p99", "max")),
                    f"{figures['lost']:.0f} of {figures['requests']:,.0f}",
                ]
            )
    header = [f"{TOKENS} tokens", "requests/s", "p50 ms", "p95", "p99", "max", "lost"]
    return f"{report.of_machine(result)}\n\n{report.rows(header, body)}"
