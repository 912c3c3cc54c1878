"""One line of JSON for each request and each batch of records, without texts."""

import json
import logging
import subprocess
import sys

import pytest

import handler
from app import sinks
from app.scoring.scorer import Scorer
from app.settings import Settings
from app.sinks.batching import Entry, Sent
from app.telemetry.privacy import pseudonym
from app.web import application
from tests.access.test_keys import entry
from tests.conftest import ROOT
from tests.test_handler import event
from tests.web.client import client

SECRET = "Zyzzyva quokkas"
"""Words that no line may hold."""


def line_of(lines):
    [found] = [line for line in lines() if line["message"] in ("request", "batch")]
    return found


def test_request_is_one_line_with_its_outcome(lines, bundle):
    answer = client().post("/predict", json={"text": "A fine film."}, headers={"x-request-id": "r"})
    line = line_of(lines)
    assert line["level"] == "INFO"
    assert line["service"] == "sentiment"
    assert line["correlation_id"] == "r"
    assert (line["method"], line["route"], line["status"]) == ("POST", "/predict", 200)
    assert (line["tokens"], line["windows"], line["cache_hits"]) == (6, 1, 0)
    assert (line["predictions_positive"], line["predictions_negative"]) == (1, 0)
    assert line["confidence"] == answer.json()["confidence"]
    assert line["model"] == bundle.revision
    assert line["timestamp"].endswith("+00:00")


def test_durations_add_up(lines):
    client().post("/predict", json={"text": "A fine film."})
    line = line_of(lines)
    parts = (line["tokenise_ms"], line["infer_ms"], line["rest_ms"])
    assert all(part > 0 for part in parts)
    assert sum(parts) == pytest.approx(line["duration_ms"], abs=0.01)


def test_prediction_has_the_id_that_feedback_uses(lines):
    client().post("/predict", json={"text": "A bore."}, headers={"x-request-id": "r"})
    [found] = line_of(lines)["predictions"]
    assert (found["id"], found["sentiment"]) == ("r", "Negative")


def test_predictions_of_a_batch_have_their_index_in_the_id(lines):
    texts = ["Superb.", " ", "Awful."]
    client().post("/predict/batch", json={"texts": texts}, headers={"x-request-id": "r"})
    line = line_of(lines)
    found = {one["id"]: one["sentiment"] for one in line["predictions"]}
    assert found == {"r#0": "Positive", "r#2": "Negative"}


def test_the_first_request_of_a_process_is_its_cold_start(lines):
    caller = client()
    for _ in range(2):
        caller.get("/")
    assert [line["cold_starts"] for line in lines()] == [1, 0]


def test_repeated_text_is_a_cache_hit(lines):
    caller = client()
    for _ in range(2):
        caller.post("/predict", json={"text": "Again."})
    assert [line["cache_hits"] for line in lines()] == [0, 1]


def test_the_key_is_named_and_not_shown(lines):
    caller = client(api_keys=entry("shop", "sk_shop"))
    caller.post("/predict", json={"text": "Good."}, headers={"x-api-key": "sk_shop"})
    assert line_of(lines)["api_key"] == "shop"
    assert "sk_shop" not in json.dumps(lines())


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        (b'{"text": " "}', 422, "text: must not be blank"),
        (b'{"text": 7}', 422, "must be a string, not a number"),
        (b"{}", 422, "#/text: missing."),
        (b'{"text": "Good.", "Zyzzyva quokkas": 1}', 422, "#: unknown_field."),
        (b'{"text', 400, "is not JSON"),
    ],
)
def test_rejected_request_is_logged_with_its_cause(lines, body, status, cause):
    client().post("/predict", content=body, headers={"content-type": "application/json"})
    line = line_of(lines)
    assert line["status"] == status
    assert cause in line["cause"]
    assert "Zyzzyva" not in json.dumps(lines())


def test_path_of_a_404_is_not_logged(lines):
    client().get(f"/{SECRET}")
    assert line_of(lines)["route"] == "other"
    assert "Zyzzyva" not in json.dumps(lines())


def test_a_failure_is_an_error_with_its_stack(lines):
    caller = client()
    caller.app.state.scorer.classifier._engine = None
    caller.post("/predict", json={"text": SECRET}, headers={"x-request-id": "r"})
    failed, line = lines()
    assert failed["level"] == line["level"] == "ERROR"
    assert failed["exception"].endswith(", in tokenise\nAttributeError")
    assert failed["exception_name"] == "AttributeError"
    assert failed["correlation_id"] == line["correlation_id"] == "r"
    assert line["cause"] == "AttributeError"
    assert "Zyzzyva" not in json.dumps([failed, line])


def test_only_the_hash_of_a_text_is_logged(lines):
    caller = client(log_salt="pepper")
    caller.post("/predict", json={"text": SECRET})
    caller.post("/predict/batch", json={"texts": [SECRET, "Good."]})
    caller.post("/predict", json={"text": "Good."})
    assert "Zyzzyva" not in json.dumps(lines())
    hashes = [found["text_hash"] for line in lines() for found in line["predictions"]]
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]


def test_texts_are_hashed_with_the_salt(lines):
    for salt in ("salt", "salt", "pepper", "", ""):
        client(log_salt=salt).post("/predict", json={"text": SECRET})
    salted, again, *others = [line["predictions"][0]["text_hash"] for line in lines()]
    assert salted == again
    # Without one, each process makes its own.
    assert len({salted, *others}) == 4


def test_texts_are_logged_if_enabled(lines):
    client(log_texts=True).post("/predict", json={"text": SECRET})
    assert line_of(lines)["predictions"][0]["text"] == SECRET


@pytest.fixture
def handle(native, monkeypatch):
    """The entry point, with a sink that keeps nothing, or fails what is about a number."""

    class Sink:
        name = "sink"

        def prepare(self, position, document):
            return Entry(position, document.id, 1)

        def send(self, entries, deadline):
            return Sent({place: "full" for place, id, _ in entries if id.isdecimal()})

    app = application.create(Settings())
    monkeypatch.setattr(sinks, "load", lambda settings: [Sink()])
    scorer = Scorer(app.state.scorer.classifier, Settings())
    router = handler.Router(app, scorer, app.state.telemetry)
    monkeypatch.setattr(handler, "handler", router.handle)
    return lambda found: handler.handler(found, None)


def test_records_are_one_line_with_the_id_of_each(lines, handle):
    bodies = ['{"id": "a", "text": "Superb."}', '{"id": "7", "text": "Awful."}', '{"id": "c"}']
    [record] = event("sqs")["Records"][:1]
    handle({"Records": [{**record, "messageId": f"m{i}", "body": b} for i, b in enumerate(bodies)]})
    line = line_of(lines)
    assert (line["source"], line["records_rejected"]) == ("SQS", 2)
    assert [found["id"] for found in line["predictions"]] == [pseudonym("a"), pseudonym("7")]
    reasons = [line["message"] for line in lines() if line["level"] == "ERROR"]
    assert reasons == [
        "record m1 failed: sink: full",
        "record m2 failed: has no text: expected a text, or an object with the field text",
    ]


def test_failed_invocation_is_an_error_with_its_cause(lines, handle):
    with pytest.raises(ValueError, match="blank"):
        handle({"text": " "})
    line = line_of(lines)
    assert (line["level"], line["source"], line["cause"]) == ("ERROR", "direct", "InvalidText")


def test_a_request_inside_an_event_is_logged_once(lines, handle):
    handler.handler(event("rest-api"), None)
    assert line_of(lines)["message"] == "request"


def test_level_above_info_omits_requests(lines):
    logging.getLogger("app").setLevel("WARNING")
    client().get("/")
    assert lines() == []


def test_the_server_writes_json_to_standard_output():
    ask = (
        "from fastapi.testclient import TestClient; from app.main import app; "
        "TestClient(app).get('/')"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, check=True)
    [line] = done.stdout.splitlines()
    assert json.loads(line)["route"] == "/"
