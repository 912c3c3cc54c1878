"""A secret in any input, in any format and at any failure, appears in no log."""

import base64
import copy
import gzip
import io
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

import handler
from app import aws as clients
from app.sentiment.classifier import SentimentClassifier
from app.settings import Settings
from app.web import application
from local.emulator import Emulator, InvocationError
from tests.contract.conftest import event_of
from tests.events.conftest import aws  # noqa: F401
from tests.telemetry.conftest import printed
from tests.telemetry.test_template_metrics import items, messages
from tests.test_handler import event

SECRET = "ZyzzyvaQuokka"
"""A secret that is valid as an id, a header, a column name and an object's key."""
JSON = {"content-type": "application/json"}


def holds(text: str) -> bool:
    encoded = base64.b64encode(SECRET.encode()).decode().rstrip("=")[:-1]
    return SECRET.lower() in text.lower() or encoded in text


class Panic(BaseException):
    """An exception like a panic of a library in Rust."""


class Failing:
    """An engine whose exceptions quote its input."""

    def __init__(self, kind: type[BaseException]) -> None:
        self._kind = kind

    def tokenise(self, texts: Any) -> Any:
        error = self._kind(f"cannot tokenise {SECRET}: {list(texts)}")
        error.add_note(f"a note on {SECRET}")
        raise error from RuntimeError(SECRET)


FAILURES = [ValueError, UnicodeError, RecursionError, MemoryError, Panic]

PAYLOADS = {
    "a good record": {"text": SECRET, "id": SECRET, "metadata": {SECRET: SECRET}, SECRET: SECRET},
    "cut JSON": f'{{"text": "{SECRET}',
    "JSON with a comma too many": f'{{"text": "{SECRET}",}}',
    "a key twice": f'{{"{SECRET}": 1, "{SECRET}": 2, "text": "Good."}}',
    "deep nesting": f'{{"text": "{SECRET}", "metadata": ' + "[" * 300 + "]" * 300 + "}",
    "no text": {SECRET: SECRET},
    "a text of another case": {"Text": SECRET},
    "a blank text": {"text": " ", "id": SECRET, "metadata": SECRET},
    "a text that is none": {"text": {SECRET: SECRET}},
    "an id that is none": {"text": "Good.", "id": [SECRET]},
    "a lone surrogate": f'{{"text": "Good.", "metadata": "\\ud83d{SECRET}"}}',
    "a huge number": f'{{"text": "Good.", "id": "{SECRET}", "metadata": {10**44}}}',
    "a long text": SECRET * 10_000,
    "a text as it is": SECRET,
    "a list": [SECRET],
    "a byte order mark": "\ufeff" + json.dumps({"text": SECRET, SECRET: 1}),
    "another's notification": {"Type": "Notification", "Message": json.dumps({SECRET: SECRET})},
    "another's event": {"detail-type": SECRET, "source": SECRET, "detail": {SECRET: SECRET}},
    "another's records": {"Records": [{"eventSource": SECRET, SECRET: SECRET}]},
}


def written(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload)


def from_sqs(payload: Any) -> Any:
    return messages(written(payload), "Good.")


def from_fifo(payload: Any) -> Any:
    sent = messages("Good.", written(payload))
    for record in sent["Records"]:
        record["eventSourceARN"] += ".fifo"
        record["attributes"] = {**record["attributes"], "MessageGroupId": SECRET}
    return sent


def from_sns(payload: Any) -> Any:
    sent = copy.deepcopy(event("sns"))
    sent["Records"][0]["Sns"].update(Message=written(payload), Subject=SECRET)
    return sent


def from_kinesis(payload: Any) -> Any:
    sent = copy.deepcopy(event("kinesis"))
    data = base64.b64encode(written(payload).encode("utf-8", "surrogatepass")).decode()
    sent["Records"][0]["kinesis"].update(data=data, partitionKey=SECRET)
    return sent


def from_dynamodb(payload: Any) -> Any:
    from boto3.dynamodb.types import TypeSerializer

    sent = copy.deepcopy(event("dynamodb-stream"))
    item = payload if isinstance(payload, dict) else {"text": written(payload), SECRET: SECRET}
    image = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    sent["Records"][0]["dynamodb"].update(NewImage=image, Keys={SECRET: {"S": SECRET}})
    return sent


def from_eventbridge(payload: Any) -> Any:
    detail = payload if isinstance(payload, dict) else {"text": payload, SECRET: SECRET}
    return {**event("eventbridge"), "detail": detail}


def direct(payload: Any) -> Any:
    return {"text": payload}


def row(payload: Any) -> Any:
    return {"id": SECRET, "text": payload}


def texts(payload: Any) -> Any:
    return {"texts": ["Good.", payload]}


def rows(payload: Any) -> Any:
    return {"Items": ["Good.", payload, {"text": "Good."}], "BatchInput": {SECRET: SECRET}}


def only_rows(payload: Any) -> Any:
    return {"Items": [payload]}


def whole(payload: Any) -> Any:
    return {SECRET: payload, "records": [SECRET]}


def over_http(payload: Any) -> Any:
    body = written(payload).encode("utf-8", "surrogatepass")
    return event_of("rest-api", "POST", "/predict", body, {**JSON, "x-secret": SECRET})


SOURCES = [
    from_sqs, from_fifo, from_sns, from_kinesis, from_dynamodb, from_eventbridge,
    direct, row, texts, rows, only_rows, whole, over_http,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _loaded_once(native: SentimentClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every application the engine that is already loaded."""

    def load(settings: Settings, observer: Any) -> SentimentClassifier:
        return SentimentClassifier(native.bundle, native._engine, settings.cache_size, observer)

    monkeypatch.setattr(application, "load_classifier", load)


@pytest.fixture
def handle(quoting: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], str]]:
    """The handler with every sink; returns what Lambda prints of an error."""
    clients.client.cache_clear()
    app = application.create(
        Settings(
            on_lambda=True,
            max_text_characters=2000,
            results_queue_url=f"{quoting.url}/123456789012/results",
            results_table="results",
            results_bus="results",
        )
    )
    monkeypatch.setattr(handler, "app", app)
    router = handler.Router(app, app.state.scorer, app.state.telemetry)
    monkeypatch.setattr(handler, "handler", router.handle)

    def run(sent: Any) -> str:
        try:
            handler.handler(sent, None)
        except BaseException as error:
            return printed(error)
        return ""

    yield run
    clients.client.cache_clear()


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("source", SOURCES)
def test_no_source_reveals_its_records(
    handle: Any, emitted: Any, source: Callable[[Any], Any], name: str
) -> None:
    raised = handle(source(PAYLOADS[name]))
    assert not holds(emitted() + raised)


@pytest.mark.parametrize("mode", ["refuses", "fails some"])
@pytest.mark.parametrize("source", SOURCES[:6])
def test_no_failing_sink_reveals_its_results(
    handle: Any, emitted: Any, quoting: Any, source: Callable[[Any], Any], mode: str
) -> None:
    quoting.set(mode)
    raised = handle(source(PAYLOADS["a good record"]))
    assert '"records_rejected":' in emitted()
    assert not holds(emitted() + raised)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("source", [from_sqs, from_kinesis, direct, texts, over_http])
def test_no_failure_of_the_engine_reveals_its_input(
    handle: Any, emitted: Any, source: Callable[[Any], Any], failure: type[BaseException]
) -> None:
    handler.app.state.scorer.classifier._engine = Failing(failure)
    raised = handle(source({"text": SECRET} if source is not direct else SECRET))
    if source is direct:
        assert raised.startswith(f"InternalError: {failure.__name__} at app/sentiment/")
        assert "the invocation failed" in emitted()
    assert not holds(emitted() + raised)


@pytest.mark.parametrize("odd", [SECRET, [SECRET], {"Records": SECRET}, {SECRET: 1, "text": 2}, 7])
def test_an_unknown_event_is_not_quoted(handle: Any, emitted: Any, odd: Any) -> None:
    raised = handle(odd)
    assert not holds(emitted() + raised)


ROWS = {
    "a header that is a row": f"0,1,x,My {SECRET} text\n",
    "no column of texts": f"{SECRET},b\n1,2\n",
    "a row too long": f"text\n{SECRET},{SECRET}\n",
    "an open quote": f'text\n"{SECRET}\nGood.\n',
    "a column twice": f"text,{SECRET},{SECRET}\nGood.,1,2\n",
    "blank texts": f"{SECRET},text\n{SECRET}, \n",
    "good rows": f"{SECRET},text\n{SECRET},{SECRET}\n",
    "JSON": f'[{{"{SECRET}": "{SECRET}"}}]\n',
    "cut JSON": f'{{"{SECRET}": "{SECRET}\n{{"text": "{SECRET}\n',
    "JSON without a text": f'{{"{SECRET}": "{SECRET}"}}\n{{"text": ["{SECRET}"]}}\n',
    "nothing": "",
}


def parquet(column: str, values: list[Any]) -> bytes:
    file = io.BytesIO()
    table = pa.table({column: values, SECRET: [SECRET] * len(values)})
    pq.write_table(table.replace_schema_metadata({SECRET: SECRET}), file)
    return file.getvalue()


def objects() -> Iterator[Any]:
    for suffix in ("csv", "jsonl", "txt"):
        for name, content in ROWS.items():
            body = content.encode()
            yield pytest.param(suffix, body, id=f"{suffix}: {name}")
            yield pytest.param(f"{suffix}.gz", gzip.compress(body), id=f"{suffix}.gz: {name}")
        yield pytest.param(suffix, SECRET.encode() + b"\xff\n", id=f"{suffix}: not UTF-8")
        cut = gzip.compress(ROWS["good rows"].encode() * 100)[:-12]
        yield pytest.param(f"{suffix}.gz", cut, id=f"{suffix}.gz: cut")
        yield pytest.param(f"{suffix}.gz", SECRET.encode(), id=f"{suffix}.gz: not gzip")
    good = parquet("text", [SECRET, " ", None])
    yield pytest.param("parquet", good, id="parquet: good rows")
    yield pytest.param("parquet", parquet("no text", ["Good."]), id="parquet: no column of texts")
    yield pytest.param("parquet", parquet("text", [7]), id="parquet: numbers")
    yield pytest.param("parquet", SECRET.encode() * 9, id="parquet: something else")
    damaged = good[:40] + bytes(60) + good[100:]
    yield pytest.param("parquet", damaged, id="parquet: damaged")
    footer = good[:-60] + bytes(50) + good[-10:]
    yield pytest.param("parquet", footer, id="parquet: damaged footer")
    yield pytest.param("pdf", SECRET.encode(), id="no format that is known")


@pytest.fixture
def bucket(
    aws: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str, bytes], str]:
    """Put an object and handle each event of it; returns what Lambda prints of errors."""
    app = application.create(Settings(on_lambda=True, results_table="results"))
    monkeypatch.setattr(handler, "app", app)
    router = handler.Router(app, app.state.scorer, app.state.telemetry)
    monkeypatch.setattr(handler, "handler", router.handle)

    def run(suffix: str, body: bytes) -> str:
        key = f"incoming/new.{suffix}"
        aws.put(key, body)
        created = event("s3-eventbridge")
        created["detail"]["bucket"]["name"] = "reviews"
        created["detail"]["object"]["key"] = key
        raised = ""
        for sent in (
            created,
            messages(json.dumps(created)),
            {"object": {"bucket": "reviews", "key": key}},
        ):
            try:
                handler.handler(sent, None)
            except BaseException as error:
                raised += printed(error)
        return raised

    return run


@pytest.mark.parametrize(("suffix", "body"), [*objects()])
def test_no_object_is_quoted(bucket: Any, emitted: Any, suffix: str, body: bytes) -> None:
    raised = bucket(suffix, body)
    assert not holds(emitted() + raised)


@pytest.fixture
def caller(quoting: Any) -> Iterator[TestClient]:
    clients.client.cache_clear()
    yield TestClient(
        application.create(
            Settings(
                max_text_characters=2000,
                results_queue_url=f"{quoting.url}/123456789012/results",
                results_table="results",
                results_bus="results",
                trusted_proxies=0,
            )
        ),
        raise_server_exceptions=False,
    )
    clients.client.cache_clear()


ROUTES = [
    "/", "/predict", "/predict/batch", "/explain", "/feedback", "/model", "/docs", "/demo",
    "/openapi.json", "/metrics", "/static/docs.js", f"/{SECRET}", f"/static/{SECRET}",
]  # fmt: skip


@pytest.mark.parametrize("path", ROUTES)
def test_no_route_reveals_its_request(caller: TestClient, emitted: Any, path: str) -> None:
    headers = {
        f"x-{SECRET}": SECRET, "user-agent": SECRET, "cookie": f"a={SECRET}", "referer": SECRET,
        "authorization": f"Bearer {SECRET}", "x-api-key": SECRET, "accept": SECRET,
        "x-correlation-id": f"<{SECRET}>", "x-forwarded-for": SECRET, "origin": SECRET,
        "tracestate": f"a={SECRET}", "baggage": f"a={SECRET}", "host": SECRET,
    }  # fmt: skip
    bodies = [
        f'{{"{SECRET}": "{SECRET}"}}',
        f'{{"text": "{SECRET}", "texts": ["{SECRET}"], "{SECRET}": 1}}',
        f'{{"text": "{SECRET}"}}',
        f'{{"text": ["{SECRET}"]}}',
        f'{{"texts": "{SECRET}"}}',
        f'{{"texts": ["{SECRET}", ["{SECRET}"], " "]}}',
        f'{{"text": "{SECRET}", "max_evaluations": "{SECRET}"}}',
        f'{{"prediction": "{SECRET}", "sentiment": "Positive", "note": "{SECRET}"}}',
        f'{{"prediction": " {SECRET}", "sentiment": "{SECRET}"}}',
        f'{{"text": "{SECRET}',
        f"{SECRET}",
        f'"{SECRET}"',
        "[" * 5000 + SECRET,
        f'{{"text": "{SECRET * 10_000}"}}',
    ]
    asked = {"params": {SECRET: SECRET}, "headers": {**headers, **JSON}}
    for method in ("GET", "HEAD", "PUT", "OPTIONS", SECRET):
        caller.request(method, path, **asked)
    for body in bodies:
        caller.post(path, content=body, **asked)
    for odd in ({"content-type": SECRET}, {**JSON, "content-encoding": SECRET}, {"expect": SECRET}):
        caller.post(path, content=bodies[0], headers={**headers, **odd})
    assert not holds(emitted())


@pytest.mark.parametrize("mode", ["refuses", "fails some"])
def test_feedback_that_is_not_stored_is_not_quoted(
    caller: TestClient, emitted: Any, quoting: Any, mode: str
) -> None:
    quoting.set(mode)
    said = {"prediction": SECRET, "sentiment": "Positive", "note": SECRET}
    assert caller.post("/feedback", json=said).status_code == 503
    assert not holds(emitted())


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain"])
def test_a_request_that_fails_is_not_quoted(
    caller: TestClient, emitted: Any, path: str, failure: type[BaseException]
) -> None:
    caller.app.state.scorer.classifier._engine = Failing(failure)
    asked = {"texts": [SECRET]} if path.endswith("batch") else {"text": SECRET}
    assert caller.post(path, json=asked).status_code == 500
    assert f'"cause":"{failure.__name__}"' in emitted()
    assert not holds(emitted())


def test_metrics_reveal_no_secret(caller: TestClient) -> None:
    for path in ROUTES:
        caller.request(SECRET, path, params={SECRET: SECRET})
        caller.post(path, json={"text": SECRET, "texts": [SECRET], SECRET: SECRET})
    caller._transport.client = ("127.0.0.1", 50000)
    text = caller.get("/metrics").text
    assert "sentiment_requests_total" in text
    assert not holds(text)


def test_a_thread_that_fails_is_not_quoted(emitted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.telemetry import logs

    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    logs._take_over_hooks(unredacted=False)

    def fail() -> None:
        raise ValueError(SECRET)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert '"message":"a thread failed"' in emitted()
    assert not holds(emitted())


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator({"AWS_LAMBDA_LOG_LEVEL": "DEBUG"}) as running:
        yield running


@pytest.mark.parametrize(
    "sent",
    [
        {SECRET: SECRET},
        {"text": {SECRET: SECRET}},
        {"texts": SECRET},
        items({SECRET: SECRET}),
        over_http(PAYLOADS["cut JSON"]),
        over_http(PAYLOADS["no text"]),
        {"requestContext": {"elb": {SECRET: SECRET}}, "httpMethod": SECRET, "path": SECRET},
        {"Records": [{"eventSource": "aws:sqs", SECRET: SECRET}]},
    ],
    ids=str,
)
def test_lambdas_runtime_reveals_no_secret(emulator: Emulator, sent: Any) -> None:
    answer = ""
    try:
        emulator.invoke(sent)
    except InvocationError as error:
        answer = str(error)
    assert not holds(answer)
    assert not holds(emulator.log())
