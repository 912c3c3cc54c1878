"""How much a key or an address may ask for, counted in memory, Redis or Memcached.

A limit is ``100/minute``, of requests, or names what it counts: ``10000 texts/minute``,
``1000000 tokens/hour``. Several are joined by ``+``: ``100/minute+10000texts/minute``.
"""

import logging
import math
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from app.scoring.workers import Workers
from app.settings import Settings, SettingsError

_logger = logging.getLogger(__name__)
_MEMORY = "memory://"
_TIMEOUTS: dict[str, dict[str, float]] = {
    "redis": {"socket_timeout": 1, "socket_connect_timeout": 1},
    "rediss": {"socket_timeout": 1, "socket_connect_timeout": 1},
    "memcached": {"timeout": 1, "connect_timeout": 1},
}
"""Seconds until a storage counts as not answering."""
_SECONDS = 2.0
"""The same for one call, its wait for a thread included."""
_PAUSE_SECONDS = 5.0
"""How long a storage that did not answer is not asked again, by any request."""
_LIMIT = re.compile(
    r"\s*(?P<amount>\d+)\s*(?P<unit>requests?|texts?|tokens?)?\s*(?P<period>(/|per\b)(?!\s*0+\b)[^+]+)",
    re.I,
)

Unit = Literal["request", "text", "token"]


class Limit(NamedTuple):
    """So many of a unit in a period."""

    unit: Unit
    item: Any
    """The amount and the period, as the package `limits` has them."""
    written: str
    """As the setting says it."""


class Standing(NamedTuple):
    """Where a caller stands in its limit after this request."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int
    """Until more of the limit is free again."""


class RateLimits:
    """Counts in windows that slide, in the storage that the URI names.

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
            shown = f"{storage.partition(':')[0]}:…"  # it may hold a password
            reason = str(error).replace(storage, shown)
            raise SettingsError(f"SENTIMENT_RATE_LIMIT_STORAGE={shown}: {reason}") from None
        self._workers = None
        self._paused_until = 0.0
        if not storage.startswith(_MEMORY):
            self._workers = Workers("rate-limits", threads=4, max_pending=64, seconds=_SECONDS)

    async def take(
        self, limit: str, caller: str, unit: Unit, amount: int = 1
    ) -> tuple[Limit, Standing] | None:
        """Count so many of a unit, unless they are more than a limit of that unit has left.

        Return the limit that is nearest to its end, and where the caller stands in it; None where
        there is no limit of this unit, or where the storage does not answer, so that the service
        still does.

        ``limit``: as in ``100/minute+10000texts/minute``, checked by ``check``.
        """
        return await self._nearest(limit, caller, unit, lambda it: self._take(it, caller, amount))

    async def stands(self, limit: str, caller: str, unit: Unit) -> tuple[Limit, Standing] | None:
        """Return the same without counting: allowed while anything is left."""
        return await self._nearest(limit, caller, unit, lambda it: self._standing(it, caller))

    async def add(self, limit: str, caller: str, unit: Unit, amount: int) -> None:
        """Count what has been used, up to the end of the limit."""
        await self._nearest(limit, caller, unit, lambda it: self._add(it, caller, amount))

    async def _nearest(
        self, limit: str, caller: str, unit: Unit, count: Callable[[Any], Standing]
    ) -> tuple[Limit, Standing] | None:
        def counted() -> list[tuple[Limit, Standing]]:
            return [(one, count(one.item)) for one in limits]

        limits = [one for one in _parsed(limit) if one.unit == unit]
        if not limits or time.monotonic() < self._paused_until:
            return None
        try:
            found = counted() if self._workers is None else await self._workers.run(counted)
        except Exception as error:  # each storage has errors of its own
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            _logger.error(
                "the storage of rate limits does not answer; nothing is limited",
                extra={"error": type(error).__name__},
            )
            return None
        return min(found, key=lambda one: (one[1].allowed, one[1].remaining / one[1].limit))

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
    """Return what counts, or None where nothing is limited.

    Raises:
        SettingsError: a limit is none or is of nobody, or the storage cannot be used.
    """
    limits = [limit for limit in (settings.rate_limit, settings.address_rate_limit) if limit]
    for limit in limits:
        check(limit)
    if settings.rate_limit and not keyed:
        raise SettingsError(
            "SENTIMENT_RATE_LIMIT is of each key, and there are no keys; "
            "SENTIMENT_ADDRESS_RATE_LIMIT is of each address"
        )
    # With keys in any case: one that is added later may have a limit of its own.
    return RateLimits(settings.rate_limit_storage) if keyed or limits else None


def check(limit: str) -> None:
    """Make sure that the limit can be read.

    Raises:
        SettingsError: it cannot.
    """
    try:
        _parsed(limit)
    except ValueError:
        raise SettingsError(
            f"{limit!r} is no rate limit: expected a number, texts or tokens if it counts those, "
            "a slash and second, minute, hour or day, such as 100/minute or 500texts/minute; "
            "several are joined by +"
        ) from None


@lru_cache
def _parsed(limits: str) -> tuple[Limit, ...]:
    return tuple(_parsed_one(limit) for limit in limits.split("+"))


def _parsed_one(limit: str) -> Limit:
    from limits import parse_many

    if not (match := _LIMIT.fullmatch(limit)):
        raise ValueError(limit)
    found = parse_many(match["amount"] + match["period"])
    if len(found) != 1 or found[0].amount < 1:
        raise ValueError(limit)
    unit: Any = (match["unit"] or "request").lower().removesuffix("s")
    # Counted apart from other units, where those have the same amount and period.
    item = type(found[0])(found[0].amount, found[0].multiples, namespace=f"sentiment/{unit}")
    return Limit(unit, item, limit.strip())
