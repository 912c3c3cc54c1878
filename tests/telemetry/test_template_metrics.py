"""Every metric of ours that an alarm or the dashboard watches changes with the right event."""

import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import handler
from app import sinks
from app.events.delivery import FailedRecords
from app.scoring.batches import InvalidBatch
from app.sentiment.text import InvalidText
from app.settings import Settings
from app.sinks.batching import Entry, Sent
from app.sinks.bus import EVENT_SOURCE
from app.telemetry.metrics import DIMENSION, ERRORS, METRICS, NAMESPACE, error_metric
from app.web import application
from docs.tables import reference
from tests.contract.conftest import event_of
from tests.events.conftest import aws  # noqa: F401
from tests.test_handler import event
from tests.test_template_monitoring import expanded, metrics_of

JSON = {"content-type": "application/json"}
UNITS = {metric.name: metric.unit for metric in METRICS}


def watched() -> set[tuple[str, str]]:
    """Return the function and the name of each of our metrics in the template."""
    resources = reference.template()["Resources"]
    metrics = set()
    for resource in resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            for space, name, dimensions in metrics_of(resource["Properties"]):
                if space == NAMESPACE:
                    metrics.add((dimensions[0]["Value"]["Ref"], name))
        elif resource["Type"] == "AWS::CloudWatch::Dashboard":
            body = resource["Properties"]["DashboardBody"]["Fn::Sub"]
            for widget in json.loads(re.sub(r"\$\{([\w:.]+)\}", r"\1", body))["widgets"]:
                for space, name, _, function, *_ in expanded(widget):
                    if space == NAMESPACE:
                        metrics.add((function, name))
    return metrics


def post(path: str, body: Any) -> Any:
    return event_of("rest-api", "POST", path, json.dumps(body).encode(), JSON)


def messages(*bodies: str) -> Any:
    [first, _] = event("sqs")["Records"]
    return {"Records": [{**first, "messageId": f"m{i}", "body": b} for i, b in enumerate(bodies)]}


def items(*texts: Any) -> Any:
    return {"Items": [{"id": str(i), "text": text} for i, text in enumerate(texts)]}


Expected = float | Callable[[float], bool]


@dataclass(frozen=True)
class Change:
    """An event, and how much it adds to a metric."""

    event: Any
    expected: Expected
    before: tuple[Any, ...] = ()
    """Events that come first and are not counted."""
    broken: bool = False
    """Whether the engine fails."""


def takes_time(milliseconds: float) -> bool:
    return 0 < milliseconds < 60_000


DOUBTFUL = "It is a film for a rainy day."
PREDICT = post("/predict", {"text": "Superb."})
BATCH = post("/predict/batch", {"texts": ["Superb.", "Wonderful.", "Awful.", DOUBTFUL, " "]})
NEUTRAL = {"text": "The package arrived on Tuesday.", "neutral": True}
CHANGES = {
    ("SentimentFunction", "predictions_positive"): Change(BATCH, 2),
    ("SentimentFunction", "predictions_neutral"): Change(post("/predict", NEUTRAL), 1),
    ("SentimentFunction", "predictions_negative"): Change(BATCH, 2),
    ("SentimentFunction", "predictions_doubtful"): Change(BATCH, 1),
    ("SentimentFunction", "confidence"): Change(PREDICT, lambda mean: 0.95 < mean <= 1),
    ("SentimentFunction", "duration_ms"): Change(PREDICT, takes_time),
    ("SentimentFunction", "tokenise_ms"): Change(PREDICT, takes_time),
    ("SentimentFunction", "infer_ms"): Change(PREDICT, takes_time),
    ("SentimentFunction", "rest_ms"): Change(PREDICT, takes_time),
    ("SentimentFunction", "cold_starts"): Change(PREDICT, 1),
    ("SentimentFunction", "cache_hits"): Change(PREDICT, 1, before=(PREDICT,)),
    ("EventsFunction", "predictions_positive"): Change(messages("Superb.", "Awful."), 1),
    ("EventsFunction", "predictions_neutral"): Change(NEUTRAL, 1),
    ("EventsFunction", "predictions_negative"): Change(messages("Superb.", "Awful."), 1),
    ("EventsFunction", "records_rejected"): Change(messages("Superb.", " ", "{"), 2),
    ("EventsFunction", "batches_failed"): Change(items(" "), 1),
}


def test_every_watched_metric_has_an_event() -> None:
    assert CHANGES.keys() == watched()


class Sink:
    name = "sink"

    def prepare(self, position: int, document: Any) -> Entry:
        return Entry(position, document, 1)

    def send(self, entries: Any, deadline: Any) -> Sent:
        return Sent({})


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, lines: Any
) -> Callable[[str], Callable[[Any], dict[str, float]]]:
    """Return a way to start a function, which handles an event and returns its metrics."""

    def start(function: str) -> Callable[[Any], dict[str, float]]:
        monkeypatch.setattr(sinks, "load", lambda settings: [Sink()])
        app = application.create(Settings(on_lambda=True, function_name=function))
        monkeypatch.setattr(handler, "app", app)
        router = handler.Router(app, app.state.scorer, app.state.telemetry)
        monkeypatch.setattr(handler, "handler", router.handle)

        def handle(event: Any) -> dict[str, float]:
            before = len(lines())
            with contextlib.suppress(InvalidBatch, InvalidText, FailedRecords):
                handler.handler(event, None)
            counted: dict[str, float] = {}
            for line in lines()[before:]:
                for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                    assert directive["Namespace"] == NAMESPACE
                    assert directive["Dimensions"] == [[DIMENSION]]
                    assert line[DIMENSION] == function
                    for metric in directive["Metrics"]:
                        assert metric["Unit"] == UNITS[metric["Name"]]
                        value = line[metric["Name"]]
                        counted[metric["Name"]] = counted.get(metric["Name"], 0) + value
            return counted

        return handle

    return start


@pytest.mark.parametrize(("function", "metric"), sorted(CHANGES))
def test_event_changes_the_metric(environment: Any, function: str, metric: str) -> None:
    change = CHANGES[function, metric]
    handle = environment(function)
    if change.broken:
        handler.app.state.scorer.classifier._engine = None
    for earlier in change.before:
        handle(earlier)
    added = handle(change.event)[metric]
    expected = change.expected
    assert expected(added) if callable(expected) else added == expected


@pytest.mark.parametrize(
    ("sent", "rejected"),
    [
        pytest.param(messages("Superb.", "{", " "), 2, id="SQS"),
        pytest.param({"text": " "}, 1, id="a direct text"),
        pytest.param({"id": "7", "text": " "}, 1, id="a row by itself"),
        pytest.param({"texts": ["Superb.", " ", 7]}, 2, id="direct texts"),
        pytest.param(items("Superb.", " ", None), 2, id="a backfill's rows"),
        pytest.param(items(" ", None), 2, id="a backfill's rows, none valid"),
        pytest.param(BATCH, 1, id="a batch over HTTP"),
    ],
)
def test_rejected_texts_are_counted_for_every_source(
    environment: Any, sent: Any, rejected: int
) -> None:
    assert environment("scorer")(sent)["records_rejected"] == rejected


def test_rejected_rows_of_an_object_are_counted(
    aws: Any,  # noqa: F811
    environment: Any,
) -> None:
    aws.put("incoming/new reviews.jsonl", b'{"text": "Superb."}\n{"text": " "}\n{"text": 7}\n')
    counted = environment("events")(event("s3"))
    assert (counted["records_rejected"], counted["predictions_positive"]) == (2, 1)


def test_event_without_texts_is_counted_as_skipped(environment: Any) -> None:
    counted = environment("events")(
        {"source": EVENT_SOURCE, "detail-type": "Text Scored", "detail": {"id": "1"}}
    )
    assert counted["records_skipped"] == 1
    assert not counted.keys() & {"records_rejected", "batches_failed"}


def test_explanation_is_one_prediction_and_its_variants_count_as_inference(
    environment: Any,
) -> None:
    handle = environment("scorer")
    text = "A superb and moving film, but it is far too long for its thin story."
    counted = handle(post("/explain", {"text": text}))
    assert counted["predictions_positive"] + counted["predictions_negative"] == 1
    parts = counted["tokenise_ms"], counted["infer_ms"], counted["rest_ms"]
    assert sum(parts) == pytest.approx(counted["duration_ms"], abs=0.01)
    predicted = handle(post("/predict", {"text": f"{text} Or not."}))
    assert counted["infer_ms"] > 5 * predicted["infer_ms"]


@pytest.mark.parametrize("status", [400, 404, 418, 422, 500, 503, 507])
def test_errors_without_a_metric_of_their_own_count_as_other(status: int) -> None:
    assert error_metric(status) in UNITS
    assert (error_metric(status) == "errors_other") == (status in (418, 507))


def test_every_documented_error_has_a_metric(environment: Any) -> None:
    environment("scorer")
    documented = {
        int(status)
        for methods in handler.app.openapi()["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
        if int(status) >= 400
    }
    assert documented | {404, 405} <= set(ERRORS)
