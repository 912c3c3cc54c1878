"""Requests without a route of their own: ``HEAD``, ``OPTIONS``, and paths with a trailing slash."""

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.methods import ROUTE_METHODS, allowed, methods_of
from app.web.paths import without_prefix


class ImpliedRequests:
    """ASGI middleware: handles ``HEAD`` as ``GET`` without a body, and responds to ``OPTIONS``.

    A trailing slash of a path is ignored. ``routes``: those of the application.
    """

    def __init__(self, app: ASGIApp, *, routes: list[BaseRoute]) -> None:
        self.app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        root, path = scope.get("root_path", ""), scope["path"]
        method = scope["method"]
        slash = path.endswith("/") and without_prefix(root, path) != "/"
        if method not in ("HEAD", "OPTIONS") and not slash:
            return await self.app(scope, receive, send)
        # A copy, because the server reads the method in its scope to omit the body.
        inner = {**scope, "method": "GET" if method == "HEAD" else method}
        if slash:
            inner["path"] = path.rstrip("/") or "/"
            inner["slash"] = True
        if method == "OPTIONS" and (methods := self._methods(inner)):
            response = Response(status_code=204, headers={"allow": allowed(methods)})
            return await response(scope, receive, send)

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            await self.app(inner, receive, send_without_body if method == "HEAD" else send)
        finally:
            # For the log.
            scope.update({name: inner[name] for name in ("route", "api_key") if name in inner})

    def _methods(self, scope: Scope) -> set[str]:
        if without_prefix(scope.get("root_path", ""), scope["path"]) == "*":
            return set(ROUTE_METHODS)  # the server as a whole
        return methods_of(self._routes, scope)
