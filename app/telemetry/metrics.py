"""What is measured: one table of names, for CloudWatch on Lambda and for Prometheus elsewhere."""

import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

NAMESPACE = "sentiment"
"""In CloudWatch; in Prometheus the names begin with it."""
DIMENSION = "FunctionName"

Unit = Literal["Count", "Milliseconds", "None"]


class Metric(NamedTuple):
    """A name that means the same everywhere."""

    name: str
    unit: Unit
    meaning: str


ERRORS = (400, 401, 403, 404, 405, 408, 411, 413, 415, 422, 429, 431, 500, 501, 503, 504)
"""The statuses that are counted, each by itself; any other error is ``errors_other``."""
METRICS = (
    Metric("requests", "Count", "Requests answered, whatever the answer."),
    Metric("batches", "Count", "Events that were worked on: records, objects, direct calls."),
    Metric("predictions_positive", "Count", "Texts found Positive."),
    Metric("predictions_negative", "Count", "Texts found Negative."),
    Metric("predictions_doubtful", "Count", "Texts of either kind with a confidence under 0.7."),
    Metric("confidence", "None", "Mean confidence of a request's predictions."),
    Metric("duration_ms", "Milliseconds", "From the arrival of a request or event to its answer."),
    Metric("tokenise_ms", "Milliseconds", "Of that, turning texts into tokens."),
    Metric("infer_ms", "Milliseconds", "Of that, the network, an explanation's variants included."),
    Metric("rest_ms", "Milliseconds", "Of that, everything else."),
    Metric("tokens", "Count", "Tokens in the texts."),
    Metric("windows", "Count", "Windows that they were scored in."),
    Metric("cache_hits", "Count", "Texts whose prediction was remembered."),
    Metric("cold_starts", "Count", "First requests of a process."),
    Metric("records_rejected", "Count", "Records, rows and texts of batches that failed."),
    Metric("records_skipped", "Count", "Records and objects without anything to score."),
    Metric("batches_failed", "Count", "Events that ended in an error as a whole."),
    Metric("feedback", "Count", "Corrections that callers sent."),
    *(Metric(f"errors_{status}", "Count", f"Requests answered {status}.") for status in ERRORS),
    Metric("errors_other", "Count", "Requests answered with any other 4xx or 5xx."),
)
_KNOWN = {metric.name: metric for metric in METRICS}


def error_metric(status: int) -> str:
    """Return the metric that counts answers of this status, from 400."""
    return f"errors_{status}" if status in ERRORS else "errors_other"


Values = Mapping[str, float]
"""By metric; what did not occur is left out."""


def embedded(values: Values, function: str) -> dict[str, Any]:
    """Return what makes CloudWatch count the values that stand beside it in a log line.

    The embedded metric format, Amazon CloudWatch User Guide, "Specification: Embedded metric
    format": values are top-level members under their names.
    """
    metrics = [{"Name": name, "Unit": _KNOWN[name].unit} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics}
    stamp = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return {DIMENSION: function, "_aws": stamp}


class Exposition:
    """The same metrics for Prometheus to fetch: counters, and histograms of what is no count."""

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
        """Count one request or batch."""
        for name, value in values.items():
            if name in self._counters:
                self._counters[name].inc(value)
            else:
                self._histograms[name].observe(value)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
