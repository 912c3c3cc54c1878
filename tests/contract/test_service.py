import json
import re

import pytest

from app import __version__

STAGES = {"rest-api": "/prod", "emulator": "/prod", "http-api": "/live"}


@pytest.fixture
def stage(request) -> str:
    """The prefix under which the caller of this way sees the API."""
    return STAGES.get(request.node.callspec.params["send"], "")


def test_health_names_the_model_and_the_version(get, bundle):
    answer = get("/")
    assert answer.status == 200
    assert answer.json() == {
        "status": "ok",
        "model": {"name": bundle.name, "revision": bundle.revision, "engine": "native"},
        "version": __version__,
    }


def test_model_is_the_bundles_card(get, bundle):
    assert get("/model").json() == json.loads((bundle.folder / "card.json").read_text())


def test_docs_load_their_assets_from_behind_the_stage(get, stage):
    page = get("/docs").body.decode()
    assert "://" not in page
    links = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    assert len(links) == 3
    for link in links:
        assert link.startswith(f"{stage}/static/")
        assert get(link.removeprefix(stage)).status == 200


def test_the_page_finds_its_files_beside_it(get):
    page = get("/demo").body.decode()
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(links) > 4
    for link in links:
        assert not link.startswith("/")
        assert "://" not in link
        assert get(f"/{link}").status == 200


def test_openapi_describes_the_routes_behind_the_stage(get, stage):
    document = get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/",
        "/explain",
        "/feedback",
        "/model",
        "/predict",
        "/predict/batch",
    }
    servers = [server["url"] for server in document.get("servers", [{"url": ""}])]
    assert servers == [stage]


def test_correlation_id_is_the_callers(send):
    answer = send("GET", "/", b"", {"x-request-id": "order-7"})
    assert answer.headers["x-correlation-id"] == "order-7"


GETS = ["/", "/model", "/demo", "/docs", "/openapi.json", "/static/docs.js"]
POSTS = ["/predict", "/predict/batch", "/explain", "/feedback"]


@pytest.mark.parametrize("path", [*GETS, "/none", "/predict"])
def test_head_is_answered_as_get_without_the_body(send, path):
    got, asked = send("GET", path, b"", {}), send("HEAD", path, b"", {})
    assert (asked.status, asked.body) == (got.status, b"")
    assert asked.headers["content-length"] == got.headers["content-length"]
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert int(asked.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("paths", "methods"), [(GETS, "GET, HEAD, OPTIONS"), (POSTS, "POST, OPTIONS")]
)
def test_options_says_what_is_allowed(send, paths, methods):
    for path in paths:
        answer = send("OPTIONS", path, b"", {})
        assert (answer.status, answer.headers["allow"], answer.body) == (204, methods, b"")


def test_options_of_nothing_is_404(send):
    assert send("OPTIONS", "/none", b"", {}).status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "QUERY"])
@pytest.mark.parametrize(
    ("path", "methods"), [("/", "GET, HEAD, OPTIONS"), ("/predict", "POST, OPTIONS")]
)
def test_a_method_that_is_not_allowed_is_405_and_hears_what_is(send, method, path, methods):
    answer = send(method, path, b"", {})
    assert (answer.status, answer.headers["allow"]) == (405, methods)
    assert answer.json()["detail"] == f"{method} is not allowed here; allowed: {methods}."


@pytest.mark.parametrize("path", GETS[1:])
def test_a_slash_at_the_end_changes_nothing(get, path):
    plain, slashed = get(path), get(f"{path}/")
    assert slashed.status == 200
    if path != "/demo":
        assert slashed.body == plain.body


def test_a_text_may_be_posted_with_a_slash_at_the_end(post):
    assert post("/predict/", {"text": "A fine film."}).json()["sentiment"] == "Positive"


def test_the_page_finds_its_files_from_behind_a_slash_too(get):
    links = re.findall(r'(?:href|src)="([^"]+)"', get("/demo/").body.decode())
    for link in links:
        assert link.startswith("../")
        assert get(link.removeprefix("..")).status == 200


@pytest.mark.parametrize("path", ["/static", "/static/", "/static//", "/none/"])
def test_a_folder_is_404_and_no_redirect(get, path):
    answer = get(path)
    assert answer.status == 404
    assert "location" not in answer.headers
