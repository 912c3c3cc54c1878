"""The metrics: one table for CloudWatch on Lambda and for Prometheus elsewhere."""

import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

NAMESPACE = "sentiment"
"""The namespace in CloudWatch; the prefix of names in Prometheus."""
DIMENSION = "FunctionName"

Unit = Literal["Count", "Milliseconds", "None"]


class Metric(NamedTuple):
    """A metric, with the same name everywhere."""

    name: str
    unit: Unit
    meaning: str


ERRORS = (400, 401, 403, 404, 405, 408, 411, 413, 415, 422, 429, 431, 500, 501, 503, 504)
"""Statuses with a metric of their own; all others are counted in ``errors_other``."""
METRICS = (
    Metric("requests", "Count", "Requests, whatever the response."),
    Metric(
        "batches", "Count", "Events processed: batches of records, objects and direct invocations."
    ),
    Metric("predictions_positive", "Count", "Texts predicted Positive."),
    Metric("predictions_negative", "Count", "Texts predicted Negative."),
    Metric("predictions_neutral", "Count", "Texts predicted Neutral, where that is asked for."),
    Metric(
        "predictions_doubtful", "Count", "Texts predicted with a confidence below 0.7: uncertain."
    ),
    Metric("confidence", "None", "Mean confidence of the predictions of a request."),
    Metric("duration_ms", "Milliseconds", "Duration of a request or event."),
    Metric("tokenise_ms", "Milliseconds", "Part of `duration_ms` spent on tokenisation."),
    Metric(
        "infer_ms",
        "Milliseconds",
        "Part of `duration_ms` spent in the network, including variants for explanations.",
    ),
    Metric("rest_ms", "Milliseconds", "Remainder of `duration_ms`."),
    Metric("tokens", "Count", "Tokens of the texts."),
    Metric("windows", "Count", "Windows in which they were scored."),
    Metric("cache_hits", "Count", "Texts whose prediction was cached."),
    Metric("cold_starts", "Count", "First requests of a process."),
    Metric(
        "records_rejected", "Count", "Records, rows and texts of batches that could not be scored."
    ),
    Metric("records_skipped", "Count", "Records and objects that contained nothing to score."),
    Metric("batches_failed", "Count", "Events that failed as a whole."),
    Metric("feedback", "Count", "Corrections received."),
    *(
        Metric(f"errors_{status}", "Count", f"Requests with the status {status}.")
        for status in ERRORS
    ),
    Metric("errors_other", "Count", "Requests with another 4xx or 5xx status."),
)
_BY_NAME = {metric.name: metric for metric in METRICS}


def error_metric(status: int) -> str:
    """Return the name of the metric for a status of 400 or more."""
    return f"errors_{status}" if status in ERRORS else "errors_other"


Values = Mapping[str, float]
"""Values by metric name, without those that are zero."""


def embedded(values: Values, function: str) -> dict[str, Any]:
    """Return the fields that make CloudWatch extract these values from a log line.

    The values are members of the same line (Amazon CloudWatch User Guide, "Specification: Embedded
    metric format").
    """
    metrics = [{"Name": name, "Unit": _BY_NAME[name].unit} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics}
    stamp = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return {DIMENSION: function, "_aws": stamp}


class Exposition:
    """The metrics for Prometheus: counters, and histograms of durations and confidence."""

    _MILLISECONDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000)
    _SHARES = tuple(n / 20 for n in range(10, 21))

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector
        from prometheus_client.process_collector import ProcessCollector

        self._registry = CollectorRegistry()
        PlatformCollector(self._registry)
        ProcessCollector(registry=self._registry)
        self._counters = {}
        self._histograms = {}
        for name, unit, meaning in METRICS:
            full = f"{NAMESPACE}_{name}"
            if unit == "Count":
                self._counters[name] = Counter(full, meaning, registry=self._registry)
            else:
                buckets = self._MILLISECONDS if unit == "Milliseconds" else self._SHARES
                self._histograms[name] = Histogram(
                    full, meaning, buckets=buckets, registry=self._registry
                )

    def add(self, values: Values) -> None:
        """Add the values of one request or batch."""
        for name, value in values.items():
            if name in self._counters:
                self._counters[name].inc(value)
            else:
                self._histograms[name].observe(value)

    def text(self) -> bytes:
        """Return the metrics in the text format of Prometheus."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
