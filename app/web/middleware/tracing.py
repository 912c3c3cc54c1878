"""OpenTelemetry traces: a span for each request. Imported only if `SENTIMENT_TRACING` is set.

The standard variables configure the exporter, the name of the service and sampling, such as
``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_SERVICE_NAME`` and ``OTEL_TRACES_SAMPLER``.
"""

import os

import anyio.to_thread
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.telemetry.logs import SERVICE
from app.telemetry.observation import current
from app.web.middleware.observation import method_of, route_of

_IGNORED_HEADERS = ("tracestate", "baggage")
"""Headers of a trace that may contain anything, and that spans would pass on."""


class RequestTracer:
    """ASGI middleware: a span for each request, in the caller's trace.

    ``flush``: send spans before the response ends. Lambda freezes the process between invocations,
    and with it the thread that would send them in batches.
    """

    def __init__(self, app: ASGIApp, *, flush: bool) -> None:
        self.app = app
        attributes = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: SERVICE}
        self._provider = TracerProvider(resource=Resource.create(attributes))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(__name__)
        self._flush = flush

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            await self._trace(scope, receive, send)
        finally:
            if self._flush:
                await anyio.to_thread.run_sync(self._provider.force_flush)

    async def _trace(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        caller = extract({k: v for k, v in headers.items() if k not in _IGNORED_HEADERS})
        # Exceptions are not recorded, as their messages may quote what the caller sent.
        with self._tracer.start_as_current_span(
            method_of(scope),
            caller,
            SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self.app(scope, receive, send)
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise
            finally:
                _describe(span, scope)


def _describe(span: Span, scope: Scope) -> None:
    observation = current()
    method, route = method_of(scope), route_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": observation.status,
            "sentiment.correlation_id": observation.correlation_id,
            "sentiment.texts": observation.texts,
            "sentiment.tokens": observation.tokens,
            "sentiment.tokenise_ms": observation.tokenise_seconds * 1000,
            "sentiment.infer_ms": observation.infer_seconds * 1000,
            "sentiment.model": observation.model,
        }
    )
    if observation.status >= 500 and observation.cause:
        span.set_status(Status(StatusCode.ERROR, observation.cause))
