"""Addresses at which the clients of other services reach the application."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI

from app.settings import Settings
from app.web import application
from local.server import serving
from tests.access.test_keys import entry

KEY = "sk_shop"


@contextmanager
def gateway(app: FastAPI) -> Iterator[str]:
    """Pass requests to the Lambda handler as events of a REST API; yield the address of the API."""
    # Imported here, because Mangum creates an event loop when pytest has not yet set its own.
    import handler
    from tests.contract.conftest import event_of

    handle = handler.Router(app, app.state.scorer, app.state.telemetry).handle

    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asyncio.set_event_loop(asyncio.new_event_loop())  # which Mangum expects in each thread
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            address = urlsplit(self.path)
            path = address.path.removeprefix("/prod")
            event = event_of("rest-api", "POST", path, body, dict(self.headers))
            query = parse_qs(address.query, keep_blank_values=True)
            event["multiValueQueryStringParameters"] = query
            event["queryStringParameters"] = {name: values[-1] for name, values in query.items()}
            self.answer(handle(event, None))
            asyncio.get_event_loop().close()

        def answer(self, answer: dict[str, Any]) -> None:
            assert not answer["isBase64Encoded"]
            content = answer["body"].encode()
            self.send_response(answer["statusCode"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/prod"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session", params=["uvicorn", "handler"])
def url(request: pytest.FixtureRequest, three_label_bundle: Path) -> Iterator[str]:
    """Address of the application with a key, served by uvicorn and called through the handler."""
    on_lambda = request.param == "handler"
    app = application.create(
        Settings(model_dir=three_label_bundle, api_keys=entry("shop", KEY), on_lambda=on_lambda)
    )
    with gateway(app) if on_lambda else serving(app) as address:
        yield address


@pytest.fixture(params=["uvicorn", "handler"])
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Serve an application with these settings in each way; the function returns its address."""
    on_lambda = request.param == "handler"
    with ExitStack() as stack:

        def serve(**settings: object) -> str:
            keys = entry("shop", KEY)
            app = application.create(
                Settings(**{"api_keys": keys, "on_lambda": on_lambda, **settings})
            )
            serve.app = app
            return stack.enter_context(gateway(app) if on_lambda else serving(app))

        yield serve


@pytest.fixture
def address(serve: Callable[..., str]) -> str:
    return serve()
