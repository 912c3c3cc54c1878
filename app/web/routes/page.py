"""`GET /demo`: the page to try the service on, from files that lie in this package."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = (Path(__file__).parents[1] / "static/demo/page.html").read_text("utf-8")
_BELOW = _PAGE.replace('="static/', '="../static/').replace('="docs"', '="../docs"')
"""The same for ``/demo/``, from where its links begin a level higher."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Unlike Swagger UI, the page needs no style in place and no image out of it."""


@router.get("/demo")
async def page(request: Request) -> HTMLResponse:
    """Return the page; its links are relative, so that they hold behind any prefix."""
    found = _BELOW if "slash" in request.scope else _PAGE
    return HTMLResponse(found, headers={"content-security-policy": _POLICY})
