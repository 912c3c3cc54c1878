"""The methods of a resource."""

from collections.abc import Iterable

ROUTE_METHODS = ("GET", "POST")
"""The methods of routes. `app.web.middleware.implied_requests` adds ``HEAD`` and ``OPTIONS``."""


def allowed(methods: Iterable[str]) -> str:
    """Return the ``Allow`` header of a resource whose routes have these methods."""
    names = set(methods) & set(ROUTE_METHODS)
    if "GET" in names:
        names.add("HEAD")
    return ", ".join([*sorted(names), "OPTIONS"])
