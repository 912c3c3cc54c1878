"""Reads JSON request bodies with `app.json_reader`."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app import json_reader
from app.scoring.scorer import Scorer
from app.web.disconnects import disconnected

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

MAX_VALUES = 10_000
"""Maximum values of a body besides the texts of a batch; a million take seconds to create."""


class JsonRequest(Request):
    """A request whose body is read before FastAPI reads it.

    FastAPI reports any exception that occurs while it reads a body as malformed JSON.
    """

    async def read(self) -> None:
        """Read the body; a large one in a thread.

        Raises:
            ClientGone: the client disconnected.
            HTTPException: 400, the body is not JSON or holds too many values.
            Overloaded: too many large bodies are being read already.
        """
        body = await self.body()
        scorer: Scorer = self.app.state.scorer
        max_values = MAX_VALUES + scorer.settings.max_batch_texts
        try:
            self._value = body and await scorer.read(
                lambda: json_reader.read(body, max_values=max_values),
                len(body),
                partial(disconnected, self.receive),
            )
        except json_reader.InvalidJson as error:
            raise HTTPException(400, f"The body {error}; only JSON in UTF-8 is allowed.") from None

    async def json(self) -> Any:
        return self._value


class JsonRoute(APIRoute):
    """A route that requires the content type ``application/json``."""

    any_type = False
    """Whether the body is read as JSON whatever its content type."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def read(request: Request) -> Response:
            declared = request.headers.get("content-type", "")
            essence = declared.partition(";")[0].strip().lower()
            scope = request.scope
            if essence != "application/json":
                if not self.any_type:
                    raise HTTPException(
                        415,
                        f"The content type is {essence[:100] or 'missing'!r}; "
                        "only 'application/json' is allowed.",
                    )
                scope = _declared_as_json(scope)  # FastAPI would not read it otherwise
            json_request = JsonRequest(scope, request.receive, request._send)
            await json_request.read()
            return await self.respond(json_request, handle)

        return read

    async def respond(self, request: JsonRequest, handle: Handler) -> Response:
        """Return the response to a request; ``handle`` validates it and calls the endpoint."""
        return await handle(request)


class AnyTypeJsonRoute(JsonRoute):
    """A route that reads any body as JSON, because other services' clients declare other types."""

    any_type = True


def _declared_as_json(scope: Scope) -> Scope:
    others = [header for header in scope["headers"] if header[0] != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", b"application/json")]}
