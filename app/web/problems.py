"""The errors of the API, as problem documents (RFC 9457)."""

import logging
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.meter import LimitExceeded
from app.scoring.batches import InvalidBatch
from app.scoring.options import InvalidOption
from app.scoring.scorer import ClientGone, OutOfTime, Overloaded
from app.sentiment.text import InvalidText
from app.telemetry.exceptions import redacted
from app.telemetry.observation import current
from app.web import rate_limit_headers
from app.web.methods import allowed, methods_of

MEDIA_TYPE = "application/problem+json"
ID_HEADER = "x-correlation-id"
CLIENT_GONE = 499
"""The logged status of a request whose client disconnected, as nginx has it."""

_logger = logging.getLogger(__name__)


class Fault(BaseModel):
    """One fault in a request body."""

    pointer: str = Field(
        description="The location as a JSON pointer, such as `#/text` or `#/texts/3`."
    )
    detail: str = Field(description="What is wrong and what is allowed.")


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field("about:blank", description="Always `about:blank`: the status is the type.")
    title: str = Field(description="The name of the status code.")
    status: int
    detail: str = Field(description="What was wrong and what is allowed.")
    instance: str | None = Field(None, description="The path of the request.")
    correlation_id: str | None = Field(None, description="The id of the request in the logs.")
    errors: list[Fault] | None = Field(None, description="The faults in the request body.")


class Refused(Exception):
    """A request that a dialect refuses.

    ``code``: an error code of the dialect; None for the usual one of the status.
    """

    def __init__(self, status: int, detail: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.problem = problem(status, detail)
        self.code = code


def problem(status: int, detail: str, faults: list[Fault] | None = None) -> Problem:
    """Return a problem document without the fields of the request."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=faults)


def invalid(pointer: str, reason: str) -> Problem:
    """Return the problem document of a single fault in the body (422)."""
    fault = Fault(pointer=pointer, detail=reason)
    return problem(422, _sentence(fault), [fault])


def _sentence(fault: Fault) -> str:
    location = fault.pointer.removeprefix("#/").removeprefix("#") or "the body"
    return f"{location}: {fault.detail.rstrip('.')}."


_EXAMPLE_ID = "6f1c9d0e4b7a4c0f9a51d2f3b8e7c604"
_EXAMPLES = (
    problem(
        400,
        "The body is not JSON: Expecting value at line 1, column 1; only JSON in UTF-8 is allowed.",
    ),
    problem(401, "An API key is needed, in the header x-api-key or as Authorization: Bearer."),
    problem(403, "The API key is invalid."),
    problem(408, "The body did not arrive in time."),
    problem(413, "The body has more than the 6,291,456 bytes that are allowed."),
    problem(415, "The content type is 'text/plain'; only 'application/json' is allowed."),
    invalid("#/text", "must not be blank: at least one visible character is needed"),
    problem(429, "More than 100/minute are not allowed; try again in 12 s."),
    problem(500, "Internal error; search the service's logs for the correlation id."),
    problem(503, "Too many requests are waiting to be scored; try again in a second."),
)
"""The documentation's example of each error; a test compares them with real responses."""


def error_responses(
    *statuses: int, path: str = "/predict", examples: Sequence[Problem] = ()
) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route for these statuses, each with an example.

    ``examples``: of this route, in place of the general ones.
    """
    by_status = {example.status: example for example in (*_EXAMPLES, *examples)}
    responses: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
        if status in by_status:
            request = {"instance": path, "correlation_id": _EXAMPLE_ID}
            example = by_status[status].model_copy(update=request)
            content["example"] = example.model_dump(exclude_none=True)
        responses[status] = {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: content},
        }
    return responses


def install(app: FastAPI) -> None:
    """Return a problem document for each exception of the application."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == CLIENT_GONE:
            return _client_gone()
        headers = error.headers
        if error.status_code == 405:
            headers = {"allow": allowed(methods_of(request.app.routes, request.scope))}
        detail = _http_detail(request, error.detail, headers)
        return respond(request.scope, problem(error.status_code, detail), headers)

    @app.exception_handler(ClientGone)
    async def client_gone(request: Request, error: ClientGone) -> Response:
        return _client_gone()

    @app.exception_handler(LimitExceeded)
    async def limit_exceeded(request: Request, error: LimitExceeded) -> Response:
        return too_many(request.scope, error)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return respond(request.scope, error.problem, code=error.code)

    @app.exception_handler(InvalidText)
    async def text(request: Request, error: InvalidText) -> Response:
        return respond(request.scope, invalid("#/text", str(error)))

    @app.exception_handler(InvalidBatch)
    async def texts(request: Request, error: InvalidBatch) -> Response:
        return respond(request.scope, invalid("#/texts", str(error)))

    @app.exception_handler(InvalidOption)
    async def option(request: Request, error: InvalidOption) -> Response:
        return respond(request.scope, invalid(f"#/{error.field}", str(error)))

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        faults = [_fault(each) for each in error.errors()]
        response = respond(request.scope, problem(422, " ".join(map(_sentence, faults)), faults))
        # Not the detail: it contains the names of unknown fields as they were sent.
        types = [each["type"] for each in error.errors()]
        current().cause = " ".join(
            f"{fault.pointer}: {type_}." for fault, type_ in zip(faults, types, strict=True)
        )
        return response

    @app.exception_handler(Overloaded)
    async def overloaded(request: Request, error: Overloaded) -> Response:
        detail = "Too many requests are waiting to be scored; try again in a second."
        return respond(request.scope, problem(503, detail), {"retry-after": "1"})

    @app.exception_handler(OutOfTime)
    async def out_of_time(request: Request, error: OutOfTime) -> Response:
        detail = "No time was left to start the explanation; try again in a second."
        return respond(request.scope, problem(503, detail), {"retry-after": "1"})


class InternalErrors:
    """ASGI middleware: responds to unhandled exceptions with a 500, inside the other middleware.

    Starlette's own handler is outside of all middleware, so its responses would lack their headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def observed_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        except (CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of a library in Rust is not an Exception
            if scope["type"] != "http":
                raise
            _logger.error("request %s failed", scope["correlation_id"], exc_info=error)
            if started:
                # The server must close the connection, and logs the message of what it receives.
                raise redacted(error) from None
            detail = "Internal error; search the service's logs for the correlation id."
            response = respond(scope, problem(500, detail))
            current().cause = type(error).__name__
            await response(scope, receive, send)


def respond(
    scope: Scope,
    document: Problem,
    headers: Mapping[str, str] | None = None,
    code: str | None = None,
) -> Response:
    """Return the response to a request with a problem, which is logged as its cause.

    If the request is in a dialect, the response is too; ``code`` is then that of a `Refused`.
    """
    # The details of these quote a path, a method or a header of the request.
    quotes_request = document.status in (404, 405, 415)
    current().cause = document.title if quotes_request else document.detail
    correlation_id = scope.get("correlation_id")
    response: Response
    if dialect := scope.get("dialect"):
        response = dialect.refusal(document, code)
    else:
        request = {"instance": scope["path"], "correlation_id": correlation_id}
        response = Response(
            document.model_copy(update=request).model_dump_json(exclude_none=True),
            document.status,
            media_type=MEDIA_TYPE,
        )
    response.headers.update(headers or {})
    if correlation_id:
        response.headers[ID_HEADER] = correlation_id
    return response


def too_many(scope: Scope, error: LimitExceeded) -> Response:
    """Return the response to a request that exceeds a rate limit (429)."""
    return respond(scope, problem(429, str(error)), rate_limit_headers.refusal_headers(error))


def _client_gone() -> Response:
    """Return a response that is logged and not received by anyone."""
    current().cause = "The client has gone."
    return Response(status_code=CLIENT_GONE)


def _http_detail(request: Request, detail: str, headers: Mapping[str, str] | None) -> str:
    match request.method, detail:
        case _, "Not Found":
            return f"There is no route {request.url.path}; /docs lists the routes."
        case method, "Method Not Allowed":
            return f"{method[:20]} is not allowed here; allowed: {(headers or {})['allow']}."
        case _:
            return detail


def _fault(error: dict[str, Any]) -> Fault:
    path = [str(part) for part in error["loc"][1:]]
    if error["type"] == "missing" and not path:
        return Fault(pointer="#", detail="must be a JSON object; it is empty")
    return Fault(pointer="/".join(["#", *path]), detail=error["msg"])
