"""Behaviour of the API with other settings or failures than in the contract tests."""

import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient

from app.events.http import Http
from app.scoring.batches import parse_batch
from app.sentiment.bundle import BundleError
from app.settings import Settings
from app.web import application
from tests.contract.conftest import JSON, Answer, over_event
from tests.web.client import client, hold


def post(
    caller: TestClient, way: str, body: bytes, headers: Mapping[str, str] = MappingProxyType({})
) -> Answer:
    """Post JSON to ``/predict`` over HTTP or inside an event of this kind."""
    headers = {"content-type": "application/json", **headers}
    if way == "asgi":
        answer = caller.post("/predict", content=body, headers=headers)
        return Answer(answer.status_code, answer.headers, answer.content)
    send = over_event(way, lambda event: Http(caller.app).handle(event, None))
    return send("POST", "/predict", body, headers)


WAYS = ["asgi", "rest-api", "http-api", "alb"]


def test_pages_of_other_origins_may_not_call_by_default():
    answer = client().get("/", headers={"origin": "https://shop.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/predict", "content-type, x-api-key, x-request-id"),
        ("/", "authorization, content-type, x-amz-date, x-amz-target, x-amz-user-agent"),
        ("/language/:analyze-text", "content-type, ocp-apim-subscription-key, x-ms-useragent"),
        ("/v2/documents:analyzeSentiment", "content-type, x-goog-api-client, x-goog-api-key"),
    ],
)
def test_pages_of_allowed_origins_may_call(path, headers):
    caller = client(cors_origins=("https://shop.example",))
    asked = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": headers,
    }
    assert caller.options(path, headers=asked).status_code == 200
    answer = caller.get("/", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


@pytest.mark.parametrize("way", WAYS)
def test_body_beyond_the_limit_is_413_with_the_limit(way):
    answer = post(client(max_body_bytes=100), way, json.dumps({"text": "long " * 100}).encode())
    assert answer.status == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "100 bytes" in answer.json()["detail"]


def test_body_without_a_declared_length_is_counted():
    parts = (part for part in [b'{"text": "', b"long " * 100, b'"}'])
    headers = {"content-type": "application/json"}
    answer = client(max_body_bytes=100).post("/predict", content=parts, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("way", WAYS)
def test_failure_inside_is_500_without_internals_and_is_logged(way, caplog):
    caller = client()
    caller.app.state.scorer.classifier._engine = None
    with caplog.at_level(logging.ERROR):
        answer = post(caller, way, b'{"text": "Good."}')
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"NoneType" not in answer.body
    assert answer.json()["correlation_id"] in caplog.text
    assert "NoneType" in caplog.text


def test_failure_inside_has_the_headers_of_every_response():
    caller = client(cors_origins=("https://shop.example",))
    caller.app.state.scorer.classifier._engine = None
    origin = {"origin": "https://shop.example"}
    answer = caller.post("/predict", json={"text": "Good."}, headers=origin)
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_requests_beyond_the_queue_are_503_with_retry_after():
    caller = client(max_pending=1)
    entered, leave = hold(caller.app.state.scorer.classifier, "predict")
    with caller, ThreadPoolExecutor() as pool:
        first = pool.submit(caller.post, "/predict", json={"text": "First."})
        entered.wait(10)
        second = caller.post("/predict", json={"text": "Second."})
        health = caller.get("/")
        leave.set()
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert health.status_code == 200
    assert first.result().status_code == 200


def test_predictions_do_not_wait_for_an_explanation():
    caller = client(explain_max_pending=1)
    classifier = caller.app.state.scorer.classifier
    entered, leave = threading.Event(), threading.Event()
    score_tokens = classifier.score_tokens

    def held(tokens):
        if threading.current_thread() is explaining[0]:
            leave.wait(10)
        return score_tokens(tokens)

    explaining = []
    tokenise = classifier.tokenise

    def noted(texts):
        if not explaining:
            explaining.append(threading.current_thread())
            entered.set()
        return tokenise(texts)

    classifier.tokenise, classifier.score_tokens = noted, held
    with caller, ThreadPoolExecutor() as pool:
        first = pool.submit(caller.post, "/explain", json={"text": "A fine film."})
        entered.wait(30)
        second = caller.post("/explain", json={"text": "Another."})
        predicted = caller.post("/predict", json={"text": "Another."})
        leave.set()
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert predicted.status_code == 200
    assert first.result().status_code == 200


def test_evaluations_of_an_explanation_are_clamped():
    caller = client(explain_max_evaluations=10)
    text = "A long and winding story of no great interest."
    answer = caller.post("/explain", json={"text": text, "max_evaluations": 500})
    assert answer.json()["evaluations"] == 10


def test_batch_with_too_many_characters_is_422_with_the_limit():
    answer = client(max_batch_characters=10).post("/predict/batch", json={"texts": ["sixsix"] * 2})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "texts: must have at most 10 characters together, not 12."


def test_batch_with_too_many_normalised_characters_is_422_with_the_limit():
    caller = client(max_batch_characters=10)
    answer = caller.post("/predict/batch", json={"texts": ["\ufdfa", "\ufdfa", "fine"]})
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "texts: must have at most 20 characters together after Unicode normalisation; "
        "the first 2 have 36."
    )


def test_batch_with_too_many_tokens_is_422_with_the_limit():
    answer = client(max_batch_tokens=16).post("/predict/batch", json={"texts": ["1 2 3 4"] * 3})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "texts: must have at most 16 tokens together, not 18."


def test_text_with_too_many_tokens_is_an_error_and_does_not_count_for_the_batch():
    caller = client(max_text_tokens=16, max_batch_tokens=20)
    answer = caller.post("/predict/batch", json={"texts": ["Good.", "!" * 100, 7, "Bad."]}).json()
    assert [result["index"] for result in answer["results"]] == [0, 3]
    assert [(error["index"], error["problem"]["detail"]) for error in answer["errors"]] == [
        (1, "texts/1: must have at most 16 tokens, not 102."),
        (2, "texts/2: must be a string, not a number."),
    ]


def test_text_to_explain_has_its_own_limit_of_tokens():
    answer = client(explain_max_tokens=16).post("/explain", json={"text": "!" * 20})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "text: must have at most 16 tokens, not 22."


def test_half_a_million_characters_of_ordinary_english_are_a_batch():
    settings = Settings()
    english = ("The plot is thin but the cast is warm. " * 2600)[:100_000]
    batch = parse_batch([english] * 5, client().app.state.scorer.classifier, settings)
    assert (len(batch.texts), batch.errors) == (5, {})


def test_the_health_check_answers_while_a_long_text_is_parsed():
    caller = client()
    entered, leave = hold(caller.app.state.scorer.classifier, "parse")
    with caller, ThreadPoolExecutor() as pool:
        waiting = pool.submit(caller.post, "/predict", json={"text": "Good. " + " " * 50_000})
        entered.wait(10)
        health = caller.get("/")
        leave.set()
    assert health.status_code == 200
    assert waiting.result().status_code == 200


def test_cache_of_size_0_stores_nothing():
    caller = client(cache_size=0)
    for _ in range(2):
        assert caller.post("/predict", json={"text": "Again."}).json()["cached"] is False


def test_missing_bundle_refuses_to_start(tmp_path):
    with pytest.raises(BundleError, match="no model bundle in .*SHA256SUMS: No such file"):
        application.create(Settings(model_dir=tmp_path))


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_every_engine_serves(engine, cache_home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    caller = client(engine=engine)
    assert caller.get("/").json()["model"]["engine"] == engine
    assert caller.post("/predict", json={"text": "A triumph."}).json()["sentiment"] == "Positive"


@pytest.mark.parametrize("item", ["{}", '""', "[]", "0"])
def test_body_with_a_million_values_is_rejected_before_they_are_created(item):
    body = '{"texts": [' + ",".join([item] * 1_000_000) + "]}"
    answer = client().post("/predict/batch", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["detail"] == (
        "The body holds more than 10,512 values; only JSON in UTF-8 is allowed."
    )


def test_commas_in_a_text_do_not_count_as_values():
    answer = client().post("/predict", json={"text": "well, " * 15_000})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", {"text": "\ufdfa" * 1_000}),
        ("/predict", {"text": "It is fine. " * 1_500}),
        ("/predict/batch", {"texts": ["\ufdfa" * 100] * 10}),
    ],
)
def test_texts_that_normalisation_expands_are_parsed_in_a_thread(path, body):
    caller = client()
    classifier = caller.app.state.scorer.classifier
    threads = []
    token_counts = classifier.token_counts

    def seen(texts):
        threads.append(threading.current_thread().name)
        return token_counts(texts)

    classifier.token_counts = seen
    with patch("app.scoring.batches.parse", side_effect=lambda *_: seen(["a"]) and "a"):
        caller.post(path, json=body)
    assert threads
    assert all(name.startswith("parsing") for name in threads)
