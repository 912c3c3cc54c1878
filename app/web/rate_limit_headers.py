"""Rate limits as response headers."""

from app.access.meter import LimitExceeded
from app.access.rates import Standing


def headers(standing: Standing) -> dict[str, str]:
    """Return the ``RateLimit-*`` headers."""
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.reset_seconds),
    }


def refusal_headers(error: LimitExceeded) -> dict[str, str]:
    """Return the same of a refused request, with ``Retry-After`` if a retry can succeed."""
    retry = {"Retry-After": str(error.standing.reset_seconds)} if error.can_retry else {}
    return headers(error.standing) | retry
