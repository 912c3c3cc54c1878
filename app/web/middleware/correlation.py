"""The correlation id of a request."""

import re
import uuid
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import ID_HEADER

ID_HEADERS = (ID_HEADER, "x-request-id", "x-amzn-trace-id", "traceparent")
"""Headers in which a caller or a proxy may send an id, in order of precedence."""

_ACCEPTABLE = re.compile(r"[\w.:;=@/+-]{1,128}", re.ASCII)


def correlation_id(headers: Mapping[str, str]) -> str:
    """Return the id in the headers, or a new one."""
    for name in ID_HEADERS:
        value = headers.get(name, "")
        if _ACCEPTABLE.fullmatch(value):
            return value
    return uuid.uuid4().hex


class CorrelationId:
    """ASGI middleware: puts ``correlation_id`` in the scope and in the response's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        id = scope["correlation_id"] = correlation_id(Headers(scope=scope))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[ID_HEADER] = id
            await send(message)

        await self.app(scope, receive, send_with_id)
