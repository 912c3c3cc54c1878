"""Reports each request and each batch of records: one log line, and metrics."""

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
"""Maximum size of the predictions in one line: CloudWatch's agents accept 256 KB."""


class Telemetry:
    """Writes observations to the log, and their metrics to CloudWatch or Prometheus.

    ``exposition``: the metrics for Prometheus, None unless they go there.
    """

    def __init__(self, settings: Settings) -> None:
        destination = settings.metrics
        if destination == "auto":
            destination = "cloudwatch" if settings.on_lambda else "prometheus"
        self.exposition = Exposition() if destination == "prometheus" else None
        self._function = settings.function_name
        self._embed = destination == "cloudwatch"
        self._privacy = Privacy(settings)
        self._cold = True

    @contextmanager
    def batch(self, source: str, correlation_id: str) -> Iterator[None]:
        """Observe and report the processing of one event; ``source``: its name in the log."""
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
            self._report(level, "batch", observation, {"source": source}, counts)

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
        self._report(level, "request", observation, described, counts)

    def _report(
        self,
        level: int,
        message: str,
        observation: Observation,
        described: dict[str, Any],
        counts: dict[str, int],
    ) -> None:
        duration, cold = time.perf_counter() - observation.started, self._cold
        self._cold = False
        values: dict[str, float] = {name: count for name, count in counts.items() if count}
        values["duration_ms"] = round(duration * 1000, 3)
        values["cold_starts"] = int(cold)
        if observation.texts:
            tokenise, infer = observation.tokenise_seconds, observation.infer_seconds
            values |= {
                "tokenise_ms": round(tokenise * 1000, 3),
                "infer_ms": round(infer * 1000, 3),
                "rest_ms": round((duration - tokenise - infer) * 1000, 3),
                "predictions_positive": observation.positive,
                "predictions_negative": observation.negative,
                **({"predictions_neutral": observation.neutral} if observation.neutral else {}),
                "predictions_doubtful": observation.doubtful,
                "confidence": round(observation.confidence_sum / observation.texts, 4),
                "tokens": observation.tokens,
                "windows": observation.windows,
                "cache_hits": observation.cache_hits,
            }
        if self.exposition:
            self.exposition.add(values)
        if not _logger.isEnabledFor(level):
            return
        line = {"correlation_id": observation.correlation_id, **described, **values}
        if observation.model:
            line["model"] = observation.model
        predictions, *more = self._predictions(observation)
        if predictions:
            line["predictions"] = predictions
        if more:
            line["predictions_in_more_lines"] = sum(map(len, more))
        if observation.correction:
            prediction = self._privacy.caller_id(observation.correction["prediction"])
            line["feedback_on"] = {**observation.correction, "prediction": prediction}
        if observation.cause:
            line["cause"] = observation.cause
        if self._embed:
            line |= embedded(values, self._function)
        _logger.log(level, message, extra=line)
        for part in more:
            rest = {
                "correlation_id": observation.correlation_id,
                "model": observation.model,
                "predictions": part,
            }
            _logger.log(level, "predictions", extra=rest)

    def _predictions(self, observation: Observation) -> list[list[dict[str, Any]]]:
        """Return the predictions in parts that fit into one line each."""
        parts: list[list[dict[str, Any]]] = [[]]
        size = 0
        for logged in observation.predicted:
            described = self._privacy.describe(logged)
            size += len(json.dumps(described))
            if parts[-1] and size > MAX_PREDICTIONS_BYTES:
                parts.append([])
                size = len(json.dumps(described))
            parts[-1].append(described)
        return parts
