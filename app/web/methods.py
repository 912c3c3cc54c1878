"""Which methods a resource has, by those that its routes answer."""

from collections.abc import Iterable

METHODS = ("GET", "POST")
"""What routes answer; `app.web.middleware.methods` makes the others of these."""


def allowed(methods: Iterable[str]) -> str:
    """Return the ``Allow`` header of a resource whose routes answer these methods."""
    found = set(methods) & set(METHODS)
    return ", ".join([*sorted(found | ({"HEAD"} if "GET" in found else set())), "OPTIONS"])
