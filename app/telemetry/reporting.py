"""One log line and the metrics of each request and each batch of records."""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings
from app.telemetry.metrics import Exposition, embedded, error_metric
from app.telemetry.observation import Observation, observing
from app.telemetry.privacy import Privacy

_logger = logging.getLogger(__name__)

MAX_PREDICTIONS_BYTES = 200_000
"""Of the predictions in one line: CloudWatch takes events of 256 KB, older agents no more."""
LEFT = 499
"""The status, as nginx has it, of a request whose caller left before it was answered."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


def method_of(scope: Scope) -> str:
    """Return a request's method if it is one of HTTP's, as a caller may send any word."""
    return scope["method"] if scope["method"] in METHODS else "other"


def route_of(scope: Scope) -> str:
    """Return the template of a request's path, as a path may hold anything."""
    return getattr(scope.get("route"), "path", None) or "other"


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
        except BaseException as error:
            failed = True
            observation.cause = type(error).__name__
            raise
        finally:
            counts = {
                "batches": 1,
                "batches_failed": int(failed),
                "records_rejected": observation.rejected,
                "records_skipped": observation.skipped,
            }
            level = logging.ERROR if failed else logging.INFO
            self._say(level, "batch", observation, {"source": source}, counts)

    def request(self, observation: Observation, scope: Scope) -> None:
        """Say what a request came to."""
        status = observation.status
        counts = {
            "requests": 1,
            "feedback": observation.feedback,
            "records_rejected": observation.rejected,
        }
        if status >= 400:
            counts[error_metric(status)] = 1
        described = {
            "method": method_of(scope),
            "route": route_of(scope),
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
        predictions, *more = self._predictions(seen)
        if predictions:
            line["predictions"] = predictions
        if more:
            line["predictions_in_more_lines"] = sum(map(len, more))
        if seen.about:
            named = self._privacy.name(seen.about["prediction"])
            line["feedback_on"] = {**seen.about, "prediction": named}
        if seen.cause:
            line["cause"] = seen.cause
        if self._embeds:
            line |= embedded(values, self._function)
        _logger.log(level, message, extra=line)
        for part in more:
            rest = {"correlation_id": seen.correlation_id, "model": seen.model, "predictions": part}
            _logger.log(level, "predictions", extra=rest)

    def _predictions(self, seen: Observation) -> list[list[dict[str, Any]]]:
        """Return what is said of each prediction, in the parts that lines have room for."""
        parts: list[list[dict[str, Any]]] = [[]]
        size = 0
        for predicted in seen.predicted:
            described = self._privacy.describe(predicted)
            size += len(json.dumps(described))
            if parts[-1] and size > MAX_PREDICTIONS_BYTES:
                parts.append([])
                size = len(json.dumps(described))
            parts[-1].append(described)
        return parts


class Observed:
    """ASGI middleware: observes each request, from its arrival to the last byte of its answer."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self.app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        observation = Observation(scope["correlation_id"])
        answered = left = False

        async def heard() -> Message:
            nonlocal left
            message = await receive()
            left = left or (message["type"] == "http.disconnect" and not answered)
            return message

        async def watched(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                observation.status = message["status"]
            await send(message)

        try:
            with observing(observation):
                await self.app(scope, heard, watched)
        except BaseException as error:
            observation.cause = type(error).__name__
            raise
        finally:
            if left:
                observation.status = LEFT
            self._telemetry.request(observation, scope)
