"""An engine in a process of its own, which scores texts and says how long that took."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

from bench.report import BURST, THREADS, text_of
from bench.service import ROOT

OURS = {
    "HF_HUB_OFFLINE": "1",
    "SENTIMENT_CACHE_SIZE": "0",
    "SENTIMENT_ON_LAMBDA": "1",
    "SENTIMENT_THREADS": str(THREADS),
}
"""Settings for a process that runs this service."""


@dataclass(frozen=True)
class Answer:
    """What an engine answered, and what it took."""

    seconds: float
    scores: Sequence[float]
    """For each text, above 0 if it is positive."""
    resident_mb: float


class Process:
    """Starts a command that answers each line, a JSON list of texts, with an `Answer` as JSON."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._errors = TemporaryFile("w+")  # noqa: SIM115 - `__exit__` closes it
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._errors.close()

    def ask(self, texts: Sequence[str]) -> Answer:
        """Score texts.

        Raises:
            RuntimeError: the process has ended; the message is the last line that it printed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(texts) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(self._error()) from None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._error())
        fields: dict[str, Any] = json.loads(line)
        return Answer(**fields)

    def _error(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors if line.strip()]
        return lines[-1] if lines else f"it ended with status {self._process.returncode}"

    def milliseconds(self, tokens: int) -> float:
        """Return the median of a burst of texts of so many tokens, without the first."""
        seconds = [self.ask([text_of(tokens)]).seconds for _ in range(BURST)]
        return statistics.median(seconds[1:]) * 1000


def serve(answer: Callable[[Sequence[str]], tuple[float, Sequence[float]]]) -> None:
    """Answer each line of standard input with the seconds and the scores of its texts."""
    # Whatever else is printed, by libraries too, goes to standard error.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        seconds, scores = answer(json.loads(line))
        print(json.dumps(asdict(Answer(seconds, scores, _resident_mb()))), file=answers, flush=True)


def timed(
    score: Callable[[Sequence[str]], Sequence[float]],
) -> Callable[[Sequence[str]], tuple[float, Sequence[float]]]:
    """Return a function that scores texts and takes the time."""

    def answer(texts: Sequence[str]) -> tuple[float, Sequence[float]]:
        start = time.perf_counter()
        scores = score(texts)
        return time.perf_counter() - start, scores

    return answer


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    [kilobytes] = [row.split()[1] for row in status.splitlines() if row.startswith("VmRSS")]
    return int(kilobytes) / 1024
