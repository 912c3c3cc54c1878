"""Rate limits, counted in memory, Redis or Memcached.

A limit counts requests (``100/minute``), texts (``10000texts/minute``) or tokens
(``1000000tokens/hour``). ``+`` joins several: ``100/minute+10000texts/minute``.
"""

import asyncio
import logging
import math
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from app.settings import Settings, SettingsError
from app.workers import Workers

_logger = logging.getLogger(__name__)
_MEMORY = "memory://"
_TIMEOUTS: dict[str, dict[str, float]] = {
    "redis": {"socket_timeout": 1, "socket_connect_timeout": 1},
    "rediss": {"socket_timeout": 1, "socket_connect_timeout": 1},
    "memcached": {"timeout": 1, "connect_timeout": 1},
}
"""Timeouts of storage clients, in seconds."""
_MAX_CALLS = 4
"""Maximum concurrent calls; further ones wait."""
_CALL_SECONDS = 2.0
"""Timeout of one call."""
_WAIT_SECONDS = 10.0
"""Timeout of a call and of its wait for others, after which the storage is too slow."""
_PAUSE_SECONDS = 5.0
"""How long a storage is not called after it failed."""
_LIMIT = re.compile(
    r"\s*(?P<amount>\d+)\s*(?P<unit>requests?|texts?|tokens?)?\s*(?P<period>(/|per\b)(?!\s*0+\b)[^+]+)",
    re.I,
)

Unit = Literal["request", "text", "token"]


class Limit(NamedTuple):
    """An amount of a unit in a period."""

    unit: Unit
    item: Any
    """The amount and the period, a `limits.RateLimitItem`."""
    text: str
    """As written in the setting."""


class Standing(NamedTuple):
    """The state of a caller's limit after a request."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int
    """Until more of the limit is available."""


class RateLimits:
    """Counts in sliding windows. ``storage``: the URI of the counters' storage.

    Raises:
        SettingsError: the storage is unknown, or its client is not installed.
    """

    def __init__(self, storage: str) -> None:
        from limits.errors import ConfigurationError
        from limits.storage import storage_from_string
        from limits.strategies import SlidingWindowCounterRateLimiter

        try:
            self._limiter = SlidingWindowCounterRateLimiter(
                storage_from_string(storage, **_TIMEOUTS.get(storage.partition(":")[0], {}))
            )
        except (ConfigurationError, ValueError) as error:
            redacted = f"{storage.partition(':')[0]}:…"  # the URI may contain a password
            reason = str(error).replace(storage, redacted)
            raise SettingsError(f"SENTIMENT_RATE_LIMIT_STORAGE={redacted}: {reason}") from None
        self._workers = None
        self._paused_until = 0.0
        if not storage.startswith(_MEMORY):
            self._workers = Workers(
                "rate-limits",
                threads=_MAX_CALLS,
                max_pending=_MAX_CALLS,
                seconds=_CALL_SECONDS,
            )
        self._calls = asyncio.Semaphore(_MAX_CALLS)

    async def take(
        self, limit: str, caller: str, unit: Unit, amount: int = 1
    ) -> tuple[Limit, Standing] | None:
        """Count an amount of a unit, unless a limit of that unit has less left.

        Returns the tightest limit and the caller's standing in it. Returns None if there is no
        limit of this unit, or if the storage fails: then nothing is limited.

        ``limit``: such as ``100/minute+10000texts/minute``; must have passed `check`.
        """
        return await self._tightest(limit, caller, unit, lambda it: self._take(it, caller, amount))

    async def standing(self, limit: str, caller: str, unit: Unit) -> tuple[Limit, Standing] | None:
        """Return the same as `take` without counting; allowed while anything is left."""
        return await self._tightest(limit, caller, unit, lambda it: self._standing(it, caller))

    async def add(self, limit: str, caller: str, unit: Unit, amount: int) -> None:
        """Count an amount that was used, at most up to the limit."""
        await self._tightest(limit, caller, unit, lambda it: self._add(it, caller, amount))

    async def _tightest(
        self, limit: str, caller: str, unit: Unit, count: Callable[[Any], Standing]
    ) -> tuple[Limit, Standing] | None:
        def count_all() -> list[tuple[Limit, Standing]]:
            return [(each, count(each.item)) for each in limits]

        limits = [each for each in _parse(limit) if each.unit == unit]
        if not limits or self._paused:
            return None
        try:
            if self._workers:
                async with asyncio.timeout(_WAIT_SECONDS), self._calls:
                    if self._paused:  # by a call that this one waited for
                        return None
                    standings = await self._workers.run(count_all)
            else:
                standings = count_all()
        except Exception as error:  # each storage has its own exceptions
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            _logger.error(
                "the storage of rate limits does not respond; nothing is limited",
                extra={"error": type(error).__name__},
            )
            return None
        return min(standings, key=lambda each: (each[1].allowed, each[1].remaining / each[1].limit))

    @property
    def _paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def _take(self, item: Any, caller: str, amount: int) -> Standing:
        allowed = self._limiter.hit(item, caller, cost=amount)
        return self._standing(item, caller)._replace(allowed=allowed)

    def _add(self, item: Any, caller: str, amount: int) -> Standing:
        standing = self._standing(item, caller)
        if used := min(amount, standing.remaining):
            self._limiter.hit(item, caller, cost=used)
        return standing

    def _standing(self, item: Any, caller: str) -> Standing:
        stats = self._limiter.get_window_stats(item, caller)
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        remaining = max(0, stats.remaining)
        return Standing(remaining > 0, item.amount, remaining, seconds)


def load(settings: Settings, *, keyed: bool) -> RateLimits | None:
    """Return the rate limits that the settings configure, None if nothing is limited.

    ``keyed``: whether there are API keys.

    Raises:
        SettingsError: a limit is invalid or applies to nobody, or the storage cannot be used.
    """
    limits = [limit for limit in (settings.rate_limit, settings.address_rate_limit) if limit]
    for limit in limits:
        check(limit)
    if settings.rate_limit and not keyed:
        raise SettingsError(
            "SENTIMENT_RATE_LIMIT applies to API keys, and there are none; "
            "SENTIMENT_ADDRESS_RATE_LIMIT applies to client addresses"
        )
    # A key that is added later may have a limit of its own.
    return RateLimits(settings.rate_limit_storage) if keyed or limits else None


def check(limit: str) -> None:
    """Check that a limit can be parsed.

    Raises:
        SettingsError: it is invalid.
    """
    try:
        _parse(limit)
    except ValueError:
        raise SettingsError(
            f"{limit!r} is not a rate limit: expected an amount, optionally texts or tokens, a "
            "slash and second, minute, hour or day, such as 100/minute or 500texts/minute; + "
            "joins several"
        ) from None


@lru_cache
def _parse(limits: str) -> tuple[Limit, ...]:
    return tuple(_parse_one(limit) for limit in limits.split("+"))


def _parse_one(limit: str) -> Limit:
    from limits import parse_many

    if not (match := _LIMIT.fullmatch(limit)):
        raise ValueError(limit)
    items = parse_many(match["amount"] + match["period"])
    if len(items) != 1 or items[0].amount < 1:
        raise ValueError(limit)
    unit: Any = (match["unit"] or "request").lower().removesuffix("s")
    # The namespace separates the counters of units whose limits are otherwise equal.
    item = type(items[0])(items[0].amount, items[0].multiples, namespace=f"sentiment/{unit}")
    return Limit(unit, item, limit.strip())
