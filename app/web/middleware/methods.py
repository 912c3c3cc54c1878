"""Requests that no route of its own answers: ``HEAD``, ``OPTIONS``, a slash too many."""

from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.methods import METHODS, allowed
from app.web.paths import behind


class Requests:
    """ASGI middleware: answers ``HEAD`` as ``GET`` without the body, and ``OPTIONS`` by itself.

    A slash at a path's end is ignored. ``routes``: the application's.
    """

    def __init__(self, app: ASGIApp, *, routes: list[BaseRoute]) -> None:
        self.app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        root, path = scope.get("root_path", ""), scope["path"]
        method = scope["method"]
        slash = path.endswith("/") and behind(root, path) != "/"
        if method not in ("HEAD", "OPTIONS") and not slash:
            return await self.app(scope, receive, send)
        # A copy: the server looks into its own to know whether an answer has a body.
        inner = {**scope, "method": "GET" if method == "HEAD" else method}
        if slash:
            inner["path"] = path.rstrip("/") or "/"
            inner["slash"] = True
        if method == "OPTIONS" and (methods := self._methods(inner)):
            answer = Response(status_code=204, headers={"allow": allowed(methods)})
            return await answer(scope, receive, send)

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                if message.get("more_body", False):
                    return
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            await self.app(inner, receive, without_body if method == "HEAD" else send)
        finally:
            # What the log says of a request.
            scope.update({name: inner[name] for name in ("route", "api_key") if name in inner})

    def _methods(self, scope: Scope) -> set[str]:
        if behind(scope.get("root_path", ""), scope["path"]) == "*":
            return set(METHODS)  # of the server as a whole
        return {
            method
            for method in METHODS
            for route in self._routes
            if route.matches({**scope, "method": method})[0] is Match.FULL
            # What is mounted are files.
            and (method == "GET" or not isinstance(route, Mount))
        }
