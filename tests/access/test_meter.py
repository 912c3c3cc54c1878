"""The meter: what a request uses counts against the limits of its address and its key."""

import pytest

from app.access.meter import LimitExceeded, Meter
from app.access.rates import RateLimits
from tests.conftest import run


def test_requests_beyond_the_limit_are_refused_until_more_is_available():
    rates = RateLimits("memory://")
    standing = run(Meter(rates).admit("1/minute", "key shop"))
    assert (standing.limit, standing.remaining) == (1, 0)
    with pytest.raises(LimitExceeded, match="^More than 1/minute are not allowed; try again") as e:
        run(Meter(rates).admit("1/minute", "key shop"))
    assert e.value.can_retry
    assert not e.value.standing.allowed


def test_an_amount_above_the_limit_can_never_succeed():
    meter = Meter(RateLimits("memory://"))
    run(meter.admit("10texts/minute", "key shop"))
    with pytest.raises(LimitExceeded, match="send fewer than these 11 at once") as error:
        run(meter.take("text", 11))
    assert not error.value.can_retry


def test_every_limit_of_a_request_counts_what_it_uses():
    rates = RateLimits("memory://")
    meter = Meter(rates)
    run(meter.admit("100texts/minute", "address 192.0.2.1"))
    run(meter.admit("2texts/minute", "key shop"))
    run(meter.take("text", 2))
    with pytest.raises(LimitExceeded, match="2texts/minute"):
        run(Meter(rates).admit("2texts/minute", "key shop"))
    run(Meter(rates).admit("100texts/minute", "address 192.0.2.1"))


def test_used_tokens_beyond_the_limit_are_not_counted():
    rates = RateLimits("memory://")
    meter = Meter(rates)
    run(meter.admit("10tokens/minute", "key shop"))
    run(meter.add("token", 1000))
    with pytest.raises(LimitExceeded):
        run(Meter(rates).admit("10tokens/minute", "key shop"))
