"""API keys and rate limits, over HTTP and for each kind of gateway."""

import logging

import pytest
from fastapi.testclient import TestClient
from limits.storage import MemoryStorage

from app.settings import Settings, SettingsError
from app.web import application
from tests.access.test_keys import entry
from tests.contract.conftest import Answer
from tests.web.client import client
from tests.web.test_application import WAYS, post

KEYS = f"{entry('shop', 'sk_shop')},{entry('batch', 'sk_batch', '1/day')}"


def post_with(caller: TestClient, way: str, headers: dict[str, str] | None = None) -> Answer:
    return post(caller, way, b'{"text": "Good."}', headers or {})


@pytest.mark.parametrize("way", WAYS)
def test_missing_key_is_401_and_says_how_to_send_one(way):
    answer = post_with(client(api_keys=KEYS), way)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-api-key" in answer.json()["detail"]
    assert answer.json()["correlation_id"] == answer.headers["x-correlation-id"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "headers", [{"x-api-key": "sk_wrong"}, {"authorization": "Bearer sk_wrong"}]
)
def test_invalid_key_is_403(way, headers):
    assert post_with(client(api_keys=KEYS), way, headers).status == 403


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("headers", [{"x-api-key": "sk_shop"}, {"authorization": "bearer sk_shop"}])
def test_valid_key_is_accepted(way, headers):
    assert post_with(client(api_keys=KEYS), way, headers).status == 200


def test_basic_authorization_is_not_a_key():
    headers = {"authorization": "Basic sk_shop"}
    assert post_with(client(api_keys=KEYS), "asgi", headers).status == 401


@pytest.mark.parametrize(
    "path", ["/", "/demo", "/docs", "/docs/", "/openapi.json", "/static/docs.js"]
)
def test_health_check_and_pages_need_no_key(path):
    assert client(api_keys=KEYS).get(path).status_code == 200


@pytest.mark.parametrize("path", ["/model", "/predict/batch", "/none", "/static"])
def test_other_routes_need_a_key(path):
    assert client(api_keys=KEYS).get(path).status_code == 401


def test_preflight_request_needs_no_key():
    caller = client(api_keys=KEYS, cors_origins=("https://shop.example",))
    origin = {"origin": "https://shop.example"}
    asked = caller.options("/predict", headers={**origin, "access-control-request-method": "POST"})
    assert asked.status_code == 200
    refused = caller.post("/predict", json={"text": "Good."}, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"


@pytest.mark.parametrize("way", WAYS)
def test_key_beyond_its_limit_is_429_with_retry_after(way):
    caller = client(api_keys=KEYS, rate_limit="2/day")
    shop = [post_with(caller, way, {"x-api-key": "sk_shop"}) for _ in range(3)]
    assert [answer.status for answer in shop] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in shop] == ["1", "0", "0"]
    assert shop[0].headers["ratelimit-limit"] == "2"
    assert 1 <= int(shop[2].headers["retry-after"]) <= 2 * 86400
    assert "2/day" in shop[2].json()["detail"]
    # Another key has a limit of its own.
    batch = [post_with(caller, way, {"x-api-key": "sk_batch"}).status for _ in range(2)]
    assert batch == [200, 429]


def test_limit_of_an_address_applies_to_any_key():
    caller = client(api_keys=KEYS, address_rate_limit="3/day")
    tried = [post_with(caller, "asgi", {"x-api-key": f"sk_{i}"}).status for i in range(4)]
    assert tried == [403, 403, 403, 429]


def test_address_behind_a_load_balancer_is_the_one_that_it_reports():
    caller = client(address_rate_limit="1/day")
    forged = [{"x-forwarded-for": f"9.9.9.{i}, 72.12.164.125"} for i in range(2)]
    assert [post_with(caller, "alb", headers).status for headers in forged] == [200, 429]


def test_the_health_check_is_not_limited():
    caller = client(address_rate_limit="1/minute")
    assert [caller.get("/").status_code for _ in range(3)] == [200] * 3


def test_shared_storage_counts_for_several_processes(monkeypatch):
    shared = MemoryStorage()
    monkeypatch.setattr("limits.storage.storage_from_string", lambda uri, **options: shared)
    settings = {"api_keys": KEYS, "rate_limit": "1/day", "rate_limit_storage": "redis://r"}
    headers = {"x-api-key": "sk_shop"}
    assert post_with(client(**settings), "asgi", headers).status == 200
    assert post_with(client(**settings), "asgi", headers).status == 429


def test_unresponsive_storage_limits_nobody_and_is_logged(monkeypatch, caplog):
    class Gone(MemoryStorage):
        def acquire_sliding_window_entry(self, *args, **kwargs):
            raise ConnectionError("gone")

    monkeypatch.setattr("limits.storage.storage_from_string", lambda uri, **options: Gone())
    caller = client(address_rate_limit="1/minute", rate_limit_storage="redis://r")
    assert [post_with(caller, "asgi").status for _ in range(2)] == [200, 200]
    assert "does not respond; nothing is limited" in caplog.text


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("address_rate_limit", "0.5/minute"),
        ("address_rate_limit", "0/minute"),
        ("address_rate_limit", "1/second;9/day"),
        ("rate_limit", "1/minute"),
        ("rate_limit_storage", "paper://"),
    ],
)
def test_invalid_limit_prevents_the_start(setting, value):
    with pytest.raises(SettingsError):
        application.create(Settings(**{"address_rate_limit": "1/minute", setting: value}))


def test_invalid_storage_prevents_the_start_without_showing_its_password():
    settings = Settings(api_keys=KEYS, rate_limit_storage="paper://:secret@h")
    with pytest.raises(SettingsError, match="paper:…") as refused:
        application.create(settings)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("way", "said"), [("asgi", False), ("rest-api", False), ("function-url", True), ("alb", True)]
)
def test_first_request_from_elsewhere_without_keys_is_a_warning(way, said, caplog):
    caller = client()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            post_with(caller, way)
    assert caplog.text.count("anyone who can reach this service may use it") == said


def test_server_on_another_address_without_keys_is_a_warning(caplog):
    caller = TestClient(application.create(Settings()), base_url="http://192.0.2.1")
    caller.post("/predict", json={"text": "Good."})
    assert "anyone who can reach this service may use it" in caplog.text
