"""text-embeddings-inference's `/predict`, which shares its path with the service's own."""

import pytest
import requests

from tests.web.dialects.conftest import KEY

PRAISE = "This movie was amazing and thrilling!"
BLAME = "A dull, lifeless mess. I want my two hours back."


def post(address, body):
    return requests.post(
        f"{address}/predict", json=body, headers={"authorization": f"Bearer {KEY}"}
    )


@pytest.mark.parametrize("inputs", [PRAISE, [PRAISE]])
def test_text_is_answered_with_its_classes(address, bundle, inputs):
    answer = post(address, {"inputs": inputs, "raw_scores": False, "truncate": True})
    assert answer.status_code == 200
    assert answer.json()[0]["label"] == "Positive"
    assert {one["label"] for one in answer.json()} == set(bundle.labels)
    assert sum(one["score"] for one in answer.json()) == pytest.approx(1, abs=2e-4)


def test_batch_is_answered_with_the_classes_of_each_text(address):
    answer = post(address, {"inputs": [[PRAISE], [BLAME]]})
    assert [classes[0]["label"] for classes in answer.json()] == ["Positive", "Negative"]


def test_body_of_the_service_itself_is_answered_as_usual(address):
    assert post(address, {"text": PRAISE}).json()["sentiment"] == "Positive"


@pytest.mark.parametrize(
    ("body", "status", "type_"),
    [
        ({"inputs": [PRAISE, BLAME]}, 422, "Validation"),
        ({"inputs": [[PRAISE, BLAME]]}, 422, "Validation"),
        ({"inputs": 7}, 422, "Validation"),
        ({"inputs": PRAISE, "raw_scores": True}, 422, "Validation"),
        ({"inputs": " "}, 400, "Empty"),
        ({"inputs": "a " * 60_000}, 413, "Validation"),
        ({"inputs": [["a"]] * 513}, 413, "Validation"),
    ],
)
def test_error_has_a_type(address, body, status, type_):
    answer = post(address, body)
    assert (answer.status_code, answer.json()["error_type"]) == (status, type_)
    assert answer.json()["error"].startswith(("inputs", "raw_scores"))


def test_both_fields_are_a_mistake_in_the_services_own_body(address):
    answer = post(address, {"text": PRAISE, "inputs": PRAISE})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_too_few_texts_left_is_overloaded(serve):
    answer = post(serve(rate_limit="1texts/day"), {"inputs": [[PRAISE], [BLAME]]})
    assert (answer.status_code, answer.json()["error_type"]) == (429, "Overloaded")


def test_failure_inside_is_of_the_backend(serve):
    address = serve()
    serve.app.state.scorer.classifier._engine = None
    answer = post(address, {"inputs": PRAISE})
    assert (answer.status_code, answer.json()["error_type"]) == (500, "Backend")


def test_inputs_are_an_unknown_field_if_the_dialect_is_off(serve):
    answer = post(serve(dialects=()), {"inputs": PRAISE})
    assert "unknown field inputs" in answer.json()["detail"]
