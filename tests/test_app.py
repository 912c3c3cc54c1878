"""What the contract suite cannot show, since it takes another configuration or a failure."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings


def client(**settings: object) -> TestClient:
    return TestClient(create_app(Settings(**settings)), raise_server_exceptions=False)


def test_pages_of_other_origins_may_not_call_by_default():
    answer = client().get("/", headers={"origin": "https://shop.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_pages_of_allowed_origins_may_call():
    caller = client(cors_origins=("https://shop.example",))
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    assert caller.options("/predict", headers=asked).status_code == 200
    answer = caller.get("/", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


def test_body_beyond_the_limit_is_413_with_the_limit():
    answer = client(max_body_bytes=100).post("/predict", json={"text": "long " * 100})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "100 bytes" in answer.json()["detail"]


def test_body_that_does_not_declare_its_length_is_counted():
    parts = (part for part in [b'{"text": "', b"long " * 100, b'"}'])
    headers = {"content-type": "application/json"}
    answer = client(max_body_bytes=100).post("/predict", content=parts, headers=headers)
    assert answer.status_code == 413


def test_failure_inside_is_500_without_internals():
    caller = client()
    caller.app.state.scorer.classifier._engine = None
    answer = caller.post("/predict", json={"text": "Good."})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["correlation_id"] == answer.headers["x-correlation-id"]
    assert "NoneType" not in answer.text


def test_more_requests_than_may_wait_are_503_with_retry_after():
    caller = client(max_pending=1)
    classifier = caller.app.state.scorer.classifier
    entered, leave = threading.Event(), threading.Event()
    predict = classifier.predict

    def held(texts):
        entered.set()
        leave.wait(10)
        return predict(texts)

    classifier.predict = held
    with caller, ThreadPoolExecutor() as pool:
        first = pool.submit(caller.post, "/predict", json={"text": "First."})
        entered.wait(10)
        second = caller.post("/predict", json={"text": "Second."})
        health = caller.get("/")
        leave.set()
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert health.status_code == 200
    assert first.result().status_code == 200


def test_cache_of_size_0_remembers_nothing():
    caller = client(cache_size=0)
    for _ in range(2):
        assert caller.post("/predict", json={"text": "Again."}).json()["cached"] is False


def test_missing_bundle_refuses_to_start(tmp_path):
    with pytest.raises(Exception, match="no model bundle in .*SHA256SUMS: No such file"):
        create_app(Settings(model_dir=tmp_path))


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_both_engines_serve(engine):
    caller = client(engine=engine)
    assert caller.get("/").json()["model"]["engine"] == engine
    assert caller.post("/predict", json={"text": "A triumph."}).json()["sentiment"] == "Positive"
