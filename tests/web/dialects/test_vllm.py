"""vLLM's `/classify`."""

import time

import pytest
import requests

from tests.web.dialects.conftest import KEY

PRAISE = "This movie was amazing and thrilling!"
BLAME = "A dull, lifeless mess. I want my two hours back."


def post(address, body, key=KEY):
    headers = {"authorization": f"Bearer {key}"}
    return requests.post(f"{address}/classify", json=body, headers=headers)


def test_texts_are_answered_with_their_classes(address, bundle):
    answer = post(address, {"model": "any", "input": [PRAISE, BLAME]}).json()
    assert answer["object"] == "list"
    assert answer["model"] == bundle.name
    assert answer["id"].startswith("classify-")
    assert abs(answer["created"] - time.time()) < 60
    assert [(one["index"], one["label"]) for one in answer["data"]] == [
        (0, "Positive"),
        (1, "Negative"),
    ]
    for one in answer["data"]:
        assert one["num_classes"] == len(one["probs"]) == len(bundle.labels)
        assert bundle.labels[one["probs"].index(max(one["probs"]))] == one["label"]
    assert answer["usage"] == {
        "prompt_tokens": 24,
        "total_tokens": 24,
        "completion_tokens": 0,
        "prompt_tokens_details": None,
    }


def test_single_text_is_a_list_of_one(address):
    [one] = post(address, {"input": PRAISE}).json()["data"]
    assert one["label"] == "Positive"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"input": [1, 2, 3]}, "input/0: must be a string, not a number."),
        ({"input": []}, "input: must be an array of at least one string."),
        ({"input": " "}, "input: must not be blank"),
        ({"input": PRAISE, "use_activation": False}, "use_activation: must be true"),
        ({"messages": [{"role": "user", "content": PRAISE}]}, "input: Field required."),
    ],
)
def test_invalid_request_is_400_with_the_reason(address, body, message):
    answer = post(address, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, 400, "BadRequestError")
    assert error["message"].startswith(message)


def test_invalid_key_is_403_in_its_shape(address):
    answer = post(address, {"input": PRAISE}, key="sk_other")
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "ForbiddenError")


def test_failure_inside_is_500_in_its_shape(serve):
    address = serve()
    serve.app.state.scorer.classifier._engine = None
    answer = post(address, {"input": PRAISE})
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "InternalServerError"
