"""What dialects share."""

import pytest

from tests.web.client import client


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/", {"inputs": ["Good.", " ", "Bad."]}, 422),
        ("/predict", {"inputs": [["Good."], [" "], ["Bad."]]}, 400),
        ("/classify", {"input": ["Good.", " ", "Bad."]}, 400),
    ],
    ids=["huggingface", "tei", "vllm"],
)
def test_nothing_is_scored_where_an_invalid_text_rejects_the_request(path, body, status):
    caller = client(address_rate_limit="100texts/hour")
    answer = caller.post(path, json=body)
    assert answer.status_code == status
    assert "/1: " in answer.text
    assert len(caller.app.state.scorer.classifier.cache) == 0
    assert caller.get("/model").headers["ratelimit-remaining"] == "100"
