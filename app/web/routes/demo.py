"""`GET /demo`: the demo page, whose files are part of this package."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = (Path(__file__).parents[1] / "static/demo/page.html").read_text("utf-8")
_PAGE_WITH_SLASH = _PAGE.replace('="static/', '="../static/').replace('="docs"', '="../docs"')
"""The page for ``/demo/``, where relative links start one level deeper."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Stricter than the one for Swagger UI, which needs inline styles and ``data:`` images."""


@router.get("/demo")
async def page(request: Request) -> HTMLResponse:
    """Return the page; its links are relative, so they work behind any prefix."""
    content = _PAGE_WITH_SLASH if "slash" in request.scope else _PAGE
    return HTMLResponse(content, headers={"content-security-policy": _POLICY})
