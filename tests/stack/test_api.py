"""The deployed API behind the gateway: keys, usage plans, explanations and feedback."""

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

import pytest

from tests.stack.conftest import Stack


class Answer(NamedTuple):
    status: int
    body: Any


def request(stack: Stack, path: str, body: Any = None, key: str = "") -> Answer:
    """Send a request to the API through the gateway of the local AWS."""
    url = f"{stack.aws}/restapis/{stack.resources['SentimentApi']}/prod/_user_request_{path}"
    headers = {"content-type": "application/json", **({"x-api-key": key} if key else {})}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
            return Answer(answer.status, json.load(answer))
    except urllib.error.HTTPError as error:
        return Answer(error.code, json.loads(error.read() or b"null"))


@pytest.fixture
def gateway(stack: Stack) -> Any:
    return stack.client("apigateway")


@pytest.fixture
def standard(stack: Stack, gateway: Any) -> str:
    """The key on the standard plan."""
    key = gateway.get_api_key(apiKey=stack.outputs["StandardKeyId"], includeValue=True)
    return key["value"]


def test_the_health_check_needs_no_key(stack: Stack) -> None:
    answer = request(stack, "/")
    assert (answer.status, answer.body["status"]) == (200, "ok")


@pytest.mark.parametrize("key", ["", "wrong"])
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain"])
def test_missing_or_invalid_key_is_403(stack: Stack, path: str, key: str) -> None:
    assert request(stack, path, {"text": "Good."}, key).status == 403


def test_text_is_scored_with_a_key(stack: Stack, standard: str) -> None:
    answer = request(stack, "/predict", {"text": "A wonderful film."}, standard)
    assert (answer.status, answer.body["sentiment"]) == (200, "Positive")


def test_text_is_explained_with_a_key(stack: Stack, standard: str) -> None:
    answer = request(stack, "/explain", {"text": "A wonderful film."}, standard)
    assert (answer.status, answer.body["unit"]) == (200, "words")


def test_key_over_its_quota_is_429(stack: Stack, gateway: Any) -> None:
    plan = gateway.create_usage_plan(
        name="small",
        apiStages=[{"apiId": stack.resources["SentimentApi"], "stage": "prod"}],
        quota={"limit": 2, "period": "MONTH"},
    )["id"]
    key = gateway.create_api_key(name="small", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    statuses = [
        request(stack, "/predict", {"text": "Good."}, key["value"]).status for _ in range(3)
    ]
    assert statuses == [200, 200, 429]


def test_key_over_its_rate_is_429(stack: Stack, gateway: Any) -> None:
    plan = gateway.create_usage_plan(
        name="slow",
        apiStages=[{"apiId": stack.resources["SentimentApi"], "stage": "prod"}],
        throttle={"rateLimit": 0.01, "burstLimit": 1},
    )["id"]
    key = gateway.create_api_key(name="slow", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    statuses = [
        request(stack, "/predict", {"text": "Good."}, key["value"]).status for _ in range(2)
    ]
    assert statuses == [200, 429]


def test_feedback_is_stored_in_the_table(stack: Stack, standard: str) -> None:
    correction = {"prediction": "r-1", "sentiment": "Negative"}
    assert request(stack, "/feedback", correction).status == 403
    assert request(stack, "/feedback", correction, standard).status == 201
    items = stack.client("dynamodb").scan(TableName=stack.outputs["ResultsTableName"])["Items"]
    sentiments = {item["id"]["S"]: item["sentiment"]["S"] for item in items}
    assert sentiments["feedback/r-1"] == "Negative"
