"""How often a key or an address may ask, counted in memory, Redis or Memcached."""

import logging
import math
import time
from functools import lru_cache
from typing import Any, NamedTuple

import anyio.to_thread

from app.settings import Settings, SettingsError

_logger = logging.getLogger(__name__)
_MEMORY = "memory://"
_TIMEOUTS: dict[str, dict[str, float]] = {
    "redis": {"socket_timeout": 1, "socket_connect_timeout": 1},
    "rediss": {"socket_timeout": 1, "socket_connect_timeout": 1},
    "memcached": {"timeout": 1, "connect_timeout": 1},
}
"""Seconds until a storage counts as not answering."""


class Standing(NamedTuple):
    """Where a caller stands in its limit after this request."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int
    """Until more of the limit is free again."""

    def headers(self) -> dict[str, str]:
        """Return it as response headers, ``Retry-After`` among them where it is used up."""
        found = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }
        return found if self.allowed else {**found, "Retry-After": str(self.reset_seconds)}


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
        self._local = storage.startswith(_MEMORY)

    async def take(self, limit: str, caller: str) -> Standing | None:
        """Count a request; None where the storage does not answer, so that the service still does.

        ``limit``: as in ``100/minute``, checked by ``check``.
        """
        if self._local:
            return self._take(limit, caller)
        try:
            return await anyio.to_thread.run_sync(self._take, limit, caller)
        except Exception:  # each storage has errors of its own
            _logger.exception("the storage of rate limits does not answer; nothing is limited")
            return None

    def _take(self, limit: str, caller: str) -> Standing:
        item = _parsed(limit)
        allowed = self._limiter.hit(item, caller)
        stats = self._limiter.get_window_stats(item, caller)
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        return Standing(allowed, item.amount, max(0, stats.remaining), seconds)


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
            f"{limit!r} is no rate limit: expected a number, a slash and second, minute, hour or "
            "day, such as 100/minute"
        ) from None


@lru_cache
def _parsed(limit: str) -> Any:
    from limits import parse_many

    found = parse_many(limit)
    if len(found) != 1 or found[0].amount < 1:
        raise ValueError(limit)
    return found[0]
