"""`GET /`: the health check."""

from fastapi import APIRouter, Request

from app import __version__
from app.web import examples
from app.web.schemas import Health, ModelName

router = APIRouter(tags=["service"])


@router.get("/", responses=examples.success_response(examples.HEALTH))
async def health(request: Request) -> Health:
    """Return the status, model and version of the service, without scoring anything."""
    state = request.app.state
    bundle = state.scorer.classifier.bundle
    model = ModelName(
        name=bundle.name, revision=bundle.revision, engine=state.scorer.settings.engine
    )
    return Health(status="ok", model=model, version=__version__)
