"""One log line and the metrics of each request and each batch of records."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings
from app.telemetry.logs import Privacy
from app.telemetry.metrics import ERRORS, Exposition, embedded
from app.telemetry.observation import Observation, observing

_logger = logging.getLogger(__name__)

METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
"""What the log names; any other method is one that a caller made up."""


class Telemetry:
    """Says what was observed: in the log, to CloudWatch through the log, or to Prometheus.

    ``exposition``: what Prometheus fetches, where metrics are kept for it.
    """

    def __init__(self, settings: Settings) -> None:
        kind = settings.metrics
        if kind == "auto":
            kind = "cloudwatch" if settings.on_lambda else "prometheus"
        self.exposition = Exposition() if kind == "prometheus" else None
        self._function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
        self._embeds = kind == "cloudwatch"
        self._privacy = Privacy(settings)
        self._cold = True

    @contextmanager
    def batch(self, source: str, correlation_id: str) -> Iterator[None]:
        """Observe the work on one event of this source; what it raises goes on."""
        observation = Observation(correlation_id)
        failed = False
        try:
            with observing(observation):
                yield
        except Exception as error:
            failed = True
            observation.cause = type(error).__name__
            raise
        finally:
            counts = {
                "batches": 1,
                "batches_failed": int(failed),
                "records_rejected": observation.rejected,
            }
            level = logging.ERROR if failed else logging.INFO
            self._say(level, "batch", observation, {"source": source}, counts)

    def request(self, observation: Observation, scope: Scope) -> None:
        """Say what a request came to."""
        status = observation.status
        counts = {"requests": 1, "feedback": observation.feedback}
        if status in ERRORS:
            counts[f"errors_{status}"] = 1
        route = scope.get("route")
        described = {
            # As with the route below, a caller may have made up its own.
            "method": scope["method"] if scope["method"] in METHODS else "other",
            # The template, not the path: a path may hold anything.
            "route": getattr(route, "path", None) or "other",
            "status": status,
            **({"api_key": scope["api_key"]} if "api_key" in scope else {}),
        }
        level = logging.ERROR if status >= 500 else logging.INFO
        self._say(level, "request", observation, described, counts)

    def _say(
        self,
        level: int,
        message: str,
        seen: Observation,
        described: dict[str, Any],
        counts: dict[str, int],
    ) -> None:
        duration, cold = time.perf_counter() - seen.started, self._cold
        self._cold = False
        values: dict[str, float] = {name: count for name, count in counts.items() if count}
        values["duration_ms"] = round(duration * 1000, 3)
        values["cold_starts"] = int(cold)
        if seen.texts:
            tokenise, infer = seen.tokenise_seconds, seen.infer_seconds
            values |= {
                "tokenise_ms": round(tokenise * 1000, 3),
                "infer_ms": round(infer * 1000, 3),
                "rest_ms": round((duration - tokenise - infer) * 1000, 3),
                "predictions_positive": seen.positive,
                "predictions_negative": seen.negative,
                "predictions_doubtful": seen.doubtful,
                "confidence": round(seen.confidence_sum / seen.texts, 4),
                "tokens": seen.tokens,
                "windows": seen.windows,
                "cache_hits": seen.cache_hits,
            }
        if self.exposition:
            self.exposition.add(values)
        if not _logger.isEnabledFor(level):
            return
        line = {"correlation_id": seen.correlation_id, **described, **values}
        if seen.model:
            line["model"] = seen.model
        if seen.predicted:
            line["predictions"] = [self._privacy.describe(found) for found in seen.predicted]
        if seen.about:
            line["feedback_on"] = seen.about
        if seen.cause:
            line["cause"] = seen.cause
        if self._embeds:
            line |= embedded(values, self._function)
        _logger.log(level, message, extra=line)


class Observed:
    """ASGI middleware: observes each request, from its arrival to the last byte of its answer."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self.app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        observation = Observation(scope["correlation_id"])

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                observation.status = message["status"]
            await send(message)

        try:
            with observing(observation):
                await self.app(scope, receive, watched)
        finally:
            self._telemetry.request(observation, scope)
