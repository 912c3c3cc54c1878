"""Rate limits of requests, texts and tokens."""

import asyncio
import threading
import time

import pytest
from limits.storage import MemoryStorage

from app.access import rates
from app.settings import SettingsError
from tests.access.test_keys import entry
from tests.web.client import client
from tests.web.middleware.test_access import KEYS


def batch(caller, count: int, **headers):
    return caller.post("/predict/batch", json={"texts": ["Good."] * count}, headers=headers)


@pytest.mark.parametrize("limit", ["10texts/day", "10 texts/day", "10 texts per day", "10text/day"])
def test_texts_are_counted_before_they_are_scored(limit):
    caller = client(address_rate_limit=limit)
    assert [batch(caller, count).status_code for count in (6, 6, 4, 1)] == [200, 429, 200, 429]


def test_a_single_text_counts_as_one():
    caller = client(address_rate_limit="2texts/day")
    found = [caller.post("/predict", json={"text": "Good."}).status_code for _ in range(3)]
    assert found == [200, 200, 429]


def test_batch_larger_than_the_limit_is_told_that_waiting_does_not_help():
    answer = batch(client(address_rate_limit="10texts/day"), 11)
    assert answer.status_code == 429
    assert answer.json()["detail"] == (
        "More than 10texts/day are not allowed; send fewer than these 11 at once."
    )


def test_tokens_are_counted_when_they_are_known():
    caller = client(address_rate_limit="8tokens/day")
    found = [caller.post("/predict", json={"text": "So good, so good."}) for _ in range(3)]
    assert [answer.status_code for answer in found] == [200, 429, 429]
    assert "8tokens/day" in found[1].json()["detail"]
    assert "retry-after" in found[1].headers


def test_limits_of_several_units_apply_together():
    caller = client(address_rate_limit="3/day+10texts/day")
    assert [batch(caller, count).status_code for count in (1, 1, 1, 1)] == [200, 200, 200, 429]
    caller = client(address_rate_limit="3/day+10texts/day")
    assert [batch(caller, count).status_code for count in (8, 8)] == [200, 429]


def test_entry_can_limit_the_texts_of_a_key():
    keys = f"{entry('shop', 'sk_shop', '9/day+3texts/day')},{entry('batch', 'sk_batch')}"
    caller = client(api_keys=keys)
    assert batch(caller, 4, **{"x-api-key": "sk_shop"}).status_code == 429
    assert batch(caller, 4, **{"x-api-key": "sk_batch"}).status_code == 200


def test_requests_without_texts_are_admitted_while_texts_are_left():
    caller = client(api_keys=KEYS, rate_limit="1texts/day")
    headers = {"x-api-key": "sk_shop"}
    assert caller.get("/model", headers=headers).status_code == 200
    assert batch(caller, 1, **headers).status_code == 200
    assert caller.get("/model", headers=headers).status_code == 429


@pytest.mark.parametrize(
    "limit",
    [
        "100/minute",
        "100 per minute",
        "100/2 minutes",
        "1/second",
        "5texts/hour+1/second",
        "1TOKEN/day",
    ],
)
def test_limit_is_valid(limit):
    rates.check(limit)


@pytest.mark.parametrize(
    "limit",
    [
        "",
        "often",
        "0/minute",
        "0texts/day",
        "1/second;9/day",
        "5words/day",
        "+",
        "1/day+",
        "1/fortnight",
        "100/0 minutes",
    ],
)
def test_invalid_limit_is_rejected_with_the_allowed_format(limit):
    with pytest.raises(SettingsError, match="such as 100/minute or 500texts/minute"):
        rates.check(limit)


class Hanging(MemoryStorage):
    """A storage that never responds."""

    release = threading.Event()

    def acquire_sliding_window_entry(self, *args, **kwargs):
        self.release.wait(30)
        return True


def test_unresponsive_storage_delays_requests_only_briefly(monkeypatch, caplog):
    monkeypatch.setattr("limits.storage.storage_from_string", lambda uri, **options: Hanging())
    monkeypatch.setattr(rates, "_CALL_SECONDS", 0.2)
    caller = client(address_rate_limit="1/minute", rate_limit_storage="redis://r")
    started = time.monotonic()
    found = [caller.post("/predict", json={"text": "Good."}).status_code for _ in range(2)]
    Hanging.release.set()
    assert found == [200, 200]
    assert len([line for line in caplog.messages if "does not respond" in line]) == 1
    assert time.monotonic() - started < 5
    assert "does not respond; nothing is limited" in caplog.text


class Slow(MemoryStorage):
    """A storage in another place."""

    def acquire_sliding_window_entry(self, *args, **kwargs):
        time.sleep(0.002)
        return super().acquire_sliding_window_entry(*args, **kwargs)


def test_burst_of_requests_is_counted_whole(monkeypatch, caplog):
    monkeypatch.setattr("limits.storage.storage_from_string", lambda uri, **options: Slow())
    shared = rates.RateLimits("redis://r")

    async def burst():
        return await asyncio.gather(
            *(shared.take("5/day", "caller", "request") for _ in range(200))
        )

    assert sum(standing.allowed for _, standing in asyncio.run(burst())) == 5
    assert not caplog.messages


class Recovering(MemoryStorage):
    """A storage whose first call fails."""

    calls = 0

    def acquire_sliding_window_entry(self, *args, **kwargs):
        self.calls += 1
        if self.calls == 1:
            raise ConnectionError
        return super().acquire_sliding_window_entry(*args, **kwargs)


@pytest.mark.parametrize(("pause", "last", "calls"), [(60, 200, 1), (0, 429, 3)])
def test_failed_storage_is_called_again_after_a_pause(monkeypatch, pause, last, calls):
    storage = Recovering()
    monkeypatch.setattr("limits.storage.storage_from_string", lambda uri, **options: storage)
    monkeypatch.setattr(rates, "_PAUSE_SECONDS", pause)
    caller = client(address_rate_limit="1/day", rate_limit_storage="redis://r")
    found = [caller.post("/predict", json={"text": "Good."}).status_code for _ in range(3)]
    assert (found, storage.calls) == ([200, 200, last], calls)


def test_tokens_of_an_explanations_variants_are_counted():
    caller = client(address_rate_limit="1000tokens/day", cache_size=0)
    text = "The plot is thin, but the cast is a joy to watch from start to end."
    answer = caller.post("/explain", json={"text": text})
    assert answer.status_code == 200
    left = int(caller.get("/model").headers["ratelimit-remaining"])
    assert left < 1000 - answer.json()["tokens"] - 2 * answer.json()["evaluations"]


def test_429_has_the_headers_of_the_exceeded_limit():
    keys = entry("shop", "sk_shop", "9/day+3texts/day")
    caller = client(api_keys=keys)
    headers = {"x-api-key": "sk_shop"}
    never = batch(caller, 4, **headers)
    assert (never.status_code, never.headers["ratelimit-limit"]) == (429, "3")
    assert "retry-after" not in never.headers
    assert batch(caller, 2, **headers).status_code == 200
    refused = batch(caller, 2, **headers)
    assert refused.status_code == 429
    assert refused.headers["ratelimit-limit"] == "3"
    assert refused.headers["ratelimit-remaining"] == "1"
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
