"""Reports each request to telemetry."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry.observation import Observation, observing
from app.telemetry.reporting import Telemetry
from app.web.problems import CLIENT_GONE

HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


def method_of(scope: Scope) -> str:
    """Return a request's method if HTTP defines it; a client may send any word instead."""
    return scope["method"] if scope["method"] in HTTP_METHODS else "other"


def route_of(scope: Scope) -> str:
    """Return the template of a request's path; the path itself may hold anything."""
    return getattr(scope.get("route"), "path", None) or "other"


class RequestObserver:
    """ASGI middleware: observes each request, from its arrival to the last byte of its response."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self.app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        observation = Observation(scope["correlation_id"])
        responded = disconnected = False

        async def observed_receive() -> Message:
            nonlocal disconnected
            message = await receive()
            if message["type"] == "http.disconnect" and not responded:
                disconnected = True
            return message

        async def observed_send(message: Message) -> None:
            nonlocal responded
            if message["type"] == "http.response.start":
                responded = True
                observation.status = message["status"]
            await send(message)

        try:
            with observing(observation):
                await self.app(scope, observed_receive, observed_send)
        except BaseException as error:
            observation.cause = type(error).__name__
            raise
        finally:
            if disconnected:
                observation.status = CLIENT_GONE
            self._telemetry.request(
                observation,
                method=method_of(scope),
                route=route_of(scope),
                api_key=scope.get("api_key"),
            )
