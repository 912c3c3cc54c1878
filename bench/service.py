"""A service under measurement: its handler in a process of its own, asked one event at a time."""

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]


def event_of(text: str) -> dict[str, Any]:
    """Return a REST API event that asks for this text's sentiment."""
    event = json.loads((ROOT / "tests/events/rest-api.json").read_text())
    return {**event, "body": json.dumps({"text": text})}


@dataclass(frozen=True)
class Reply:
    """What one request cost; seconds and megabytes of the serving process, since its start."""

    seconds: float
    cpu_seconds: float
    resident_mb: float
    answer: dict[str, Any]


class Service:
    """Starts ``module.handler`` in a fresh process and sends it events."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.service", module],
            cwd=ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def bind(self, processors: int) -> None:
        """Let it run, with all of its threads, on the first so many processors only."""
        allowed = sorted(os.sched_getaffinity(0))[:processors]
        for thread in Path(f"/proc/{self._process.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), allowed)

    def ask(self, event: Mapping[str, Any]) -> Reply:
        """Send one event and wait for the answer.

        Raises:
            RuntimeError: the service did not answer with success.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        reply = Reply(**json.loads(line)) if line else None
        if reply is None or reply.answer.get("statusCode") != 200:
            raise RuntimeError(f"no good answer: {reply}")
        return reply


def _serve(module: str) -> None:
    # What the service prints itself is its log, no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    handler = importlib.import_module(module).handler
    for line in sys.stdin:
        event = json.loads(line)
        start = time.perf_counter()
        answer = handler(event, None)
        seconds = time.perf_counter() - start
        usage = resource.getrusage(resource.RUSAGE_SELF)
        status = Path("/proc/self/status").read_text()
        [resident] = [row.split()[1] for row in status.splitlines() if row.startswith("VmRSS")]
        reply = Reply(seconds, usage.ru_utime + usage.ru_stime, int(resident) / 1024, answer)
        print(json.dumps(vars(reply)), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
