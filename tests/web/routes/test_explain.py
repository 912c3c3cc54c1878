"""How long an explanation may take, and what its caller gets when time runs out."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from app.events.http import Http
from app.explanation.explain import Explanation, explain
from app.scoring import scorer
from tests.contract.conftest import JSON, Answer, over_event
from tests.web.client import client

LONG = "It goes on and on, for far too long, but the ending is a triumph. " * 15
OUT_OF_TIME = "No time was left to start the explanation; try again in a second."
EVENTS = ["rest-api", "http-api", "alb"]


@pytest.fixture
def seconds_left(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that each explanation had left when its turn came."""
    left: list[float] = []

    def recorded(classifier: Any, sent: str, max_evaluations: int, deadline: Any) -> Explanation:
        left.append(deadline.left)
        return explain(classifier, sent, 2, deadline)

    monkeypatch.setattr(scorer, "explain", recorded)
    return left


def invoke(way: str, milliseconds: int, **settings: object) -> Answer:
    """Ask for an explanation in an invocation that has so much time left."""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)
    http = Http(client(on_lambda=True, **settings).app)
    send = over_event(way, lambda event: http.handle(event, context))
    return send("POST", "/explain", b'{"text": "A fine film."}', JSON)


def test_when_time_runs_out_the_answer_has_phrases():
    caller = client(explain_seconds=1, explain_evaluations=100_000, explain_max_evaluations=100_000)
    started = time.monotonic()
    answer = caller.post("/explain", json={"text": LONG})
    assert time.monotonic() - started < 10
    assert answer.status_code == 200
    assert (answer.json()["unit"], answer.json()["complete"]) == ("phrases", False)
    total = answer.json()["base_value"] + sum(word["weight"] for word in answer.json()["words"])
    assert total == pytest.approx(answer.json()["value"], abs=1e-3)


def test_time_is_limited_by_the_setting(seconds_left):
    assert client(explain_seconds=9).post("/explain", json={"text": "Good."}).status_code == 200
    assert 5 < seconds_left[0] < 9


@pytest.mark.parametrize("way", EVENTS)
def test_on_lambda_most_of_the_time_left_may_be_used(seconds_left, way):
    assert invoke(way, 10_000).status == 200
    assert 5 < seconds_left[0] <= 7


@pytest.mark.parametrize("way", EVENTS)
def test_on_lambda_the_setting_holds_too(seconds_left, way):
    assert invoke(way, 29_000, explain_seconds=6).status == 200
    assert 3 < seconds_left[0] < 6


def test_an_invocation_without_time_left_is_503():
    answer = invoke("rest-api", 0)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == OUT_OF_TIME


@pytest.mark.parametrize("context", [None, SimpleNamespace(aws_request_id="r"), {}])
def test_a_context_that_does_not_report_the_time_left_is_ignored(context):
    http = Http(client(on_lambda=True).app)
    send = over_event("rest-api", lambda event: http.handle(event, context))
    assert send("POST", "/explain", b'{"text": "A fine film."}', JSON).status == 200


def test_an_explanation_whose_turn_comes_too_late_is_503(monkeypatch: pytest.MonkeyPatch):
    entered, leave = threading.Event(), threading.Event()

    def held(classifier: Any, sent: str, max_evaluations: int, deadline: Any) -> Explanation:
        entered.set()
        leave.wait(30)
        return explain(classifier, sent, max_evaluations, deadline)

    monkeypatch.setattr(scorer, "explain", held)
    with client(explain_seconds=1) as caller, ThreadPoolExecutor() as pool:
        first = pool.submit(caller.post, "/explain", json={"text": "First."})
        entered.wait(30)
        second = pool.submit(caller.post, "/explain", json={"text": "Second."})
        time.sleep(1.5)  # the second waits for longer than it may take
        leave.set()
    assert first.result().status_code == 200
    answer = second.result()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == OUT_OF_TIME
