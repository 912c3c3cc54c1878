"""HTTP through Mangum: REST API, HTTP API, Function URL and ALB events."""

from typing import Any

from mangum import Mangum
from starlette.types import ASGIApp, Receive, Scope, Send

from app.events import Event
from app.problems import MEDIA_TYPE


def public_paths(event: Event) -> tuple[str, str]:
    """Return ``(root_path, path)``: the prefix that the caller sees, and the path behind it.

    A REST API puts its stage in front of the path in ``requestContext`` alone, a custom domain its
    base path into ``path`` too, an HTTP API its named stage into ``path``; the others have none.
    """
    context = event["requestContext"]
    if "http" in context:
        path = context["http"]["path"]
        prefix = f"/{context.get('stage', '$default')}"
        inside = path == prefix or path.startswith(f"{prefix}/")
        return (prefix, path.removeprefix(prefix) or "/") if inside else ("", path)
    path = event["path"]
    proxy = (event.get("pathParameters") or {}).get("proxy")
    resource = event.get("resource", path)
    if proxy is not None:
        inner = resource.replace("{proxy+}", proxy)
    else:
        inner = path if "{" in resource else resource
    inner = inner if path.endswith(inner) else path
    seen = context.get("path", path)
    return (seen.removesuffix(inner) if seen.endswith(inner) else "", inner)


class _BehindStage:
    """ASGI middleware that tells the application under which prefix the caller sees it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root_path, path = public_paths(scope["aws.event"])
        await self.app({**scope, "root_path": root_path, "path": root_path + path}, receive, send)


class Http:
    """The web application as a source of events."""

    def __init__(self, app: ASGIApp) -> None:
        # "off": with "auto" the application would start up and shut down at each invocation.
        # The text types are those that need no base64, which not every gateway decodes.
        self._mangum = Mangum(
            _BehindStage(app),
            lifespan="off",
            text_mime_types=["text/", "application/json", "application/javascript", MEDIA_TYPE],
        )

    def matches(self, event: Event) -> bool:
        context = event.get("requestContext")
        return isinstance(context, dict) and (
            "httpMethod" in event or "http" in context or "elb" in context
        )

    def handle(self, event: Event, context: Any) -> Any:
        return self._mangum(event, context)
