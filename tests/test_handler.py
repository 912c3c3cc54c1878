import base64
import json
from pathlib import Path

import pytest

from app.events import UnsupportedEvent
from app.events.http import public_paths
from app.problems import TooManyTexts
from app.sentiment.text import InvalidText
from handler import handler

EVENTS = Path(__file__).parent / "events"
PRAISE = "This movie was amazing and thrilling!"


def event(name: str) -> dict:
    return json.loads((EVENTS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["rest-api", "http-api", "function-url", "alb", "alb-multi-value"])
def test_each_http_event_gives_what_direct_invocation_gives(name):
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


def test_direct_text_that_cannot_be_scored_raises_with_the_reason():
    with pytest.raises(InvalidText, match="must not be blank"):
        handler({"text": "  "}, None)


def test_direct_texts_beyond_the_limit_raise_with_the_limit():
    with pytest.raises(TooManyTexts, match="at most 512 texts, not 513"):
        handler({"texts": ["x"] * 513}, None)


@pytest.mark.parametrize("texts", ["one", [], None])
def test_direct_texts_that_are_no_list_raise(texts):
    with pytest.raises(UnsupportedEvent, match="must be an array"):
        handler({"texts": texts}, None)


def test_base64_body_is_decoded():
    sent = event("rest-api")
    sent.update(body=base64.b64encode(sent["body"].encode()).decode(), isBase64Encoded=True)
    assert json.loads(handler(sent, None)["body"])["sentiment"] == "Positive"


@pytest.mark.parametrize(
    "unknown", [{}, {"a": 1}, {"Records": []}, {"text": "a", "b": 1}, [], "text", None, 7]
)
def test_event_of_no_known_shape_raises_what_is_known(unknown):
    with pytest.raises(UnsupportedEvent, match="known: HTTP"):
        handler(unknown, None)


def test_stage_of_a_rest_api_is_the_root_path():
    assert public_paths(event("rest-api")) == ("/prod", "/predict")


def test_base_path_of_a_custom_domain_is_the_root_path():
    sent = event("rest-api")
    sent["path"] = sent["requestContext"]["path"] = "/reviews/predict"
    assert public_paths(sent) == ("/reviews", "/predict")


def test_greedy_proxy_route_keeps_its_path():
    sent = event("rest-api")
    sent.update(resource="/{proxy+}", pathParameters={"proxy": "predict/batch"})
    sent["path"], sent["requestContext"]["path"] = "/predict/batch", "/prod/predict/batch"
    assert public_paths(sent) == ("/prod", "/predict/batch")


def test_named_stage_of_an_http_api_is_the_root_path():
    assert public_paths(event("http-api")) == ("/live", "/predict")


def test_function_url_has_no_root_path():
    assert public_paths(event("function-url")) == ("", "/predict")


def test_load_balancer_has_no_root_path():
    assert public_paths(event("alb")) == ("", "/predict")
