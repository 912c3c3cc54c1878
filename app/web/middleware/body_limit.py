"""How many bytes a request's body may have, and how long it may take to arrive."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import CLIENT_GONE

BYTES_PER_SECOND = 16 * 1024
"""How fast a body must arrive at least, besides the seconds that any may take."""


class BodyLimit:
    """ASGI middleware: reading a body of more than ``max_bytes`` raises a 413.

    The declared length is believed where it is too large, and what arrives is counted. A compressed
    body raises a 415: nothing is inflated, so that nothing small can become large. A body that
    takes longer than ``seconds``, and one more for each `BYTES_PER_SECOND` that arrived, raises a
    408; one whose client disconnects first, a 499.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "")
        encoding = headers.get("content-encoding", "").strip().lower()
        arrived = 0
        complete = False
        started: float | None = None

        async def limited() -> Message:
            nonlocal arrived, complete, started
            if complete:  # from now on this waits for the client to disconnect
                return await receive()
            if encoding not in ("", "identity"):
                raise HTTPException(
                    415,
                    f"The content encoding is {encoding[:100]!r}; send the body uncompressed.",
                )
            if declared.isdecimal() and _exceeds(declared, self.max_bytes):
                raise self._too_large()
            started = started or asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout_at(started + self.seconds + arrived / BYTES_PER_SECOND):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408, "The body did not arrive in time.", {"connection": "close"}
                ) from None
            if message["type"] == "http.disconnect":
                raise HTTPException(CLIENT_GONE, "The client has gone.")
            arrived += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if arrived > self.max_bytes:
                raise self._too_large()
            return message

        return await self.app(scope, limited, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413, f"The body has more than the {self.max_bytes:,} bytes that are allowed."
        )


def _exceeds(digits: str, limit: int) -> bool:
    # Python reads integers of at most 4,300 digits.
    return len(digits.lstrip("0")) > 18 or int(digits) > limit
