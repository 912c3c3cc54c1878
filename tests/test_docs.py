"""The documentation: each example in it is what the service takes and answers."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from app.settings import Settings
from app.sinks.batching import Entry, Sent
from app.web import application
from app.web.examples import SENTENCES
from local.server import serving
from tests.access.test_keys import entry
from tests.events.conftest import aws  # noqa: F401
from tests.web.client import client

DOCUMENT = application.create(Settings()).openapi()
JSON = {"content-type": "application/json"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def requests() -> Iterator[Any]:
    """Yield each example of a request: its path, its body, and the operation it is of."""
    for _, path, operation in operations():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in body.get("examples", {}).items():
            yield pytest.param(path, name, example["value"], operation, id=f"{path}-{name}")


def refusals() -> Iterator[Any]:
    """Yield each error of each route: its method, path and status, and its example."""
    for method, path, operation in operations():
        for status, response in operation["responses"].items():
            content = response["content"].get("application/problem+json")
            if content:
                yield pytest.param(method, path, int(status), content, id=f"{path}-{status}")


def answer_of(operation: dict[str, Any], name: str = "default") -> tuple[int, Any]:
    """Return the status and the example of a success, to the request of this name."""
    [(status, response)] = [
        (status, response)
        for status, response in operation["responses"].items()
        if status.startswith("2")
    ]
    content = response["content"]["application/json"]
    examples = content.get("examples", {"default": {"value": content.get("example")}})
    return int(status), examples.get(name, examples["default"])["value"]


@pytest.fixture(scope="module")
def caller() -> TestClient:
    return client()


@pytest.mark.parametrize(("method", "path", "operation"), list(operations()))
def test_every_route_shows_what_it_takes_and_answers(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    assert answer_of(operation)
    if method == "post":
        assert operation["requestBody"]["content"]["application/json"]["examples"]


@pytest.mark.parametrize(("path", "name", "body", "operation"), list(requests()))
def test_a_request_to_try_is_answered_as_it_says(
    request: pytest.FixtureRequest, path: str, name: str, body: Any, operation: dict[str, Any]
) -> None:
    queue = request.getfixturevalue("aws").queue_url if path == "/feedback" else ""
    settings: dict[str, Any] = {"results_queue_url": queue}
    if body.get("neutral"):
        settings["model_dir"] = request.getfixturevalue("three_label_bundle")
    answer = client(**settings).post(path, json=body)
    status, example = answer_of(operation, name)
    assert answer.status_code == status
    if isinstance(example, dict):
        assert list(answer.json()) == list(example)
    if name == SENTENCES or isinstance(example, list):
        assert structure(answer.json()) == structure(example)


def structure(answer: Any) -> Any:
    """Return the names of all fields in their order; of lists, those of the first element."""
    if isinstance(answer, dict):
        return [(name, structure(value)) for name, value in answer.items()]
    return [structure(each) for each in answer[:1]] if isinstance(answer, list) else None


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain"])
def test_an_answer_is_that_of_the_first_request(caller: TestClient, path: str) -> None:
    operation = DOCUMENT["paths"][path]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    first = next(iter(examples.values()))["value"]
    assert rounded(caller.post(path, json=first).json()) == rounded(answer_of(operation)[1])


def rounded(answer: Any) -> Any:
    """Return it as far as neither the processor nor what was asked before changes it."""
    if isinstance(answer, float):
        return pytest.approx(answer, abs=0.01)
    if isinstance(answer, list):
        return [rounded(each) for each in answer]
    if isinstance(answer, dict):
        return {name: rounded(value) for name, value in answer.items() if name != "cached"}
    return answer


def test_health_and_card_are_this_models(caller: TestClient) -> None:
    paths = DOCUMENT["paths"]
    assert caller.get("/").json() == answer_of(paths["/"]["get"])[1]
    assert caller.get("/model").json().items() >= answer_of(paths["/model"]["get"])[1].items()


SHOP = {"api_keys": entry("shop", "sk_shop")}
WRONG = {
    "/predict": {"text": " "},
    "/predict/batch": {"texts": ["Good."] * 513},
    "/explain": {"text": " "},
    "/feedback": {"prediction": "r-7", "sentiment": "Fine"},
}
RIGHT = {
    "/predict": {"text": "Good."},
    "/predict/batch": {"texts": ["Good."]},
    "/explain": {"text": "Good."},
    "/feedback": {"prediction": "r-7", "sentiment": "Positive"},
}


def limited(method: str, path: str) -> Response:
    caller = client(api_keys=entry("shop", "sk_shop", "100/minute"))
    # The allowance refills while a slow machine spends it.
    answers = (caller.request(method, path, headers={"x-api-key": "sk_shop"}) for _ in range(1000))
    return next(answer for answer in answers if answer.status_code == 429)


def broken(method: str, path: str) -> Response:
    caller = client()
    caller.app.state.scorer.classifier._engine = None
    caller.app.state.sinks = [None]
    return caller.request(method, path, json=RIGHT[path])


def busy(method: str, path: str) -> Response:
    class Full:
        name = "full"

        def prepare(self, place: int, kept: Any) -> Entry:
            return Entry(place, kept, 1)

        def send(self, entries: Any, deadline: Any) -> Sent:
            return Sent({entry.position: "full" for entry in entries})

    caller = client()
    for queue in (caller.app.state.scorer._predictions, caller.app.state.scorer._explanations):
        while queue._slots.acquire(blocking=False):
            pass
    caller.app.state.sinks = [Full()]
    return caller.request(method, path, json=RIGHT[path])


def slow(method: str, path: str) -> Response:
    with serving(application.create(Settings(receive_seconds=0.1))) as url:
        host = url.removeprefix("http://")
        with closing(HTTPConnection(host)) as connection:
            connection.request(method.upper(), path, b'{"te', {**JSON, "content-length": "9"})
            answer = connection.getresponse()
            return Response(answer.status, content=answer.read())


PROVOKED: dict[int, Callable[[str, str], Response]] = {
    400: lambda method, path: client().request(method, path, content=b"text", headers=JSON),
    401: lambda method, path: client(**SHOP).request(method, path),
    403: lambda method, path: client(**SHOP).request(method, path, headers={"x-api-key": "sk"}),
    408: slow,
    413: lambda method, path: client().request(
        method, path, content=b" " * (6 * 1024 * 1024 + 1), headers=JSON
    ),
    415: lambda method, path: client().request(
        method, path, content=b"Good.", headers={"content-type": "text/plain"}
    ),
    422: lambda method, path: client().request(method, path, json=WRONG[path]),
    429: limited,
    500: broken,
    501: lambda method, path: client().request(method, path, json=RIGHT[path]),
    503: busy,
}


@pytest.mark.parametrize(("method", "path", "status", "content"), list(refusals()))
def test_an_error_is_answered_as_its_example_says(
    method: str, path: str, status: int, content: dict[str, Any]
) -> None:
    answer = PROVOKED[status](method, path)
    assert answer.status_code == status
    example = content["example"]
    assert answer.json().keys() == example.keys()
    assert but_for_what_differs(answer.json()) == but_for_what_differs(example)


def but_for_what_differs(problem: dict[str, Any]) -> dict[str, Any]:
    detail = re.sub(r"again in \d+ s", "again in … s", problem["detail"])
    return {**problem, "detail": detail, "correlation_id": "…"}
