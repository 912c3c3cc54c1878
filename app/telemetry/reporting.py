"""One log line and the metrics of each request and each batch of records."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.settings import Settings
from app.telemetry.metrics import Exposition, embedded, error_metric
from app.telemetry.observation import Observation, observing
from app.telemetry.privacy import Privacy

_logger = logging.getLogger(__name__)

MAX_PREDICTIONS_BYTES = 200_000
"""Of the predictions in one line: CloudWatch takes events of 256 KB, older agents no more."""


class Telemetry:
    """Says what was observed: in the log, to CloudWatch through the log, or to Prometheus.

    ``exposition``: what Prometheus fetches, where metrics are kept for it.
    """

    def __init__(self, settings: Settings) -> None:
        kind = settings.metrics
        if kind == "auto":
            kind = "cloudwatch" if settings.on_lambda else "prometheus"
        self.exposition = Exposition() if kind == "prometheus" else None
        self._function = settings.function_name
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

    def request(
        self, observation: Observation, *, method: str, route: str, api_key: str | None = None
    ) -> None:
        """Report a request that was answered, or that ended without an answer."""
        status = observation.status
        counts = {
            "requests": 1,
            "feedback": observation.feedback,
            "records_rejected": observation.rejected,
        }
        if status >= 400:
            counts[error_metric(status)] = 1
        described = {
            "method": method,
            "route": route,
            "status": status,
            **({"api_key": api_key} if api_key else {}),
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
