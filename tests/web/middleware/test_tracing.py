"""OpenTelemetry traces, as a collector receives them."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import ROOT
from tests.web.client import client

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector(monkeypatch):
    """What a collector on this machine was sent."""
    sent = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            sent.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield lambda: [
        span
        for request in sent
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    server.shutdown()
    server.server_close()


def traced_client():
    """Return a client of an application that sends spans before it answers, as on Lambda."""
    return client(tracing=True, on_lambda=True)


def attributes(span):
    return {found.key: found.value for found in span.attributes}


def test_a_request_is_a_span_of_the_callers_trace(collector):
    parent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    traced_client().post("/predict", json={"text": "A fine film."}, headers=parent)
    [span] = collector()
    assert span.trace_id.hex() == TRACE
    assert span.name == "POST /predict"
    found = attributes(span)
    assert found["http.response.status_code"].int_value == 200
    assert found["sentiment.tokens"].int_value == 6
    assert found["sentiment.infer_ms"].double_value > 0


def test_span_has_no_text(collector):
    traced_client().post("/predict", json={"text": "Zyzzyva quokkas"})
    assert "Zyzzyva" not in str(collector()[0])


def test_span_has_no_header_query_or_method_of_the_caller(collector):
    secret = "ZyzzyvaQuokka"
    headers = {
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        "tracestate": f"a={secret}",
        "baggage": f"a={secret}",
        "user-agent": secret,
        "content-type": secret,
    }
    for method in ("POST", secret):
        traced_client().request(method, "/predict", params={"a": secret}, headers=headers)
    assert [span.trace_id.hex() for span in collector()] == [TRACE] * 2
    assert secret not in str(collector())


def test_only_the_class_of_an_unhandled_exception_is_recorded(collector):
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("Zyzzyva quokkas")

    caller = traced_client()
    caller.app.mount("/broken", broken)
    caller.get("/broken/x")
    [span] = collector()
    assert (span.status.code, span.status.message) == (2, "InternalError")
    assert "Zyzzyva" not in str(span)


def test_telemetry_of_fastapi_is_off():
    # It would where a provider is set for the whole process, as by `opentelemetry-instrument`.
    ask = """if True:
        from opentelemetry import _logs, trace
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs import export
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
        spans, logs = TracerProvider(), LoggerProvider()
        spans.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
        logs.add_log_record_processor(export.SimpleLogRecordProcessor(export.ConsoleLogRecordExporter()))
        trace.set_tracer_provider(spans)
        _logs.set_logger_provider(logs)
        from fastapi.testclient import TestClient
        from app.main import app
        caller = TestClient(app, raise_server_exceptions=False)
        path = "/predict?a=ZyzzyvaQuokka"
        caller.post(path, json={"text": "Good.", "ZyzzyvaQuokka": "ZyzzyvaQuokka"})
        app.state.scorer.classifier._engine = None
        caller.post(path, json={"text": "ZyzzyvaQuokka"})
    """
    environment = {**os.environ, "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '"status":500' in done.stdout
    assert "ZyzzyvaQuokka" not in done.stdout + done.stderr


def test_a_failure_is_a_failed_span(collector):
    caller = traced_client()
    caller.app.state.scorer.classifier._engine = None
    caller.post("/predict", json={"text": "Good."})
    [span] = collector()
    assert (span.status.code, span.status.message) == (2, "AttributeError")


def test_opentelemetry_is_not_imported_unless_enabled():
    ask = "import sys, app.main; print(any('opentelemetry.sdk' in name for name in sys.modules))"
    environment = {**os.environ, "SENTIMENT_TRACING": ""}
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"False"
