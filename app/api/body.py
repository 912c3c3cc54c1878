"""Request bodies: declared to be JSON, and read as every way in reads it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app import json_reader
from app.problems import UnsupportedMediaType


class _JsonRequest(Request):
    async def json(self) -> Any:
        try:
            return json_reader.read(await self.body())
        except json_reader.InvalidJson as error:
            raise HTTPException(400, f"The body {error}; only JSON in UTF-8 is allowed.") from None


class JsonRoute(APIRoute):
    """A route whose body must be declared to be JSON, and is read by `app.json_reader`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read(request: Request) -> Response:
            declared = request.headers.get("content-type", "")
            essence = declared.partition(";")[0].strip().lower()
            if essence != "application/json":
                raise UnsupportedMediaType(
                    f"The content type is {essence[:100] or 'missing'!r}; "
                    "only 'application/json' is allowed."
                )
            return await handle(_JsonRequest(request.scope, request.receive, request._send))

        return read
