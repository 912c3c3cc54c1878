"""Who may ask, and how often, where no API Gateway stands in front."""

import logging
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.keys import ApiKey, Keyring, matching, parse
from app.access.meter import LimitExceeded, Meter
from app.access.rates import RateLimits, Standing
from app.scoring.workers import Full, Workers
from app.settings import Settings
from app.telemetry.observation import current
from app.web import rate_limits
from app.web.address import client_address, is_address, is_forwarded, is_loopback, network
from app.web.paths import behind
from app.web.problems import problem, respond, too_many

_logger = logging.getLogger(__name__)

OPEN = ("/", "/demo", "/docs", "/openapi.json")
"""What anyone may have: the health check, the pages, and under ``ASSETS`` what they show."""
ASSETS = "/static/"
METRICS = "/metrics"
"""What has keys of its own: who scores texts need not see how many others do."""
_REFRESH_SECONDS = 5.0
"""How long a request waits for keys to be read again; then it goes on with those that are known."""


async def take_texts(scope: Scope, count: int) -> None:
    """Count the texts of a request, before they are scored.

    Raises:
        LimitExceeded: the caller's limit has fewer left.
    """
    meter: Meter | None = scope.get("meter")
    if meter and count:
        await meter.take("text", count)


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
        self._refreshing = Workers("keys", threads=1, max_pending=1, seconds=_REFRESH_SECONDS)
        self._said = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope):
            return await self.app(scope, receive, send)
        try:
            standing = await self._admit(scope)
        except LimitExceeded as error:
            return await too_many(scope, error)(scope, receive, send)
        except HTTPException as refusal:
            found = problem(refusal.status_code, refusal.detail)
            return await respond(scope, found, refusal.headers)(scope, receive, send)

        async def tagged(message: Message) -> None:
            if standing and message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "RateLimit-Limit" not in headers:  # a refusal has those of the limit it names
                    headers.update(rate_limits.headers(standing))
            await send(message)

        try:
            await self.app(scope, receive, tagged)
        finally:
            seen = current()
            tokens = seen.tokens + seen.variant_tokens
            if tokens and (meter := scope.get("meter")):
                await meter.add("token", tokens)

    async def _admit(self, scope: Scope) -> Standing | None:
        """Return where the caller stands in its limit, if it has one.

        Raises:
            HTTPException: it has no key or a wrong one.
            LimitExceeded: it used up its limit.
        """
        settings = self._settings
        meter = scope["meter"] = Meter(self._rates) if self._rates else None
        standing = None
        if meter and settings.address_rate_limit:
            # First the address, whose limit is also what slows down who guesses keys.
            address = client_address(scope, settings.trusted_proxies or 0)
            caller = f"address {network(address, settings.address_ipv6_prefix)}"
            standing = await meter.admit(settings.address_rate_limit, caller)
        if _path(scope) == METRICS:
            self._admit_to_metrics(scope)
        elif self._keyring:
            key = await self._known(self._keyring, Headers(scope=scope))
            scope["api_key"] = key.name
            if meter and (limit := key.limit or settings.rate_limit):
                standing = await meter.admit(limit, f"key {key.name}") or standing
        elif not self._said and _is_elsewhere(scope):
            self._said = True
            _logger.warning(
                "no API keys are set, so anyone who reaches this service may use it: set "
                "SENTIMENT_API_KEYS (python -m app.keys new NAME) unless something in front asks"
            )
        return standing

    async def _known(self, keyring: Keyring, headers: Headers) -> ApiKey:
        if keyring.stale:
            try:
                await self._refreshing.run(keyring.refresh)
            except Full:  # another request has them read again
                pass
            except TimeoutError:
                _logger.error("the API keys were not read again in time and stay as they were")
        return _presented(keyring.keys, headers)

    def _admit_to_metrics(self, scope: Scope) -> None:
        """Ask for a key, or make sure that a process of this machine asks, for itself.

        A proxy on this machine cannot be told from such a process: that there is none must be said.
        """
        if self._metrics_keys:
            _presented(self._metrics_keys, Headers(scope=scope))
            return
        local = scope.get("client") and is_loopback(scope["client"][0])
        if self._settings.trusted_proxies != 0 or is_forwarded(scope) or not local:
            raise HTTPException(
                403,
                "Metrics need a key of SENTIMENT_METRICS_KEYS; or, where SENTIMENT_TRUSTED_PROXIES "
                "is set to 0, to be fetched from this machine.",
            )


def _presented(keys: Sequence[ApiKey], headers: Headers) -> ApiKey:
    """Return the key that came with the request.

    Raises:
        HTTPException: there is none, or it is not one of these.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    presented = headers.get("x-api-key") or (bearer if scheme.lower() == "bearer" else "")
    if not presented:
        raise HTTPException(
            401,
            "An API key is needed, in the header x-api-key or as Authorization: Bearer.",
            {"www-authenticate": "Bearer"},
        )
    if not (key := matching(keys, presented.strip())):
        raise HTTPException(403, "The API key is not one of those that are valid here.")
    return key


def _path(scope: Scope) -> str:
    return behind(scope.get("root_path", ""), scope["path"])


def _is_open(scope: Scope) -> bool:
    path = _path(scope)
    return path in OPEN or path.startswith(ASSETS)


def _is_elsewhere(scope: Scope) -> bool:
    """Return whether the request came from elsewhere than this machine or an API Gateway's keys."""
    if "aws.event" in scope:
        # Of the gateways, only a REST API can ask for keys itself.
        return "resource" not in scope["aws.event"]
    server = scope["server"][0] if scope.get("server") else None
    return is_address(server) and not is_loopback(server)
