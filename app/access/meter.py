"""Counts what one request uses against the rate limits of its caller."""

from app.access.rates import Limit, RateLimits, Standing, Unit


class LimitExceeded(Exception):
    """A rate limit does not allow the request; the message names the limit."""

    def __init__(self, limit: Limit, standing: Standing, amount: int) -> None:
        self.standing = standing
        self.can_retry = amount <= standing.limit
        """Whether the limit allows this amount later; if not, no wait makes room for it."""
        if self.can_retry:
            advice = f"; try again in {standing.reset_seconds} s."
        else:
            advice = f"; send fewer than these {amount:,} at once."
        super().__init__(f"More than {limit.text} are not allowed{advice}")


class Meter:
    """The limits of one request: that of its address and that of its API key.

    Requests and texts are counted before any work is done. Tokens are counted once they are known:
    a request is admitted while any are left.
    """

    def __init__(self, rates: RateLimits) -> None:
        self._rates = rates
        self._limits: list[tuple[str, str]] = []

    async def admit(self, limit: str, caller: str) -> Standing | None:
        """Count one request of this caller, and apply the limit to what the request uses.

        Returns the caller's standing in one of the limits, None if none applies.

        Raises:
            LimitExceeded: the limit is used up.
        """
        self._limits.append((limit, caller))
        standings = [
            _checked(await self._rates.take(limit, caller, "request")),
            _checked(await self._rates.standing(limit, caller, "text")),
            _checked(await self._rates.standing(limit, caller, "token")),
        ]
        return next(filter(None, standings), None)

    async def take(self, unit: Unit, amount: int) -> None:
        """Count an amount of a unit.

        Raises:
            LimitExceeded: less than that is left.
        """
        for limit, caller in self._limits:
            _checked(await self._rates.take(limit, caller, unit, amount), amount)

    async def add(self, unit: Unit, amount: int) -> None:
        """Count an amount that was used; what exceeds the limit is not counted."""
        for limit, caller in self._limits:
            await self._rates.add(limit, caller, unit, amount)


def _checked(outcome: tuple[Limit, Standing] | None, amount: int = 1) -> Standing | None:
    if outcome is None:
        return None
    limit, standing = outcome
    if not standing.allowed:
        raise LimitExceeded(limit, standing, amount)
    return standing
