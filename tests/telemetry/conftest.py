"""Everything that is printed, and an AWS that quotes its requests."""

import io
import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import logging_to


@pytest.fixture
def emitted(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Return all output so far: log lines from DEBUG on, and both standard streams."""
    written = io.StringIO()
    root, application = logging.getLogger(), logging.getLogger("app")
    before = root.level
    capfd.readouterr()
    so_far: list[str] = []

    def all_of_it() -> str:
        so_far.extend(capfd.readouterr())
        return "\n".join([written.getvalue(), *so_far])

    with logging_to(written):
        application.setLevel("DEBUG")
        root.setLevel("DEBUG")
        yield all_of_it
        root.setLevel(before)


def printed(error: BaseException) -> str:
    """Return what Lambda's runtime logs and returns for an exception of a handler."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    return "".join([type(error).__name__, f": {error}\n", *frames])


class _Quoting(BaseHTTPRequestHandler):
    """Accepts requests to SQS, DynamoDB, EventBridge and S3, or rejects them and quotes them."""

    protocol_version = "HTTP/1.1"
    mode = "takes"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        target = self.headers.get("x-amz-target", "")
        if not target:
            return self._send(400, f"<Error><Code>Odd</Code><Message>{self.path}</Message></Error>")
        sent = json.loads(body)
        quoted = body.decode()
        if self.mode == "refuses":
            error = {"__type": "com.amazon#ValidationException", "message": quoted}
            return self._send(400, json.dumps(error))
        fails = self.mode == "fails some"
        entries = sent.get("Entries", [])
        if target.startswith("AmazonSQS"):
            failed = [
                {"Id": one["Id"], "Code": "Odd", "Message": quoted, "SenderFault": True}
                for one in entries
            ]
            taken = [{"Id": one["Id"], "MessageId": "m", "MD5OfMessageBody": ""} for one in entries]
            answer = {"Failed": failed} if fails else {"Successful": taken, "Failed": []}
        elif target.startswith("AWSEvents"):
            failed_entry = {"ErrorCode": "Odd", "ErrorMessage": quoted}
            one = failed_entry if fails else {"EventId": "e"}
            answer = {"FailedEntryCount": fails, "Entries": [one for _ in entries]}
        else:
            answer = {"UnprocessedItems": {}}
        self._send(200, json.dumps(answer))

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def quoting(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """An AWS that accepts results, rejects them or fails some, depending on its ``mode``."""
    kind = type("Quoting", (_Quoting,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    yield SimpleNamespace(url=url, set=lambda mode: setattr(kind, "mode", mode))
    server.shutdown()
    server.server_close()
