import base64
import json
from pathlib import Path

import pytest

from app.events import UnsupportedEvent
from app.events.http import public_paths
from app.scoring.batches import InvalidBatch
from app.sentiment.text import InvalidText
from handler import handler

EVENTS = Path(__file__).parent / "events"
PRAISE = "This movie was amazing and thrilling!"


def event(name: str) -> dict:
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["rest-api", "http-api", "function-url", "alb", "alb-multi-value"])
def test_http_event_is_answered_like_a_direct_invocation(name):
    direct = handler(event("direct-text"), None)
    body = json.loads(handler(event(name), None)["body"])
    assert {**body, "cached": None} == {**direct, "cached": None}


def test_direct_text_is_answered_like_predict():
    answer = handler({"text": PRAISE}, None)
    assert answer["sentiment"] == "Positive"
    assert json.loads(json.dumps(answer)) == answer


def test_direct_texts_are_answered_like_a_batch():
    answer = handler(event("direct-texts"), None)
    assert [result["sentiment"] for result in answer["results"]] == ["Positive", "Negative"]
    assert [error["index"] for error in answer["errors"]] == [2]


def test_direct_texts_have_the_answer_of_a_batch():
    texts = event("direct-texts")
    sent = {
        **rest("/predict/batch", "/predict/batch", "/prod/predict/batch"),
        "body": json.dumps(texts),
    }
    answers = [handler(texts, None), json.loads(handler(sent, None)["body"])]
    for answer in answers:
        for result in answer["results"]:
            result.pop("cached")
    assert answers[0] == answers[1]


def test_direct_text_that_cannot_be_scored_raises_with_the_reason():
    with pytest.raises(InvalidText, match="must not be blank"):
        handler({"text": "  "}, None)


def test_direct_texts_beyond_the_limit_raise_with_the_limit():
    with pytest.raises(InvalidBatch, match="at most 512 texts, not 513"):
        handler({"texts": ["x"] * 513}, None)


@pytest.mark.parametrize("texts", ["one", [], None])
def test_direct_texts_that_are_not_a_list_raise(texts):
    with pytest.raises(InvalidBatch, match="must be an array"):
        handler({"texts": texts}, None)


def test_base64_body_is_decoded():
    sent = event("rest-api")
    sent.update(body=base64.b64encode(sent["body"].encode()).decode(), isBase64Encoded=True)
    assert json.loads(handler(sent, None)["body"])["sentiment"] == "Positive"


@pytest.mark.parametrize(
    ("unknown", "looks"),
    [
        ({"secret": 1, "b": 2}, "has 2 keys, none of them known"),
        ({"Records": [{"secret": 1}]}, "has the keys Records"),
        ({"Records": "secret"}, "has the keys Records"),
        ({"text": "a", "secret": 1}, "has the keys text and 1 more"),
        ({"requestContext": {}, "httpMethod": "GET", "path": "/"}, "has the keys httpMethod, path"),
        ({"requestContext": {"http": {}}}, "has the keys requestContext"),
        ([], "has the type list"),
        (None, "has the type NoneType"),
    ],
)
def test_event_of_unknown_shape_raises_with_the_known_ones(unknown, looks):
    with pytest.raises(UnsupportedEvent, match=f"{looks}.*; known: HTTP") as raised:
        handler(unknown, None)
    assert "secret" not in str(raised.value)


def rest(route: str, path: str, public_path: str, **changed: object) -> dict:
    sent = event("rest-api")
    sent.update(resource=route, path=path, **changed)
    sent["requestContext"].update(resourcePath=route, path=public_path)
    return sent


def http(route: str, path: str, stage: str) -> dict:
    sent = event("http-api")
    sent.update(routeKey=route, rawPath=path)
    sent["requestContext"].update(routeKey=route, stage=stage)
    sent["requestContext"]["http"]["path"] = path
    return sent


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(
            rest("/predict", "/predict", "/prod/predict"), ("/prod", "/predict"), id="stage"
        ),
        pytest.param(rest("/", "/", "/prod/"), ("/prod", "/"), id="root of a stage"),
        pytest.param(rest("/", "/", "/prod"), ("/prod", "/"), id="root without a slash"),
        pytest.param(
            rest("/predict", "/v1/predict", "/v1/predict"), ("/v1", "/predict"), id="custom domain"
        ),
        pytest.param(rest("/", "/v1", "/v1"), ("/v1", "/"), id="root of a custom domain"),
        pytest.param(
            rest("/{proxy+}", "/docs", "/prod/docs", pathParameters={"proxy": "docs"}),
            ("/prod", "/docs"),
            id="greedy route",
        ),
        pytest.param(
            rest(
                "/static/{proxy+}",
                "/static/a/b.js",
                "/prod/static/a/b.js",
                pathParameters={"proxy": "a/b.js"},
            ),
            ("/prod", "/static/a/b.js"),
            id="greedy part",
        ),
        pytest.param(
            {**rest("$default", "/prod/predict", "/prod/predict"), "version": "1.0"},
            ("/prod", "/predict"),
            id="HTTP API, payload 1.0",
        ),
        pytest.param(http("$default", "/predict", "$default"), ("", "/predict"), id="HTTP API"),
        pytest.param(http("$default", "/live/predict", "live"), ("/live", "/predict"), id="named"),
        pytest.param(
            http("POST /predict", "/live/predict", "live"), ("/live", "/predict"), id="route"
        ),
        pytest.param(
            http("POST /predict", "/v1/predict", "$default"), ("/v1", "/predict"), id="mapping"
        ),
        pytest.param(http("$default", "/metrics", "m"), ("", "/metrics"), id="stage m, no prefix"),
        pytest.param(http("$default", "/m/metrics", "m"), ("/m", "/metrics"), id="stage m"),
        pytest.param(http("$default", "/m", "m"), ("/m", "/"), id="root of stage m"),
        pytest.param(http("$default", "/None", None), ("", "/None"), id="no stage"),
        pytest.param(event("function-url"), ("", "/predict"), id="function URL"),
        pytest.param(event("alb"), ("", "/predict"), id="load balancer"),
        pytest.param(
            event("alb") | {"path": "/v1/documents%3AanalyzeSentiment"},
            ("", "/v1/documents:analyzeSentiment"),
            id="encoded path",
        ),
        pytest.param(
            event("rest-api")
            | {"resource": "/models/{proxy+}", "pathParameters": {"proxy": "org/my model"}}
            | {"requestContext": {"path": "/prod/models/org/my%20model", "stage": "prod"}},
            ("/prod", "/models/org/my model"),
            id="encoded path below a stage",
        ),
    ],
)
def test_public_prefix_is_separated_from_the_path(sent, expected):
    assert public_paths(sent) == expected


def test_request_with_a_prefix_is_answered():
    behind = rest("/predict", "/v1/predict", "/v1/predict")
    assert handler(behind, None)["statusCode"] == 200


@pytest.mark.parametrize(
    "path",
    sorted((EVENTS.parents[1] / "app/web/static/demo").iterdir()),
    ids=lambda path: path.name,
)
def test_files_of_the_page_are_answered_without_base64(path):
    url = f"/static/demo/{path.name}"
    proxy = {"proxy": f"demo/{path.name}"}
    sent = rest("/static/{proxy+}", url, f"/prod{url}", pathParameters=proxy)
    answer = handler({**sent, "httpMethod": "GET", "body": None}, None)
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False


@pytest.mark.parametrize("kind", ["rest-api", "http-api", "function-url", "alb"])
def test_event_with_null_headers_is_answered(kind):
    sent = event(kind)
    null = {name: None for name in ("headers", "multiValueHeaders") if name in sent}
    assert handler({**sent, **null}, None)["statusCode"] == 415
