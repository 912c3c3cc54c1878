"""Recognises requests in the protocol of another service."""

from collections import defaultdict
from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from app.web.paths import without_prefix


class DialectOfRequest:
    """ASGI middleware: puts the ``dialect`` of a request in its scope, if it is in one.

    The middleware inside can then read the API key where the dialect has it, and refuse the request
    in the dialect's own shape.

    ``routes``: paths and routes of all dialects; a match adds the ``dialect`` to its scope.
    """

    def __init__(self, app: ASGIApp, *, routes: Sequence[tuple[str, BaseRoute]]) -> None:
        self.app = app
        self._routes: dict[str, list[BaseRoute]] = defaultdict(list)
        for path, route in routes:
            self._routes[_first_segment(path)].append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path = without_prefix(scope.get("root_path", ""), scope["path"])
            for route in self._routes.get(_first_segment(path), ()):
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    scope["dialect"] = child_scope["dialect"]
                    break
        await self.app(scope, receive, send)


def _first_segment(path: str) -> str:
    return path.split("/", 2)[1] if "/" in path else path
