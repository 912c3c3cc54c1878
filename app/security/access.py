"""Who may ask, and how often, where no API Gateway stands in front."""

import ipaddress
import logging
from collections.abc import Sequence

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.keys import ApiKey, Keyring, matching, parse
from app.problems import problem, respond
from app.security.rates import RateLimits, Standing
from app.settings import Settings

_logger = logging.getLogger(__name__)

OPEN = ("/", "/demo", "/docs", "/openapi.json")
"""What anyone may have: the health check, the pages, and under ``ASSETS`` what they show."""
ASSETS = "/static/"
METRICS = "/metrics"
"""What has keys of its own: who scores texts need not see how many others do."""


class Refused(Exception):
    """A request that may not go on: the status, why, and what headers say so."""

    def __init__(self, status: int, detail: str, headers: dict[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


class Access:
    """ASGI middleware: asks for a key, where there are keys, and counts requests.

    Without keys it answers anyone, and says so when the first request comes from elsewhere than
    this machine. It does not refuse: IAM, a proxy or a private network may guard it, unseen.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keyring: Keyring | None,
        rates: RateLimits | None,
        settings: Settings,
    ) -> None:
        self.app = app
        self._keyring = keyring
        self._rates = rates
        self._settings = settings
        self._metrics_keys = parse(settings.metrics_keys)
        self._said = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope):
            return await self.app(scope, receive, send)
        try:
            standing = await self._admit(scope)
        except Refused as refusal:
            found = problem(refusal.status, str(refusal))
            return await respond(scope, found, refusal.headers)(scope, receive, send)

        async def tagged(message: Message) -> None:
            if standing and message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(standing.headers())
            await send(message)

        await self.app(scope, receive, tagged)

    async def _admit(self, scope: Scope) -> Standing | None:
        """Return where the caller stands in its limit, if it has one.

        Raises:
            Refused: it has no key, a wrong one, or used up its limit.
        """
        address = _address(scope)
        # First the address, whose limit is also what slows down who guesses keys.
        standing = await self._take(self._settings.address_rate_limit, f"address {address}")
        if _path(scope) == METRICS:
            self._admit_to_metrics(scope)
        elif self._keyring:
            key = await self._known(self._keyring, Headers(scope=scope))
            scope["api_key"] = key.name
            standing = (
                await self._take(key.limit or self._settings.rate_limit, f"key {key.name}")
                or standing
            )
        elif not self._said and _is_elsewhere(scope):
            self._said = True
            _logger.warning(
                "no API keys are set, so anyone who reaches this service may use it: set "
                "SENTIMENT_API_KEYS (python -m app.keys new NAME) unless something in front asks"
            )
        return standing

    async def _known(self, keyring: Keyring, headers: Headers) -> ApiKey:
        if keyring.stale:
            await anyio.to_thread.run_sync(keyring.refresh)
        return _presented(keyring.keys, headers)

    def _admit_to_metrics(self, scope: Scope) -> None:
        if self._metrics_keys:
            _presented(self._metrics_keys, Headers(scope=scope))
        elif not _is_from_here(scope):
            raise Refused(
                403, "Without SENTIMENT_METRICS_KEYS only this machine may fetch metrics.", {}
            )

    async def _take(self, limit: str, caller: str) -> Standing | None:
        if not limit or not self._rates:
            return None
        if not (standing := await self._rates.take(limit, caller)):
            return None
        if not standing.allowed:
            raise Refused(
                429,
                f"More than {limit} are not allowed; try again in {standing.reset_seconds} s.",
                standing.headers(),
            )
        return standing


def _address(scope: Scope) -> str:
    """Return the address that the nearest hop saw; what is before it may be made up."""
    seen = scope["client"][0] if scope.get("client") else ""
    return str(seen).rpartition(",")[2].strip() or "unknown"


def _presented(keys: Sequence[ApiKey], headers: Headers) -> ApiKey:
    """Return the key that came with the request.

    Raises:
        Refused: there is none, or it is not one of these.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    presented = headers.get("x-api-key") or (bearer if scheme.lower() == "bearer" else "")
    if not presented:
        raise Refused(
            401,
            "An API key is needed, in the header x-api-key or as Authorization: Bearer.",
            {"www-authenticate": "Bearer"},
        )
    if not (key := matching(keys, presented.strip())):
        raise Refused(403, "The API key is not one of those that are valid here.", {})
    return key


def _path(scope: Scope) -> str:
    return scope["path"].removeprefix(scope.get("root_path", "")) or "/"


def _is_open(scope: Scope) -> bool:
    path = _path(scope)
    return path in OPEN or path.startswith(ASSETS)


def _is_from_here(scope: Scope) -> bool:
    """Return whether a process of this machine asks, and not for somebody behind it."""
    headers = Headers(scope=scope)
    if "x-forwarded-for" in headers or "forwarded" in headers:
        return False
    return _is_loopback(scope["client"][0] if scope.get("client") else None)


def _is_loopback(address: object) -> bool:
    """Return False, too, for what is no address: a socket's path, or a test client's name."""
    try:
        return ipaddress.ip_address(str(address)).is_loopback
    except ValueError:
        return False


def _is_elsewhere(scope: Scope) -> bool:
    """Return whether the request came from elsewhere than this machine or an API Gateway's keys."""
    if "aws.event" in scope:
        # Of the gateways, only a REST API can ask for keys itself.
        return "resource" not in scope["aws.event"]
    try:
        return not ipaddress.ip_address(scope["server"][0]).is_loopback
    except (TypeError, ValueError):  # a socket's path, or a test client's name
        return False
