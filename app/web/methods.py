"""The methods of a resource."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Scope

ROUTE_METHODS = ("GET", "POST")
"""The methods of routes. `app.web.middleware.implied_requests` adds ``HEAD`` and ``OPTIONS``."""


def allowed(methods: Iterable[str]) -> str:
    """Return the ``Allow`` header of a resource whose routes have these methods."""
    names = set(methods) & set(ROUTE_METHODS)
    if "GET" in names:
        names.add("HEAD")
    return ", ".join([*sorted(names), "OPTIONS"])


def methods_of(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """Return the methods with which these routes answer the path of a request."""
    return {
        method
        for method in ROUTE_METHODS
        for route in routes
        if route.matches({**scope, "method": method})[0] is Match.FULL
        # Only static files are mounted.
        and (method == "GET" or not isinstance(route, Mount))
    }
