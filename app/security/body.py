"""How many bytes a request may have."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware: reading a body of more than ``max_bytes`` raises a 413.

    The declared length is believed where it is too large, and what arrives is counted. A compressed
    body raises a 415: nothing is inflated, so that nothing small can become large.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        encoding = headers.get("content-encoding", "").strip().lower()
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            if encoding not in ("", "identity"):
                raise HTTPException(
                    415, f"The content encoding is {encoding!r}; send the body uncompressed."
                )
            if declared.isdecimal() and int(declared) > self.max_bytes:
                raise self._too_large()
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self.max_bytes:
                raise self._too_large()
            return message

        return await self.app(scope, counted, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413, f"The body has more than the {self.max_bytes:,} bytes that are allowed."
        )
