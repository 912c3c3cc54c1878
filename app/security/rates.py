"""How often a key or an address may ask, counted in memory, Redis or Memcached."""

import logging
import math
import time
from typing import NamedTuple

import anyio.to_thread

from app.settings import SettingsError

_logger = logging.getLogger(__name__)
_MEMORY = "memory://"


class Standing(NamedTuple):
    """Where a caller stands in its limit after this request."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int
    """Until all of the limit is free again."""

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
            self._limiter = SlidingWindowCounterRateLimiter(storage_from_string(storage))
        except (ConfigurationError, ValueError) as error:
            raise SettingsError(f"SENTIMENT_RATE_LIMIT_STORAGE={storage}: {error}") from None
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


def _parsed(limit: str):  # type: ignore[no-untyped-def]
    from limits import parse

    return parse(limit)
