"""`GET /docs`: the API documentation in Swagger UI, from assets of this package."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

# The page has no inline script, so that the content security policy can forbid them.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sentiment · API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/static/swagger-ui/swagger-ui.css">
</head>
<body>
<div id="swagger-ui" data-openapi="{root}/openapi.json"></div>
<script src="{root}/static/swagger-ui/swagger-ui-bundle.js"></script>
<script src="{root}/static/docs.js"></script>
</body>
</html>
"""


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Return the page. Its links include the path prefix of a stage such as ``/prod``."""
    return HTMLResponse(_PAGE.format(root=request.scope.get("root_path", "").rstrip("/")))
