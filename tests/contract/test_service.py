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
