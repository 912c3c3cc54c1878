"""The protocols of other sentiment services, whose clients work here with another address and key.

`DIALECTS` lists them. The module of a dialect is imported by its first request, so that a cold
start does not pay for it. It defines:

- ``router``: an `APIRouter` with an operation for each of the dialect's paths
- ``refusal(problem, code) -> Response``: an error in the dialect's own shape; ``code`` is that of
  an exception `app.web.problems.Refused`, and None for all other errors
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import ModuleType

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from app.access.credentials import (
    BEARER,
    SIGNATURE,
    USUAL,
    X_API_KEY,
    Place,
    header,
    parameter,
)
from app.settings import Settings
from app.web.paths import without_prefix
from app.web.problems import Problem


class Dialect:
    """A protocol.

    Args:
        name: in `SENTIMENT_DIALECTS`, and of the module.
        paths: that receive its ``POST`` requests, as Starlette writes them.
        places: where its clients put the API key, in the order of precedence.
        matches: whether a request to one of the paths is the dialect's, by its headers; two
            dialects may share a path.
    """

    def __init__(
        self,
        name: str,
        paths: Sequence[str],
        *,
        places: Sequence[Place] = USUAL,
        matches: Callable[[Mapping[bytes, bytes]], bool] = lambda headers: True,
    ) -> None:
        self.name = name
        self.paths = paths
        self.places = places
        self.matches = matches

    @cached_property
    def module(self) -> ModuleType:
        """The module that implements it."""
        return importlib.import_module(f"{__name__}.{self.name}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to one of the paths."""
        await self.module.router(scope, receive, send)

    def refusal(self, problem: Problem, code: str | None) -> Response:
        """Return an error in the dialect's shape."""
        response: Response = self.module.refusal(problem, code)
        return response


def _is_aws_json(headers: Mapping[bytes, bytes]) -> bool:
    return b"x-amz-target" in headers or headers.get(b"content-type", b"").startswith(
        b"application/x-amz-json"
    )


DIALECTS: tuple[Dialect, ...] = (
    Dialect("comprehend", ["/"], places=(X_API_KEY, SIGNATURE, BEARER), matches=_is_aws_json),
    Dialect("huggingface", ["/", "/models/{model:path}", "/hf-inference/models/{model:path}"]),
    Dialect("tei", []),  # shares /predict, where the body tells it from the service's own requests
    Dialect("vllm", ["/classify"]),
    Dialect(
        "azure",
        ["/language/:analyze-text", "/language/analyze-text/jobs"],
        places=(X_API_KEY, header("Ocp-Apim-Subscription-Key"), BEARER),
    ),
    Dialect(
        "google",
        [
            "/v1/documents:analyzeSentiment",
            "/v2/documents:analyzeSentiment",
            "/v1/documents:{method}",
            "/v2/documents:{method}",
        ],
        places=(X_API_KEY, header("x-goog-api-key"), parameter("key"), BEARER),
    ),
)
"""All dialects. Of those that share a path, the first that matches answers."""


def enabled(settings: Settings) -> list[Dialect]:
    """Return the dialects that the settings switch on."""
    return [dialect for dialect in DIALECTS if dialect.name in settings.dialects]


class DialectRoute(BaseRoute):
    """A route of a dialect, for ``POST``. Its path may end with a parameter.

    Not a `Route` of Starlette, which compiles a regular expression for each path: a cold start
    would take milliseconds longer.
    """

    def __init__(self, dialect: Dialect, path: str) -> None:
        self.dialect = dialect
        self.path = path
        self._prefix, _, self._parameter = path.partition("{")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path = without_prefix(scope.get("root_path", ""), scope["path"])
        if not (self._matches_path(path) and self.dialect.matches(dict(scope["headers"]))):
            return Match.NONE, {}
        if scope["method"] != "POST":
            return Match.PARTIAL, {"route": self}
        return Match.FULL, {"route": self, "dialect": self.dialect}

    def _matches_path(self, path: str) -> bool:
        if not self._parameter:
            return path == self._prefix
        value = path.removeprefix(self._prefix)
        return value not in ("", path) and ("/" not in value or self._parameter.endswith(":path}"))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise HTTPException(405)
        await self.dialect(scope, receive, send)


def routes(dialects: Sequence[Dialect]) -> list[DialectRoute]:
    """Return the routes of dialects, in the order in which they are tried."""
    return [DialectRoute(dialect, path) for dialect in dialects for path in dialect.paths]
