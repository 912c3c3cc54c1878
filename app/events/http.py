"""HTTP requests from a REST API, an HTTP API, a function URL or an ALB, handled by Mangum."""

from typing import Any
from urllib.parse import unquote

from mangum import Mangum
from starlette.types import ASGIApp, Receive, Scope, Send

from app.events import Event
from app.web.paths import without_prefix
from app.web.problems import MEDIA_TYPE

_GREEDY = "{proxy+}"
_HEADERS = ("headers", "multiValueHeaders")


def public_paths(event: Event) -> tuple[str, str]:
    """Return ``(root_path, path)``: the prefix of the public path, and the rest of it.

    The prefix is a stage, or the base path of a custom domain. A REST API includes its stage in the
    path in ``requestContext`` only; the others leave any prefix in the path. The matched route
    separates the two parts or, if a single route matches everything, the stage. A load balancer
    leaves the path percent-encoded, and a REST API that in ``requestContext``.
    """
    context = event["requestContext"]
    if "http" in context:
        public_path = context["http"]["path"]
        route = event.get("routeKey", "").partition(" ")[2]
    else:
        public_path = unquote(context.get("path") or event["path"] or "/")
        route = event.get("resource", "")
    if _GREEDY in route:
        route = route.replace(_GREEDY, (event.get("pathParameters") or {}).get("proxy", ""))
    if route.startswith("/") and "{" not in route:
        path = route
    else:
        stage = context.get("stage")
        path = public_path
        if stage not in (None, "", "$default"):
            path = without_prefix(f"/{stage}", public_path)
    root_path = public_path.removesuffix("/").removesuffix(path.removesuffix("/"))
    return root_path, path


class _BehindPrefix:
    """ASGI middleware that sets ``root_path`` to the prefix of the public path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root_path, path = public_paths(scope["aws.event"])
        await self.app({**scope, "root_path": root_path, "path": root_path + path}, receive, send)


class Http:
    """HTTP requests, which the web application answers."""

    name = "HTTP"
    shape = "requests of a REST API, an HTTP API, a function URL or an ALB"
    observes_itself = True

    def __init__(self, app: ASGIApp) -> None:
        # With lifespan "auto" the application would start up and shut down in each invocation.
        # Text types are answered without base64, which not every gateway decodes.
        self._mangum = Mangum(
            _BehindPrefix(app),
            lifespan="off",
            text_mime_types=[
                "text/",
                "application/json",
                "application/x-amz-json-1.1",
                "application/javascript",
                "image/svg+xml",
                MEDIA_TYPE,
            ],
        )

    def matches(self, event: Event) -> bool:
        context = event.get("requestContext")
        if not isinstance(context, dict):
            return False
        if "http" in context:
            return event.get("version") == "2.0"
        is_proxy_event = "elb" in context or "resource" in event or "version" in event
        return is_proxy_event and "httpMethod" in event and "path" in event

    def handle(self, event: Event, context: Any) -> Any:
        # The console of a REST API sends null for no headers; Mangum expects a mapping.
        headers = {name: event[name] or {} for name in _HEADERS if name in event}
        return self._mangum({**event, **headers}, context)
