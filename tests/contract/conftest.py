"""The transports of a request. Every contract test runs over each of them."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import handler
from local.emulator import Emulator

EVENTS = Path(__file__).parents[1] / "events"
GREEDY = ("/static/", "/models/", "/hf-inference/models/")
"""Prefixes of paths whose rest is a parameter of the route."""
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[[str, str, bytes, Mapping[str, str]], Answer]


def over_asgi(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    client = TestClient(handler.app, raise_server_exceptions=False)
    answer = client.request(method, path, content=body, headers=dict(headers))
    return Answer(answer.status_code, answer.headers, answer.content)


def over_event(kind: str, invoke: Callable[[Any], Any]) -> Send:
    """Return a sender that puts each request into an event of this kind."""

    def send(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        event = event_of(kind, method, path, body, headers)
        answer = invoke(event)
        raw = answer["body"]
        content = base64.b64decode(raw) if answer["isBase64Encoded"] else raw.encode()
        joined = {k: ", ".join(v) for k, v in (answer.get("multiValueHeaders") or {}).items()}
        return Answer(answer["statusCode"], {**joined, **(answer.get("headers") or {})}, content)

    return send


def event_of(kind: str, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
    """Return the recorded event of this kind with this request in it, routed as in the stack."""
    event = json.loads((EVENTS / f"{kind}.json").read_text())
    context = event["requestContext"]
    prefix = next(filter(path.startswith, GREEDY), None)
    route = f"{prefix}{{proxy+}}" if prefix else path
    event["pathParameters"] = {"proxy": path.removeprefix(prefix)} if prefix else None
    if "http" in context:
        has_stage = context["stage"] != "$default"
        stage = f"/{context['stage']}" if has_stage else ""
        context["http"].update(method=method, path=stage + path)
        event.update(
            rawPath=stage + path, routeKey=f"{method} {route}" if has_stage else "$default"
        )
    else:
        event.update(httpMethod=method, path=path)
    if kind == "rest-api":
        event["resource"] = context["resourcePath"] = route
        context.update(httpMethod=method, path=f"/prod{path}")
    for name in ("headers", "multiValueHeaders"):
        if name in event:
            recorded = {k: v for k, v in event[name].items() if k.lower() != "content-type"}
            sent = {k: [v] if name.startswith("multi") else v for k, v in headers.items()}
            event[name] = {**recorded, **sent}
    try:
        event["body"] = body.decode() or None
    except UnicodeDecodeError:
        event.update(body=base64.b64encode(body).decode(), isBase64Encoded=True)
    return event


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


TRANSPORTS = ["asgi", "rest-api", "http-api", "function-url", "alb", "alb-multi-value", "emulator"]


@pytest.fixture(params=TRANSPORTS)
def send(request: pytest.FixtureRequest) -> Send:
    if request.param == "asgi":
        return over_asgi
    if request.param == "emulator":
        return over_event("rest-api", request.getfixturevalue("emulator").invoke)
    return over_event(request.param, lambda event: handler.handler(event, None))


@pytest.fixture
def post(send: Send) -> Callable[..., Answer]:
    """Post a value as JSON, or bytes as they are."""

    def post(path: str, value: Any, headers: Mapping[str, str] = JSON) -> Answer:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return send("POST", path, body, headers)

    return post


@pytest.fixture
def get(send: Send) -> Callable[[str], Answer]:
    return lambda path: send("GET", path, b"", {})
