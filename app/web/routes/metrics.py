"""`GET /metrics`: the metrics for Prometheus, if they go there."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.telemetry.reporting import Telemetry

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the metrics; `app.web.middleware.access` checks the caller."""
    telemetry: Telemetry = request.app.state.telemetry
    if not telemetry.exposition:
        raise HTTPException(404)
    return Response(telemetry.exposition.text(), media_type="text/plain; version=0.0.4")
