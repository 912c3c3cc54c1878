import json
import re

import pytest

from app import __version__

STAGES = {"rest-api": "/prod", "emulator": "/prod", "http-api": "/live"}


@pytest.fixture
def stage(request) -> str:
    """The path prefix of the API behind this gateway."""
    return STAGES.get(request.node.callspec.params["send"], "")


def test_health_names_the_model_and_the_version(get, bundle):
    answer = get("/")
    assert answer.status == 200
    assert answer.json() == {
        "status": "ok",
        "model": {"name": bundle.name, "revision": bundle.revision, "engine": "native"},
        "version": __version__,
    }


def test_model_is_the_card_of_the_bundle(get, bundle):
    assert get("/model").json() == json.loads((bundle.folder / "card.json").read_text())


def test_docs_link_to_assets_under_the_stage(get, stage):
    page = get("/docs").body.decode()
    assert "://" not in page
    links = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    assert len(links) == 3
    for link in links:
        assert link.startswith(f"{stage}/static/")
        assert get(link.removeprefix(stage)).status == 200


def test_demo_page_has_relative_links(get):
    page = get("/demo").body.decode()
    links = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(links) > 4
    for link in links:
        assert not link.startswith("/")
        assert "://" not in link
        assert get(f"/{link}").status == 200


def test_openapi_lists_the_routes_and_the_stage(get, stage):
    document = get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/",
        "/classify",
        "/explain",
        "/feedback",
        "/language/:analyze-text",
        "/model",
        "/models/{model}",
        "/predict",
        "/predict/batch",
        "/v1/documents:analyzeSentiment",
        "/v2/documents:analyzeSentiment",
    }
    servers = [server["url"] for server in document.get("servers", [{"url": ""}])]
    assert servers == [stage]


def test_correlation_id_comes_from_the_caller(send):
    answer = send("GET", "/", b"", {"x-request-id": "order-7"})
    assert answer.headers["x-correlation-id"] == "order-7"


GETS = ["/", "/model", "/demo", "/docs", "/openapi.json", "/static/docs.js"]
POSTS = [
    "/predict",
    "/predict/batch",
    "/explain",
    "/feedback",
    "/classify",
    "/models/any/name",
    "/language/:analyze-text",
    "/v1/documents:analyzeSentiment",
    "/v2/documents:analyzeSentiment",
]


@pytest.mark.parametrize("path", [*GETS, "/none", "/predict"])
def test_head_answers_like_get_without_the_body(send, path):
    get, head = send("GET", path, b"", {}), send("HEAD", path, b"", {})
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("paths", "methods"),
    [
        (["/"], "GET, HEAD, POST, OPTIONS"),
        (GETS[1:], "GET, HEAD, OPTIONS"),
        (POSTS, "POST, OPTIONS"),
    ],
)
def test_options_lists_the_allowed_methods(send, paths, methods):
    for path in paths:
        answer = send("OPTIONS", path, b"", {})
        assert (answer.status, answer.headers["allow"], answer.body) == (204, methods, b"")


def test_options_of_an_unknown_path_is_404(send):
    assert send("OPTIONS", "/none", b"", {}).status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "QUERY"])
@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/", "GET, HEAD, POST, OPTIONS"),
        ("/model", "GET, HEAD, OPTIONS"),
        ("/predict", "POST, OPTIONS"),
    ],
)
def test_other_methods_are_405_with_the_allowed_methods(send, method, path, methods):
    answer = send(method, path, b"", {})
    assert (answer.status, answer.headers["allow"]) == (405, methods)
    assert answer.json()["detail"] == f"{method} is not allowed here; allowed: {methods}."


@pytest.mark.parametrize("path", GETS[1:])
def test_trailing_slash_is_ignored(get, path):
    plain, slashed = get(path), get(f"{path}/")
    assert slashed.status == 200
    if path != "/demo":
        assert slashed.body == plain.body


def test_trailing_slash_of_a_post_is_ignored(post):
    assert post("/predict/", {"text": "A fine film."}).json()["sentiment"] == "Positive"


def test_demo_page_with_a_trailing_slash_has_relative_links(get):
    links = re.findall(r'(?:href|src)="([^"]+)"', get("/demo/").body.decode())
    for link in links:
        assert link.startswith("../")
        assert get(link.removeprefix("..")).status == 200


@pytest.mark.parametrize("path", ["/static", "/static/", "/static//", "/none/"])
def test_directory_is_404_without_a_redirect(get, path):
    answer = get(path)
    assert answer.status == 404
    assert "location" not in answer.headers
