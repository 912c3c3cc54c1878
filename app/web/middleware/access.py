"""API keys and rate limits, for deployments without an API Gateway in front."""

import logging
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access import credentials
from app.access.credentials import USUAL, Place
from app.access.keys import ApiKey, Keyring, match, parse
from app.access.meter import LimitExceeded, Meter
from app.access.rates import RateLimits, Standing
from app.settings import Settings
from app.telemetry.observation import current
from app.web import rate_limit_headers
from app.web.address import client_address, is_address, is_forwarded, is_loopback, network
from app.web.paths import without_prefix
from app.web.problems import problem, respond, too_many
from app.workers import QueueFull, Workers

_logger = logging.getLogger(__name__)

PUBLIC_PATHS = ("/", "/demo", "/docs", "/openapi.json")
"""Paths that need no API key, besides those below ``ASSETS``: health check and pages."""
ASSETS = "/static/"
METRICS = "/metrics"
"""The path with API keys of its own, as callers need not see the metrics of others."""
_REFRESH_SECONDS = 5.0
"""How long a request waits until keys are read again, before it uses the previous ones."""


async def count_texts(scope: Scope, count: int) -> None:
    """Count the texts of a request against the caller's rate limits, before they are scored.

    Raises:
        LimitExceeded: a limit has fewer texts left.
    """
    meter: Meter | None = scope.get("meter")
    if meter and count:
        await meter.take("text", count)


class Access:
    """ASGI middleware: checks API keys, if any are configured, and applies rate limits.

    Without keys, all requests are accepted, and the first one from another machine is logged with a
    warning. It is not rejected, as IAM, a proxy or a private network may protect the service.
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
        self._refreshing = Workers("keys", threads=1, max_pending=1, seconds=_REFRESH_SECONDS)
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_public(scope):
            return await self.app(scope, receive, send)
        try:
            standing = await self._admit(scope)
        except LimitExceeded as error:
            return await too_many(scope, error)(scope, receive, send)
        except HTTPException as refusal:
            document = problem(refusal.status_code, refusal.detail)
            return await respond(scope, document, refusal.headers)(scope, receive, send)

        client_has_gone = False

        async def send_with_headers(message: Message) -> None:
            nonlocal client_has_gone
            if message["type"] == "http.response.start":
                client_has_gone = message["status"] == 499
                headers = MutableHeaders(scope=message)
                # A 429 has those of the limit that it names.
                if standing and "RateLimit-Limit" not in headers:
                    headers.update(rate_limit_headers.headers(standing))
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            observation = current()
            # A client that has gone before its answer pays for what was computed until then.
            if client_has_gone:
                tokens = observation.computed_tokens
            else:
                tokens = observation.tokens + observation.variant_tokens
            if tokens and (meter := scope.get("meter")):
                await meter.add("token", tokens)

    async def _admit(self, scope: Scope) -> Standing | None:
        """Return the caller's standing in its rate limit, None if it has none.

        Raises:
            HTTPException: the API key is missing or invalid.
            LimitExceeded: a rate limit is used up.
        """
        settings = self._settings
        meter = scope["meter"] = Meter(self._rates) if self._rates else None
        standing = None
        if meter and settings.address_rate_limit:
            # The address comes first, so that its limit also applies to requests with invalid keys.
            address = client_address(scope, settings.trusted_proxies or 0)
            caller = f"address {network(address, settings.address_ipv6_prefix)}"
            standing = await meter.admit(settings.address_rate_limit, caller)
        if _path(scope) == METRICS:
            self._admit_to_metrics(scope)
        elif self._keyring:
            key = await self._authenticate(self._keyring, scope)
            scope["api_key"] = key.name
            if meter and (limit := key.limit or settings.rate_limit):
                standing = await meter.admit(limit, f"key {key.name}") or standing
        elif not self._warned and _is_elsewhere(scope):
            self._warned = True
            _logger.warning(
                "no API keys are set, so anyone who can reach this service may use it: set "
                "SENTIMENT_API_KEYS (sentiment keys new NAME) unless something in front of it "
                "checks callers"
            )
        return standing

    async def _authenticate(self, keyring: Keyring, scope: Scope) -> ApiKey:
        if keyring.stale:
            try:
                await self._refreshing.run(keyring.refresh)
            except QueueFull:  # another request reads them
                pass
            except TimeoutError:
                _logger.error(
                    "the API keys were not read again in time; the previous ones are valid"
                )
        dialect = scope.get("dialect")
        return _matching_key(keyring.keys, scope, dialect.places if dialect else USUAL)

    def _admit_to_metrics(self, scope: Scope) -> None:
        """Check the API key for metrics; without such keys, admit local processes only.

        A proxy on this machine looks like a local process, so the settings must state that there is
        none.

        Raises:
            HTTPException: the key is missing or invalid, or the request is not local.
        """
        if self._metrics_keys:
            _matching_key(self._metrics_keys, scope)
            return
        local = scope.get("client") and is_loopback(scope["client"][0])
        if self._settings.trusted_proxies != 0 or is_forwarded(scope) or not local:
            raise HTTPException(
                403,
                "Metrics need a key of SENTIMENT_METRICS_KEYS. If SENTIMENT_TRUSTED_PROXIES is 0, "
                "local processes need none.",
            )


def _matching_key(keys: Sequence[ApiKey], scope: Scope, places: Sequence[Place] = USUAL) -> ApiKey:
    """Return the API key of a request.

    Raises:
        HTTPException: it is missing (401) or not one of these (403).
    """
    secret = credentials.read(places, Headers(scope=scope), scope["query_string"])
    if not secret:
        raise HTTPException(
            401,
            f"An API key is needed, {credentials.describe(places)}.",
            {"www-authenticate": "Bearer"},
        )
    if not (key := match(keys, secret)):
        raise HTTPException(403, "The API key is invalid.")
    return key


def _path(scope: Scope) -> str:
    return without_prefix(scope.get("root_path", ""), scope["path"])


def _is_public(scope: Scope) -> bool:
    path = _path(scope)
    return "dialect" not in scope and (path in PUBLIC_PATHS or path.startswith(ASSETS))


def _is_elsewhere(scope: Scope) -> bool:
    """Return whether a request came from another machine, and not through a REST API."""
    if "aws.event" in scope:
        # Only this kind of gateway can check keys itself.
        return "resource" not in scope["aws.event"]
    server = scope["server"][0] if scope.get("server") else None
    return is_address(server) and not is_loopback(server)
