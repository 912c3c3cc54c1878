"""Creates the application: routes, error handlers and middleware."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from app import __version__, sinks
from app.access import keys, rates
from app.scoring.configuration import load_classifier
from app.scoring.scorer import Scorer
from app.settings import Settings
from app.settings import load as load_settings
from app.telemetry import logs, observation
from app.telemetry.reporting import Telemetry
from app.web import connections, dialects, problems
from app.web.assets import Assets
from app.web.middleware.access import Access
from app.web.middleware.body_limit import BodyLimit
from app.web.middleware.correlation import CorrelationId
from app.web.middleware.dialect import DialectOfRequest
from app.web.middleware.headers import SecurityHeaders
from app.web.middleware.implied_requests import ImpliedRequests
from app.web.middleware.observation import RequestObserver
from app.web.routes import demo, docs, explain, feedback, health, metrics, model, predict


class Application(FastAPI):
    """A FastAPI application that limits the connections of its server."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(**options)
        self._receive_seconds = settings.receive_seconds
        self._dialects = dialects.enabled(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not middleware, which does not get the server's own `receive`.
        if scope["type"] == "lifespan":
            connections.complete(receive, self._receive_seconds)
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            from app.web import openapi

            openapi.add(super().openapi(), [dialect.module.router for dialect in self._dialects])
        return super().openapi()


def create(settings: Settings) -> FastAPI:
    """Load the model and create the application that serves it.

    Raises:
        BundleError: the model bundle is missing or damaged.
        SettingsError: API keys or rate limits are invalid or cannot be read.
    """
    app = Application(
        settings,
        title="Sentiment",
        summary="Calibrated sentiment of English texts.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # `ImpliedRequests` ignores a trailing slash
        # FastAPI's own spans and logs contain queries, rejected values and exceptions' messages.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.scorer = Scorer(load_classifier(settings, observation.record), settings)
    app.state.sinks = sinks.load(settings)
    app.state.feedback_writers = feedback.writers()
    app.state.telemetry = Telemetry(settings)
    enabled = dialects.enabled(settings)
    app.state.tei = next((dialect for dialect in enabled if dialect.name == "tei"), None)
    for resource in (health, predict, explain, feedback, model, metrics, docs, demo):
        app.include_router(resource.router)
    dialect_routes = dialects.routes(enabled)
    app.router.routes += dialect_routes
    app.mount("/static", Assets(directory=Path(__file__).parent / "static"))
    problems.install(app)
    # The middleware added last is the outermost.
    app.add_middleware(problems.InternalErrors)
    app.add_middleware(
        BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.receive_seconds
    )
    keyring = keys.load(settings)
    limits = rates.load(settings, keyed=keyring is not None)
    app.add_middleware(Access, keyring=keyring, rates=limits, settings=settings)
    app.add_middleware(DialectOfRequest, routes=[(route.path, route) for route in dialect_routes])
    app.add_middleware(ImpliedRequests, routes=app.routes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["*"],  # each dialect's clients send headers of their own
            expose_headers=[problems.ID_HEADER, "RateLimit-Remaining", "RateLimit-Reset"],
        )
    app.add_middleware(SecurityHeaders)
    if settings.tracing:
        from app.web.middleware import tracing

        app.add_middleware(tracing.RequestTracer, flush=settings.on_lambda)
    app.add_middleware(RequestObserver, telemetry=app.state.telemetry)
    app.add_middleware(CorrelationId)
    return app


def from_environment() -> FastAPI:
    """Read the settings from the environment, configure logging and create the application.

    Raises:
        BundleError: the model bundle is missing or damaged.
        SettingsError: a setting is invalid.
    """
    settings = load_settings()
    logs.configure(settings.log_level, unredacted=settings.log_texts)
    return create(settings)
