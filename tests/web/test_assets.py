"""The assets of the pages, compressed for clients that accept it."""

import gzip

import pytest

from tests.conftest import ROOT
from tests.contract.conftest import event_of
from tests.web.client import client

BUNDLE = "/static/swagger-ui/swagger-ui-bundle.js"
WHOLE = (ROOT / "app/web" / BUNDLE.removeprefix("/")).read_bytes()


@pytest.fixture(scope="module")
def caller():
    return client()


def fetch(caller, accepted: str | None, **headers: str):
    given = {"accept-encoding": accepted} if accepted is not None else {}
    request = caller.build_request("GET", BUNDLE, headers={**given, **headers})
    if accepted is None:
        del request.headers["accept-encoding"]
    return caller.send(request)


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "GZIP", "*", "gzip, deflate"])
def test_client_that_accepts_gzip_receives_it(caller, accepted):
    answer = fetch(caller, accepted)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 700_000
    assert answer.content == WHOLE  # inflated by the client
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0", "br", "gzip;q=x", "*;q=0"])
def test_client_that_does_not_receives_the_file_as_it_is(caller, accepted):
    answer = fetch(caller, accepted)
    assert "content-encoding" not in answer.headers
    assert answer.content == WHOLE
    assert answer.headers["vary"] == "Accept-Encoding"


def test_range_is_of_the_uncompressed_file(caller):
    answer = fetch(caller, "gzip", range="bytes=0-9")
    assert (answer.status_code, answer.content) == (206, WHOLE[:10])
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_unchanged_file_is_not_sent_again(caller, accepted):
    etag = fetch(caller, accepted).headers["etag"]
    again = fetch(caller, accepted, **{"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("kind", ["alb", "alb-multi-value", "http-api", "function-url"])
def test_gateways_receive_it_compressed_in_base64_within_their_limits(kind):
    import base64
    import json

    import handler

    event = event_of(kind, "GET", BUNDLE, b"", {"accept-encoding": "gzip"})
    answer = handler.handler(event, None)
    assert answer["isBase64Encoded"]
    assert len(json.dumps(answer)) < 1_000_000  # what a load balancer takes of a function
    assert gzip.decompress(base64.b64decode(answer["body"])) == WHOLE


def test_rest_api_receives_text_as_it_would_not_decode_base64():
    import handler

    event = event_of("rest-api", "GET", BUNDLE, b"", {"accept-encoding": "gzip"})
    answer = handler.handler(event, None)
    assert not answer["isBase64Encoded"]
    assert answer["body"].encode() == WHOLE
