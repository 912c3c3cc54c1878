"""Correlation ids: only valid ones reach headers and the log."""

import json
import re

import hypothesis
import pytest
from hypothesis import strategies as st

from app.web.middleware.correlation import ID_HEADERS
from tests.conftest import run
from tests.web.client import client

ID = re.compile(rb"[\w.:;=@/+-]{1,128}", re.ASCII)

ids = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from(
        [
            b"a\r\nset-cookie: x=1",
            b"a\n",
            b'a", "level": "ERROR',
            b"a\x00b",
            b"\x1b[31m",
            b"a" * 129,
            b"a#3",
            "caf\u00e9\u2028".encode(),
            b"\xa0a",
        ]
    ),
)


async def answered(app, sent):
    """Return the start of the answer to ``GET /`` with these ids, as raw bytes."""
    headers = [(name.encode(), value) for name, value in sent]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    messages = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        messages.append(message)

    await app(scope, receive, send)
    return messages[0]


@pytest.fixture(scope="module")
def app():
    return client().app


@pytest.mark.property
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(sent=st.lists(st.tuples(st.sampled_from(ID_HEADERS), ids), max_size=5))
def test_only_valid_ids_are_accepted(app, lines, sent):
    before = len(lines())
    start = run(answered(app, sent))
    assert start["status"] == 200
    [given] = [value for name, value in start["headers"] if name == b"x-correlation-id"]
    assert ID.fullmatch(given)
    acceptable = [value for _, value in sent if ID.fullmatch(value)]
    assert given in acceptable or re.fullmatch(rb"[0-9a-f]{32}", given)
    assert not any(b"\r" in value or b"\n" in value for _, value in start["headers"])
    [line] = lines()[before:]
    assert line["correlation_id"] == given.decode()
    assert line["level"] == "INFO"


@pytest.mark.parametrize("name", ID_HEADERS)
def test_valid_id_is_kept(app, name):
    start = run(answered(app, [(name, b"Root=1-67891233-abc;x@y/z:1.0+2_3")]))
    assert (b"x-correlation-id", b"Root=1-67891233-abc;x@y/z:1.0+2_3") in start["headers"]


def test_unknown_method_is_not_logged(app, lines):
    client().request("SECRET", "/")
    assert "SECRET" not in json.dumps(lines())
