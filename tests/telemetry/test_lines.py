"""Log lines, for any record and any stream."""

import io
import json
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings

import pytest
from awslambdaric.bootstrap import LambdaLoggerHandler
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment.classifier import ScoringStats
from app.telemetry import logs
from app.telemetry.logs import REDACTED, Formatter, Handler
from app.telemetry.observation import LoggedPrediction, Observation
from app.telemetry.privacy import MAX_FIELD_CHARACTERS, pseudonym
from app.web import application
from app.web.problems import CLIENT_GONE
from local.ports import free_port
from tests.conftest import ROOT, logging_to, run
from tests.web.client import client

SECRET = "ZyzzyvaQuokka"
ANY_TEXT = st.text(st.characters(), max_size=50)
"""Lone surrogates, control characters and all."""


def record(name="app.events", message="", args=(), error=None, **extra):
    found = logging.makeLogRecord({"name": name, "msg": message, "args": args, **extra})
    if error is not None:
        found.exc_info = (type(error), error, error.__traceback__)
    return found


@pytest.mark.property
@given(
    name=st.sampled_from(["app", "app.events", "handler", "botocore", "asyncio"]),
    message=ANY_TEXT,
    args=st.lists(ANY_TEXT | st.integers() | st.floats() | st.binary(), max_size=2),
    extra=st.dictionaries(
        ANY_TEXT.filter(lambda name: name not in vars(record())),
        st.recursive(ANY_TEXT | st.floats() | st.binary() | st.none(), st.lists, max_leaves=4),
        max_size=3,
    ),
    error=st.none() | ANY_TEXT.map(lambda said: ExceptionGroup(said, [KeyError(said)])),
)
def test_any_record_is_one_line_of_ascii(name, message, args, extra, error):
    line = Formatter().format(record(name, message, tuple(args), error, **extra))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["level"]


@pytest.mark.property
@given(said=ANY_TEXT.filter(lambda said: len(said) > 5))
def test_record_of_a_library_keeps_only_location_and_exception(said):
    logged = record("botocore.hooks", f"100 {said}", ({said: said},), ValueError(said), odd=said)
    line = json.loads(Formatter().format(logged))
    assert (line["message"], line["logger"]) == (REDACTED, "botocore.hooks")
    assert line["exception"].endswith("ValueError")
    told = json.dumps({k: v for k, v in line.items() if k not in ("timestamp", "exception")})
    assert json.dumps(said)[1:-1] not in told


def test_message_of_a_library_is_logged_when_texts_may_be():
    line = json.loads(Formatter(unredacted=True).format(record("botocore", "sent %s", (SECRET,))))
    assert line["message"] == f"sent {SECRET}"


def test_messages_of_the_server_are_logged():
    line = json.loads(Formatter().format(record("uvicorn.error", "Started [%d]", (7,))))
    assert line["message"] == "Started [7]"


def test_json_message_remains_a_string():
    assert json.loads(Formatter().format(record(message='{"a": 1}')))["message"] == '{"a": 1}'


def test_long_field_is_truncated_visibly():
    line = json.loads(Formatter().format(record(message="x" * (MAX_FIELD_CHARACTERS + 7))))
    assert line["message"].endswith("x… (7 more)")


def test_line_that_cannot_be_formatted_is_reported():
    looped = {}
    looped["self"] = looped
    line = json.loads(Formatter().format(record(extra_field=looped, message=SECRET)))
    assert line["message"] == "a log line could not be formatted: ValueError"


class Closed(io.StringIO):
    def write(self, text):
        raise BrokenPipeError(SECRET)


def test_closed_stream_loses_only_the_line(capsys):
    with logging_to(Closed()):
        assert client().post("/predict", json={"text": SECRET}).status_code == 200
    said = capsys.readouterr().err
    assert said.splitlines()[-1] == "a log line was lost: BrokenPipeError"
    assert SECRET not in said


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_stream_of_any_encoding_accepts_every_line(encoding):
    ask = (
        "import logging; from app.telemetry import logs; logs.configure('INFO', unredacted=True); "
        r"logging.getLogger('app').info('%s', 'caf\u00e9 \U0001f600 \ud83d')"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["message"] == "café 😀 \ud83d"
    assert done.stderr == b""


def predictions(native, count, text="Good.", id="r"):
    [found] = native.predict([text])
    return [LoggedPrediction(f"{id}#{i}", text, found) for i in range(count)]


def say(predicted, **settings):
    observation = Observation("r", predicted=predicted, status=200)
    observation.add(ScoringStats([one.prediction for one in predicted], 0.1, 0.2))
    telemetry = client(metrics="cloudwatch", **settings).app.state.telemetry
    telemetry.request(observation, method="POST", route="/predict")


@pytest.mark.parametrize(
    ("count", "text", "settings"),
    [
        (512, "Good.", {}),
        (10_000, "Good.", {}),
        (512, "I love it. 😀 " * 150, {"log_texts": True}),
        (5, "😀" * 100_000, {"log_texts": True}),
    ],
)
def test_no_line_exceeds_the_maximum_of_cloudwatch(lines, native, count, text, settings):
    say(predictions(native, count, text, id="x" * 128), **settings)
    found = lines()
    assert all(len(json.dumps(line)) < 256 * 1024 for line in found)
    assert sum(len(line["predictions"]) for line in found) == count
    assert found[0].get("predictions_in_more_lines", 0) == count - len(found[0]["predictions"])
    assert found[0]["predictions_positive"] == count
    assert {line["correlation_id"] for line in found} == {"r"}
    assert [line["message"] for line in found[1:]] == ["predictions"] * len(found[1:])
    assert sum("_aws" in line for line in found) == 1


def test_full_batch_fits_one_line(lines, native):
    say(predictions(native, 512, id="6f1c9d0e4b7a4c0f9a51d2f3b8e7c604"))
    assert len(lines()) == 1


def test_pseudonym_is_deterministic_and_not_an_id_for_feedback():
    assert pseudonym("review-17") == pseudonym("review-17") != pseudonym("review-18")
    assert pseudonym("\ud83d").startswith("~")
    said = {"prediction": pseudonym("review-17"), "sentiment": "Positive"}
    assert client(results_table="t").post("/feedback", json=said).status_code == 422


def test_uvicorn_logs_as_json_without_requests(capsys):
    from uvicorn.config import Config

    Config("app.main:app")  # which sets its own handlers up
    with logging_to(written := io.StringIO()):
        logging.getLogger("uvicorn.access").info("%s", f"GET /{SECRET}")
        error = ValueError(SECRET)
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
    [line] = map(json.loads, written.getvalue().splitlines())
    assert (line["message"], line["exception"]) == ("Exception in ASGI application\n", "ValueError")
    assert not any(map(str.strip, capsys.readouterr()))


def test_server_started_by_hand_writes_only_json_and_no_path():
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)]
    server = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    url = f"http://127.0.0.1:{port}/{SECRET}?{SECRET}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=10)
        except urllib.error.HTTPError:
            break  # 404
        except urllib.error.URLError:
            time.sleep(0.1)
    server.terminate()
    out, err = server.communicate(timeout=30)
    messages = [json.loads(line)["message"] for line in out.splitlines()]
    assert "request" in messages
    assert any(message.startswith("Uvicorn running on http://") for message in messages)
    assert SECRET not in out + err
    assert err == ""


def test_warning_is_logged_without_its_message(lines):
    # As the interpreter shows it where nobody records warnings.
    warnings.showwarning(UserWarning(SECRET), UserWarning, "somewhere.py", 7)
    [line] = lines()
    assert line["message"] == "UserWarning at somewhere.py:7"


def test_handlers_of_others_remain(lines):
    other = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    root.addHandler(other)
    try:
        logs.configure("INFO", stream=io.StringIO())
        assert other in root.handlers
        assert sum(isinstance(one, Handler) for one in root.handlers) == 1
    finally:
        root.removeHandler(other)


class Sink:
    """Where the handler of Lambda's runtime writes."""

    def __init__(self):
        self.written = io.StringIO()

    def log(self, line):
        self.written.write(line)


def of_runtime():
    sink = Sink()
    return LambdaLoggerHandler(sink), sink.written


def of_server():
    written = io.StringIO()
    return logging.StreamHandler(written), written


@pytest.mark.parametrize("on_lambda", ["true", "false", ""])
@pytest.mark.parametrize("handler_of", [of_runtime, of_server])
def test_existing_handler_writes_each_line_once_and_redacted(
    monkeypatch, capsys, handler_of, on_lambda
):
    handler, written = handler_of()
    handler.setFormatter(logging.Formatter("%(message)s"))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "fn")
    monkeypatch.setenv("SENTIMENT_ON_LAMBDA", on_lambda)
    monkeypatch.setattr(application, "create", lambda settings: None)
    application.from_environment()
    logging.getLogger("botocore.hooks").warning("sent %s", SECRET)
    logging.getLogger("app").warning("started")
    messages = [json.loads(line)["message"] for line in written.getvalue().splitlines()]
    assert messages == [REDACTED, "started"]
    assert capsys.readouterr().out == ""


def test_response_that_fails_after_its_start_reveals_no_message(lines):
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(SECRET)

    caller = client()
    caller.app.mount("/broken", broken)
    with pytest.raises(Exception, match="^ValueError at "):
        type(caller)(caller.app).get("/broken/x")
    assert SECRET not in json.dumps(lines())
    assert lines()[-1]["cause"] == "InternalError"


def test_disconnect_before_the_response_is_not_an_error(lines):
    async def leaves():
        return {"type": "http.disconnect"}

    async def nowhere(message):
        pass

    scope = {
        "type": "http", "method": "POST", "path": "/predict", "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    app = client().app
    run(app(scope, leaves, nowhere))
    line = lines()[-1]
    assert (line["status"], line["errors_other"], line["level"]) == (CLIENT_GONE, 1, "INFO")
