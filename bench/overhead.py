"""What a warm request costs besides tokenising and inference, and where it goes.

With all that a deployment may switch on: keys, both rate limits, the log's line and its metrics. In
processor time of the thread that answers, in this process: on Lambda a request is answered by the
thread that asks, so that it is also the clock's on a processor of its own.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from bench import report
from bench.report import spread, text_of
from bench.service import ROOT, event_of

KEY = "sk_bench"
REQUESTS = 500
TOKENS = 16


def measure() -> dict[str, Any]:
    """Return the milliseconds of each part, with quartiles, from a process of its own."""
    environment = {
        "SENTIMENT_CACHE_SIZE": "0",
        "SENTIMENT_ON_LAMBDA": "1",
        "SENTIMENT_API_KEYS": f"bench:{hashlib.sha256(KEY.encode()).hexdigest()}",
        "SENTIMENT_RATE_LIMIT": "1000000/minute",
        "SENTIMENT_ADDRESS_RATE_LIMIT": "1000000/minute",
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.overhead"],
        cwd=ROOT,
        env={**os.environ, **environment, "SENTIMENT_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    milliseconds: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"milliseconds": milliseconds, "requests": REQUESTS}


def _event(text: str) -> dict[str, Any]:
    """Return a request with the key."""
    event = event_of(text)
    return {**event, "headers": {**event["headers"], "x-api-key": KEY}}


class _Application(Protocol):
    """An ASGI application whose parameters have the names that Starlette gives them."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]: ...


class _Clock:
    """Processor seconds spent inside of what it wraps, during one request."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function."""

        def timed(*arguments: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*arguments)
            finally:
                self.seconds += time.thread_time() - start

        return timed

    def around_app(self, app: ASGIApp) -> _Application:
        """Wrap an ASGI application; nothing else runs while it awaits."""

        async def timed(scope: Scope, receive: Receive, send: Send) -> None:
            start = time.thread_time()
            try:
                await app(scope, receive, send)
            finally:
                self.seconds += time.thread_time() - start

        return timed


def _requests() -> dict[str, list[float]]:
    from handler import app, handler

    clocks = {name: _Clock() for name in ("scoring", "classifier", "route", "application")}
    classifier = app.state.scorer.classifier
    classifier.score = clocks["scoring"].around(classifier.score)
    classifier.predict = clocks["classifier"].around(classifier.predict)
    handler(_event("warm up"), None)  # builds the stack of middleware
    app.router.middleware_stack = clocks["route"].around_app(app.router.middleware_stack)
    assert app.middleware_stack is not None
    app.middleware_stack = clocks["application"].around_app(app.middleware_stack)
    event = _event(text_of(TOKENS))
    parts: dict[str, list[float]] = {}
    for turn in range(REQUESTS + 50):
        for clock in clocks.values():
            clock.seconds = 0.0
        start = time.thread_time()
        answer = handler(event, None)
        whole = time.thread_time() - start
        assert answer["statusCode"] == 200, answer
        if turn < 50:
            continue
        spans = [whole, *(clocks[n].seconds for n in ("application", "route", "classifier"))]
        spans.append(clocks["scoring"].seconds)
        names = ("Mangum and its event loop", "middleware", "FastAPI's route", "cache and answer")
        for name, outer, inner in zip(names, spans[:-1], spans[1:], strict=True):
            parts.setdefault(name, []).append((outer - inner) * 1000)
        parts.setdefault("all but tokenising and inference", []).append((whole - spans[-1]) * 1000)
        parts.setdefault("tokenising and inference", []).append(spans[-1] * 1000)
    return {name: spread(milliseconds) for name, milliseconds in parts.items()}


def table() -> str:
    """Return the last result as a table."""
    result = report.read("overhead")
    body = [
        [name, f"{quartiles[1]:.2f}", f"{quartiles[0]:.2f} – {quartiles[2]:.2f}"]
        for name, quartiles in result["milliseconds"].items()
    ]
    text = (
        f"{report.of_machine(result)} Medians of {result['requests']} requests of {TOKENS} tokens."
    )
    return f"{text}\n\n{report.rows(['processor ms', 'median', 'quartiles'], body)}"


if __name__ == "__main__":
    print(json.dumps(_requests()))
