"""Limits the size of request bodies, and the time to receive them."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.problems import CLIENT_GONE

BYTES_PER_SECOND = 16 * 1024
"""Minimum rate of a body, beyond the time that any body may take."""


class BodyLimit:
    """ASGI middleware: raises an `HTTPException` while a body is read.

    - 408: it takes longer than ``seconds``, plus one for each `BYTES_PER_SECOND` received
    - 413: more than ``max_bytes`` are declared or received
    - 415: it is compressed; it is not decompressed, so that a small body cannot become large
    - 499: the client disconnects
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
        received = 0
        complete = False
        started: float | None = None

        async def limited() -> Message:
            nonlocal received, complete, started
            if complete:  # from now on, this call waits until the client disconnects
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
                async with asyncio.timeout_at(started + self.seconds + received / BYTES_PER_SECOND):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408, "The body did not arrive in time.", {"connection": "close"}
                ) from None
            if message["type"] == "http.disconnect":
                raise HTTPException(CLIENT_GONE, "The client has gone.")
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self.max_bytes:
                raise self._too_large()
            return message

        return await self.app(scope, limited, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413, f"The body has more than the {self.max_bytes:,} bytes that are allowed."
        )


def _exceeds(digits: str, limit: int) -> bool:
    # Python reads integers of up to 4,300 digits.
    return len(digits.lstrip("0")) > 18 or int(digits) > limit
