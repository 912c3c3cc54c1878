"""Whatever a text's characters, each way in answers that it was scored, or why not."""

import contextlib
import json

import pytest
from hypothesis import given

from app.events import records
from app.events.records import InvalidRecord
from app.sentiment.text import Limits
from bench.worst import FAMILIES
from handler import handler
from tests.contract.conftest import JSON, event_of
from tests.hostile import texts


def post(path: str, body: object) -> tuple[int, dict]:
    """Post it in a REST API's event; return the status and the answer."""
    sent = event_of("rest-api", "POST", path, json.dumps(body).encode(), JSON)
    answer = handler(sent, None)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_scored_or_refused(path, family):
    more = {"max_evaluations": 2} if path == "/explain" else {}
    status, answer = post(path, {"text": FAMILIES[family](2000), **more})
    assert status in (200, 422), answer


def test_all_families_are_a_batch_in_which_each_is_scored_or_refused():
    sent = [make(1000) for make in FAMILIES.values()]
    status, answer = post("/predict/batch", {"texts": sent})
    assert status == 200
    indices = [found["index"] for found in (*answer["results"], *answer["errors"])]
    assert sorted(indices) == list(range(len(sent)))


@pytest.mark.property
@given(texts())
def test_any_text_is_scored_or_refused(sent):
    status, answer = post("/predict", {"text": sent})
    assert status in (200, 422), answer


@pytest.mark.property
@given(texts())
def test_any_item_is_scored_or_refused_beside_a_good_one(sent):
    answer = handler(
        {"Items": [{"id": "good", "text": "Good."}, {"id": "any", "text": sent}]}, None
    )
    found = {one["id"] for one in (*answer["results"], *answer["errors"])}
    assert found == {"good", "any"}


@pytest.mark.property
@given(texts())
def test_any_text_of_a_record_is_read_or_refused(native, sent):
    def parse_text(value):
        return native.parse(value, Limits(200, 100))

    with contextlib.suppress(InvalidRecord):
        assert records.parse_record({"text": sent}, "1", parse_text).text
