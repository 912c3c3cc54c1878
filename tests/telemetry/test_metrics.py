"""The same metrics for CloudWatch, in log lines, and for Prometheus."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.settings import Settings
from app.telemetry.metrics import METRICS, embedded
from tests.access.test_keys import entry
from tests.telemetry.test_logs import line_of
from tests.web.client import client

LOCAL = ("127.0.0.1", 50000)


def scrape(caller, **headers):
    """Return what Prometheus reads, as this machine's own process."""
    caller._transport.client = LOCAL
    answer = caller.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.labels
    }


def test_on_lambda_a_line_is_embedded_metrics(lines):
    client(on_lambda=True, function_name="scorer").post("/predict", json={"text": "A fine film."})
    line = line_of(lines)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert line["_aws"]["Timestamp"] > 1.7e12
    assert directive["Namespace"] == "sentiment"
    assert directive["Dimensions"] == [["FunctionName"]]
    assert line["FunctionName"] == "scorer"
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units["duration_ms"] == "Milliseconds"
    assert units["predictions_positive"] == "Count"
    # Each is a number beside it, as the format has it, and no directive may name more than 100.
    assert all(isinstance(line[name], int | float) for name in units)
    assert len(units) <= 100


def test_every_metric_that_is_embedded_is_in_the_table(lines):
    caller = client(metrics="cloudwatch", api_keys=entry("shop", "sk_shop"))
    key = {"x-api-key": "sk_shop"}
    caller.post("/predict", json={"text": "Good."})
    caller.post("/predict", json={"text": "Good."}, headers=key)
    caller.post("/predict", json={"text": " "}, headers=key)
    caller.post("/feedback", json={}, headers=key)
    named = {
        metric["Name"]
        for line in lines()
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert {"errors_401", "errors_422", "predictions_positive"} <= named
    assert named <= {metric.name for metric in METRICS}


def test_elsewhere_lines_have_no_metrics_for_cloudwatch(lines):
    client().get("/")
    assert "_aws" not in line_of(lines)


def test_prometheus_fetches_the_same_names():
    caller = client()
    caller.post("/predict", json={"text": "Superb."})
    caller.post("/predict/batch", json={"texts": ["Superb.", "Awful."]})
    caller.post("/predict", json={"text": " "})
    found = scrape(caller)
    assert found["sentiment_predictions_positive_total"] == 2
    assert found["sentiment_predictions_negative_total"] == 1
    assert found["sentiment_cache_hits_total"] == 1
    assert found["sentiment_errors_422_total"] == 1
    assert found["sentiment_requests_total"] == 3
    assert found["sentiment_duration_ms_count"] == 3
    assert found["sentiment_confidence_count"] == 2
    names = {re.sub("_(total|count|sum|created|bucket)$", "", name) for name in found}
    assert {f"sentiment_{metric.name}" for metric in METRICS} <= names


def test_metrics_need_no_api_key_and_count_missing_ones():
    caller = client(api_keys=entry("shop", "sk_shop"))
    caller.post("/predict", json={"text": "Good."})
    assert scrape(caller)["sentiment_errors_401_total"] == 1


def test_metrics_are_for_local_processes_only():
    caller = client()
    caller._transport.client = ("192.0.2.7", 50000)
    answer = caller.get("/metrics")
    assert answer.status_code == 403
    assert "SENTIMENT_METRICS_KEYS" in answer.json()["detail"]


def test_metrics_are_not_available_through_a_local_proxy():
    caller = client()
    caller._transport.client = LOCAL
    assert caller.get("/metrics", headers={"x-forwarded-for": "192.0.2.7"}).status_code == 403


def test_metrics_have_keys_of_their_own():
    caller = client(
        api_keys=entry("shop", "sk_shop"), metrics_keys=entry("prometheus", "sk_prometheus")
    )
    caller._transport.client = ("192.0.2.7", 50000)

    def status(**headers):
        return caller.get("/metrics", headers=headers).status_code

    assert status() == 401
    assert status(authorization="Bearer sk_shop") == 403
    assert status(authorization="Bearer sk_prometheus") == 200


@pytest.mark.parametrize("kind", ["cloudwatch", "none"])
def test_metrics_of_another_destination_are_404(kind):
    caller = client(metrics=kind)
    caller._transport.client = LOCAL
    assert caller.get("/metrics").status_code == 404


def test_on_lambda_metrics_are_for_cloudwatch():
    assert client(on_lambda=True).app.state.telemetry.exposition is None
    assert Settings().metrics == "auto"


def test_value_without_a_metric_raises():
    with pytest.raises(KeyError):
        embedded({"unheard_of": 1}, "scorer")
