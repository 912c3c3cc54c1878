"""HTTP through Mangum: REST API, HTTP API, Function URL and ALB events."""

from typing import Any

from mangum import Mangum
from starlette.types import ASGIApp, Receive, Scope, Send

from app.events import Event
from app.web.paths import behind
from app.web.problems import MEDIA_TYPE

_GREEDY = "{proxy+}"
_HEADERS = ("headers", "multiValueHeaders")


def public_paths(event: Event) -> tuple[str, str]:
    """Return ``(root_path, path)``: the prefix that the caller sees, and the path behind it.

    The prefix is a stage or a custom domain's base path. A REST API puts its stage in front of the
    path in ``requestContext`` alone; the others leave in the path whatever prefix there is. What
    tells the two parts is the route that matched or, where one route takes all, the stage.
    """
    context = event["requestContext"]
    if "http" in context:
        seen = context["http"]["path"]
        route = event.get("routeKey", "").partition(" ")[2]
    else:
        seen = context.get("path") or event["path"] or "/"
        route = event.get("resource", "")
    if _GREEDY in route:
        route = route.replace(_GREEDY, (event.get("pathParameters") or {}).get("proxy", ""))
    if route.startswith("/") and "{" not in route:
        path = route
    else:
        stage = context.get("stage")
        path = seen if stage in (None, "", "$default") else behind(f"/{stage}", seen)
    root_path = seen.removesuffix("/").removesuffix(path.removesuffix("/"))
    return root_path, path


class _BehindPrefix:
    """ASGI middleware that tells the application under which prefix the caller sees it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root_path, path = public_paths(scope["aws.event"])
        await self.app({**scope, "root_path": root_path, "path": root_path + path}, receive, send)


class Http:
    """The web application as a source of events."""

    def __init__(self, app: ASGIApp) -> None:
        # Lifespan "off": with "auto" the application would start up and shut down at each
        # invocation. The text types are those that need no base64, which not every gateway decodes.
        self._mangum = Mangum(
            _BehindPrefix(app),
            lifespan="off",
            text_mime_types=[
                "text/",
                "application/json",
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
        known = "elb" in context or "resource" in event or "version" in event
        return known and "httpMethod" in event and "path" in event

    def handle(self, event: Event, context: Any) -> Any:
        # A REST API's console sends null where there are no headers; Mangum expects a mapping.
        given = {name: event[name] or {} for name in _HEADERS if name in event}
        return self._mangum({**event, **given}, context)
