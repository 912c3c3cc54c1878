"""Every error the API can return, as RFC 9457 problem details."""

import logging
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.meter import LimitExceeded
from app.scoring.batches import InvalidBatch
from app.scoring.scorer import ClientGone, Overloaded
from app.sentiment.text import InvalidText
from app.telemetry.exceptions import withheld
from app.telemetry.observation import current
from app.web import rate_limits
from app.web.methods import allowed

MEDIA_TYPE = "application/problem+json"
ID_HEADER = "x-correlation-id"
CLIENT_GONE = 499
"""What the log says of a request whose client did not wait for the answer, as nginx's does."""

_logger = logging.getLogger(__name__)


class Fault(BaseModel):
    """One thing wrong with the request's body."""

    pointer: str = Field(description="Where, as a JSON pointer: `#/text`, `#/texts/3`.")
    detail: str = Field(description="What is wrong there, and what is allowed.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field("about:blank", description="`about:blank`: the status says what it is.")
    title: str = Field(description="The name of the status.")
    status: int
    detail: str = Field(description="What was wrong, and what is allowed.")
    instance: str | None = Field(None, description="The path that was asked for.")
    correlation_id: str | None = Field(None, description="Under which the logs know the request.")
    errors: list[Fault] | None = Field(None, description="Each fault in the body, by its place.")


def problem(status: int, detail: str, faults: list[Fault] | None = None) -> Problem:
    """Return the problem without its request."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=faults)


def invalid(pointer: str, reason: str) -> Problem:
    """Return the 422 of one fault."""
    fault = Fault(pointer=pointer, detail=reason)
    return problem(422, _sentence(fault), [fault])


def _sentence(fault: Fault) -> str:
    place = fault.pointer.removeprefix("#/").removeprefix("#") or "the body"
    return f"{place}: {fault.detail.rstrip('.')}."


_ID = "6f1c9d0e4b7a4c0f9a51d2f3b8e7c604"
_USUAL = (
    problem(
        400,
        "The body is not JSON: Expecting value at line 1, column 1; only JSON in UTF-8 is allowed.",
    ),
    problem(401, "An API key is needed, in the header x-api-key or as Authorization: Bearer."),
    problem(403, "The API key is not one of those that are valid here."),
    problem(408, "The body did not arrive in time."),
    problem(413, "The body has more than the 6,291,456 bytes that are allowed."),
    problem(415, "The content type is 'text/plain'; only 'application/json' is allowed."),
    invalid("#/text", "must not be blank: at least one visible character is needed"),
    problem(429, "More than 100/minute are not allowed; try again in 12 s."),
    problem(500, "Something went wrong here; the correlation id finds it in the service's logs."),
    problem(503, "Too many requests are waiting to be scored; try again in a second."),
)
"""What the documentation shows of each error; a test holds them to what is answered."""


def documented(
    *statuses: int, at: str = "/predict", instead: Sequence[Problem] = ()
) -> dict[int | str, dict[str, Any]]:
    """Return a route's ``responses``: these errors, each with an example as this path answers it.

    ``instead``: examples of this route's own, where the usual ones are not its answers.
    """
    known = {found.status: found for found in (*_USUAL, *instead)}
    responses: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
        if status in known:
            told = known[status].model_copy(update={"instance": at, "correlation_id": _ID})
            content["example"] = told.model_dump(exclude_none=True)
        responses[status] = {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: content},
        }
    return responses


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem document."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == CLIENT_GONE:
            return _nobody()
        headers = error.headers
        if error.status_code == 405:
            headers = {"allow": allowed(Headers(headers).get("allow", "").split(", "))}
        found = problem(error.status_code, _http_detail(request, error.detail, headers))
        return respond(request.scope, found, headers)

    @app.exception_handler(ClientGone)
    async def client_gone(request: Request, error: ClientGone) -> Response:
        return _nobody()

    @app.exception_handler(LimitExceeded)
    async def limit_exceeded(request: Request, error: LimitExceeded) -> Response:
        return too_many(request.scope, error)

    @app.exception_handler(InvalidText)
    async def text(request: Request, error: InvalidText) -> Response:
        return respond(request.scope, invalid("#/text", str(error)))

    @app.exception_handler(InvalidBatch)
    async def texts(request: Request, error: InvalidBatch) -> Response:
        return respond(request.scope, invalid("#/texts", str(error)))

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        faults = [_fault(found) for found in error.errors()]
        answer = respond(request.scope, problem(422, " ".join(map(_sentence, faults)), faults))
        # Not the sentences, which name unknown fields as they were sent.
        kinds = zip(faults, error.errors(), strict=True)
        current().cause = " ".join(f"{fault.pointer}: {found['type']}." for fault, found in kinds)
        return answer

    @app.exception_handler(Overloaded)
    async def overloaded(request: Request, error: Overloaded) -> Response:
        detail = "Too many requests are waiting to be scored; try again in a second."
        return respond(request.scope, problem(503, detail), {"retry-after": "1"})


class Failures:
    """ASGI middleware: answers what nobody handled with a 500, within the other middleware.

    Starlette's own handler of such exceptions stands outside of all, so that its answers would
    lack what they add.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except (CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a library in Rust panics with what is no Exception
            if scope["type"] != "http":
                raise
            _logger.error("request %s failed", scope["correlation_id"], exc_info=error)
            if started:
                # The server must close the connection; it logs what it gets, message and all.
                raise withheld(error) from None
            detail = "Something went wrong here; the correlation id finds it in the service's logs."
            answer = respond(scope, problem(500, detail))
            current().cause = type(error).__name__
            await answer(scope, receive, send)


def respond(scope: Scope, found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the problem as the answer to this request, and note it as the cause."""
    # These show a path, a method or a header of the caller, which the logs are not to hold.
    current().cause = found.title if found.status in (404, 405, 415) else found.detail
    correlation_id = scope.get("correlation_id")
    located = found.model_copy(update={"instance": scope["path"], "correlation_id": correlation_id})
    return Response(
        located.model_dump_json(exclude_none=True),
        found.status,
        headers={**(headers or {}), **({ID_HEADER: correlation_id} if correlation_id else {})},
        media_type=MEDIA_TYPE,
    )


def too_many(scope: Scope, error: LimitExceeded) -> Response:
    """Return the 429 of a limit that is exceeded."""
    return respond(scope, problem(429, str(error)), rate_limits.refusal_headers(error))


def _nobody() -> Response:
    """Return what nobody gets."""
    current().cause = "The client has gone."
    return Response(status_code=CLIENT_GONE)


def _http_detail(request: Request, detail: str, headers: Mapping[str, str] | None) -> str:
    match request.method, detail:
        case _, "Not Found":
            return f"There is nothing at {request.url.path}; see /docs for what there is."
        case method, "Method Not Allowed":
            return f"{method[:20]} is not allowed here; allowed: {(headers or {})['allow']}."
        case _:
            return detail


def _fault(error: dict[str, Any]) -> Fault:
    path = [str(part) for part in error["loc"][1:]]
    if error["type"] == "missing" and not path:
        return Fault(pointer="#", detail="must be a JSON object; it is empty")
    return Fault(pointer="/".join(["#", *path]), detail=error["msg"])
