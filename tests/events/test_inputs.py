"""Envelopes and skipped kinds, as docs/inputs.md lists them."""

import base64
import gzip
import hashlib
import json
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import handler as entry
from app.events import skipped
from app.events.envelopes import ENVELOPES, MAX_ENVELOPES, Skipped, contents, objects_of
from app.events.records import MAX_ID_BYTES, InvalidRecord, Record
from app.json_reader import MAX_DEPTH
from app.objects.s3 import StorageError, StoredObject
from app.scoring.scorer import Scorer
from app.sentiment.text import Text, parse
from app.settings import Settings
from app.sinks.bus import BusSink
from app.sinks.queue import QueueSink
from app.sinks.table import MAX_LEVELS, MAX_NAME_BYTES, TableSink
from tests.conftest import ROOT
from tests.events.test_sources import event, failed, messages

PAGE = (ROOT / "docs/inputs.md").read_text()
TEXT = {"id": "a", "text": "A great film."}


def parse_text(value: object) -> Text:
    return parse(value, 100)


def table(heading: str) -> list[tuple[str, str]]:
    """Return the kinds and examples in the page's table after this heading."""
    rows = PAGE.partition(heading)[2].partition("|---|---|\n")[2].partition("\n\n")[0]
    return re.findall(r"^\| (.+?) \| `(.+)` \|$", rows, re.MULTILINE)


EXAMPLES = table("no alarm, no dead letter.")
KEYS = table("Objects are skipped")


def in_topic(payload: str) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "arn", "Message": payload})


def on_bus(payload: str) -> str:
    detail = json.loads(payload)
    return json.dumps({"source": "shop", "detail-type": "Review", "detail": detail, "id": "e"})


def in_stream(payload: str) -> dict[str, Any]:
    record = event("kinesis")["Records"][0]
    record["kinesis"]["data"] = base64.b64encode(payload.encode()).decode()
    return {"Records": [record]}


def in_topic_directly(payload: str) -> dict[str, Any]:
    sent = event("sns")
    sent["Records"][0]["Sns"]["Message"] = payload
    return sent


def to_destination(payload: str) -> str:
    context = {"condition": "RetriesExhausted", "functionArn": "arn"}
    return json.dumps({"requestContext": context, "requestPayload": json.loads(payload)})


WRAPPED = {
    "in a queue": messages,
    "in a topic and a queue": lambda payload: messages(in_topic(payload)),
    "on a bus and in a queue": lambda payload: messages(on_bus(payload)),
    "on a bus, in a topic and a queue": lambda payload: messages(in_topic(on_bus(payload))),
    "in a topic": in_topic_directly,
    "on a bus and in a topic": lambda payload: in_topic_directly(on_bus(payload)),
    "in a stream": in_stream,
    "in a topic and a stream": lambda payload: in_stream(in_topic(payload)),
    "on a bus": lambda payload: json.loads(on_bus(payload)),
    "on a bus twice": lambda payload: json.loads(on_bus(on_bus(payload))),
    "in an event that failed, in a queue": lambda payload: messages(to_destination(payload)),
    "in records, in a queue": lambda payload: messages(json.dumps(in_topic_directly(payload))),
    "encoded twice, in a queue": lambda payload: messages(json.dumps(payload)),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_text_is_scored_in_any_envelope(handle, aws, wrap):
    assert handle(wrap(json.dumps(TEXT))) in (None, {"batchItemFailures": []})
    assert [result["id"] for result in aws.queue()] == ["a"]


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_object_is_scored_in_any_envelope(handle, aws, wrap):
    aws.put("incoming/new reviews.jsonl", b'{"id": 1, "text": "A great film."}\n')
    assert handle(wrap(json.dumps(event("s3")))) in (None, {"batchItemFailures": []})
    assert "scored/incoming/new reviews.jsonl" in aws.objects()


@pytest.fixture
def unsent(native, monkeypatch) -> Callable[[Any], Any]:
    """The entry point without AWS: sending a result or reading an object raises."""
    scorer = Scorer(native, Settings(results_queue_url="https://queue", max_text_characters=2000))
    router = entry.Router(entry.app, scorer, entry.app.state.telemetry)
    monkeypatch.setattr("app.aws.client", None)
    return lambda sent: router.handle(sent, None)


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_each_skipped_kind_is_skipped_with_one_log_line(unsent, caplog, kind, example, wrap):
    caplog.set_level(logging.INFO)
    assert unsent(wrap(example)) in (None, {"batchItemFailures": []})
    assert [r.getMessage() for r in caplog.records if "skipped" in r.getMessage()] == [
        f"skipped 1: {kind}"
    ]
    assert [r for r in caplog.records if r.levelno > logging.INFO] == []


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_skipped_record_does_not_affect_the_others(caplog, kind, example):
    caplog.set_level(logging.INFO)
    sent = json.loads(example)
    if "eventSource" in sent:
        sent = {"Records": [sent]}
    assert entry.handler(sent, None) in (None, {"batchItemFailures": []})
    assert f"skipped 1: {kind}" in caplog.text


def test_every_documented_kind_has_an_example():
    assert {kind for kind, _ in EXAMPLES} == {kind.name for kind in skipped.KINDS}
    assert [kind for kind, _ in KEYS[1:]] == [name for name, _ in skipped.OBJECT_KINDS]
    listed = PAGE.partition("### Envelopes")[2].partition("### Skipped")[0]
    assert re.findall(r"^- (.+)$", listed, re.MULTILINE) == [
        envelope.name for envelope in ENVELOPES
    ]


@pytest.mark.parametrize(
    "number",
    [
        *(MAX_ID_BYTES, MAX_DEPTH, MAX_ENVELOPES, MAX_LEVELS, MAX_NAME_BYTES),
        *(QueueSink.MAX_BYTES, TableSink.MAX_ITEM_BYTES),
        *(BusSink.MAX_BYTES, BusSink.ENVELOPE_BYTES),
    ],
)
def test_limits_are_documented(number):
    assert re.search(rf"\b{number:,}\b", PAGE)


def created(key: str, size: int = 9) -> dict[str, Any]:
    sent = event("s3-eventbridge")
    sent["detail"]["object"] |= {"key": key, "size": size}
    return sent


@pytest.mark.parametrize(("kind", "key"), KEYS)
def test_each_kind_of_object_is_skipped(kind, key):
    [content] = contents(created(key, 0 if "0 bytes" in kind else 9), "", parse_text)
    assert content == Skipped(kind)


@pytest.mark.parametrize(
    "key",
    [
        "incoming/dt=2026-01-01/_SUCCESS",
        "_started_8071234",
        "a/_committed_8071234",
        "a/.part-0000.csv.crc",
        "a/_temporary/0/task/part-0.parquet",
        "a/_delta_log/00000000000000000000.json",
        "a/b_$folder$",
        "__MACOSX/reviews.csv",
        "a/._reviews.csv",
    ],
)
def test_further_objects_are_skipped(key):
    assert skipped.kind_of_object(key)


@pytest.mark.parametrize(
    "key",
    [
        "reviews_SUCCESS.csv",
        "_reviews.csv",
        "a/_SUCCESS/reviews.csv",
        "my_temporary/reviews.csv",
        "a/b.crc.csv",
        ".reviews.csv",
        "a$folder$.csv",
    ],
)
def test_objects_with_similar_keys_are_scored(key):
    assert objects_of(created(key)) == [StoredObject("reviews", key)]


ODD_KEYS = [
    "a?versionId=x.csv",
    "a\tb.csv",
    "a\nb.csv",
    "a b+c.csv",
    "100%.csv",
    "%3F.csv",
    "é 日本.csv",
    "a#b&c=d.csv",
    "a//b.csv",
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_key_is_decoded_as_its_event_encodes_it(key):
    assert objects_of(created(key)) == [StoredObject("reviews", key)]
    sent = event("s3")
    sent["Records"][0]["s3"]["object"]["key"] = quote_plus(key, safe="/")
    assert objects_of(sent) == [StoredObject("reviews", key)]


def test_unreadable_object_does_not_affect_others_in_the_event(handle, aws):
    [record] = event("s3")["Records"]
    gone = json.loads(json.dumps(record).replace("new+reviews", "gone"))
    aws.put("incoming/new reviews.jsonl", b'{"id": 1, "text": "A great film."}\n')
    with pytest.raises(StorageError, match="gone.jsonl: there is no such object"):
        handle({"Records": [gone, record]})
    assert "scored/incoming/new reviews.jsonl" in aws.objects()


def test_texts_in_one_message_get_ids_of_their_own():
    notified = [{"EventSource": "aws:sns", "Sns": {"Message": text}} for text in ("Good.", "Bad.")]
    parsed = contents(json.dumps({"Records": notified}), "m", parse_text)
    assert [record.id for record in parsed if isinstance(record, Record)] == ["m#0", "m#1"]


def test_too_many_envelopes_are_refused():
    payload = json.dumps(TEXT)
    for _ in range(12):
        payload = on_bus(payload)
    [content] = contents(payload, "m", parse_text)
    assert str(content) == f"is wrapped in more than {MAX_ENVELOPES} envelopes"


def test_compressed_records_are_decompressed_up_to_a_limit():
    def in_gzip(payload: bytes) -> Any:
        return contents(gzip.compress(payload), "k", parse_text)[0]

    assert in_gzip(json.dumps(TEXT).encode()).id == "a"
    assert in_gzip(b'{"messageType": "CONTROL_MESSAGE", "logEvents": []}') == Skipped(
        "CloudWatch Logs data"
    )
    assert "10,485,760 bytes, decompressed" in str(in_gzip(bytes(50_000_000)))
    [cut] = contents(gzip.compress(b"Good.")[:-4], "k", parse_text)
    assert str(cut) == "begins like gzip but cannot be decompressed"


def aggregate(*payloads: bytes) -> bytes:
    """Aggregate as the Kinesis Producer Library does: a partition key, then the records."""

    def field(number: int, value: bytes) -> bytes:
        assert len(value) < 128
        return bytes([number << 3 | 2, len(value)]) + value

    records = b"".join(field(3, b"\x08\x00" + field(3, payload)) for payload in payloads)
    body = field(1, b"key") + records
    return b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body, usedforsecurity=False).digest()


def test_aggregated_records_are_split():
    parsed = contents(aggregate(b"Good.", b'{"id": "b", "text": "Bad."}', b"\xff"), "k", parse_text)
    assert [getattr(record, "id", str(record)) for record in parsed] == [
        "k#0",
        "b",
        "is not UTF-8 at byte 0",
    ]


@pytest.mark.property
@given(st.binary(max_size=40))
def test_any_bytes_are_parsed_or_refused(data):
    for sent in (data, b"\x1f\x8b" + data, aggregate(data), aggregate()[:4] + data):
        assert contents(sent, "k", parse_text)
    body = data + hashlib.md5(data, usedforsecurity=False).digest()
    assert isinstance(contents(b"\xf3\x89\x9a\xc2" + body, "k", parse_text), list)


KEYS_OF_EVENTS = st.sampled_from(
    re.findall(
        r"\S+",
        "text id Records eventSource EventSource eventName body kinesis data Sns Message Type s3 "
        "dynamodb NewImage OldImage bucket object key name size source detail-type detail awslogs "
        "S N M L requestContext requestPayload metadata",
    )
)
WORDS = st.sampled_from(
    re.findall(
        r"\S+",
        "aws:sqs aws:sns aws:kinesis aws:dynamodb aws:s3 aws.s3 sentiment Notification a "
        "ObjectCreated: REMOVE {} [] Zm9v",
    )
)
EVENTS = st.recursive(
    st.none() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS_OF_EVENTS, inner, max_size=5),
    max_leaves=25,
)


@pytest.mark.property
@given(EVENTS)
def test_any_payload_is_parsed_skipped_or_refused_without_its_content(arrived):
    for content in contents(arrived, "m", parse_text):
        assert isinstance(content, Record | StoredObject | Skipped | InvalidRecord)
        if isinstance(content, InvalidRecord):
            str(content).encode("ascii")


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_malformed_payload_fails(unsent, wrap):
    try:
        answer = unsent(wrap('{"title": "A great film."}'))
    except Exception as error:
        assert "failed, with the reasons in the log" in str(error)
    else:
        assert len(failed(answer)) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"source": "my.app", "detail-type": "Scheduled Event", "detail": TEXT},
        {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": TEXT},
        {"source": "aws.partner/shop", "detail-type": "Review", "detail": TEXT},
        {"source": "sentiment", "detail-type": "Review", "detail": TEXT},
        {"review": "great", "ping": "x"},
        {"message": "great", "warmer": True},
        {"source": "aws.partner/shop", "detail-type": "Review", "detail": {"review": "great"}},
    ],
)
def test_payload_that_may_hold_a_text_is_never_skipped(payload):
    assert not skipped.kind_of(payload)


@pytest.mark.parametrize("key", ["_started_reviews.csv", "a/_committed_reviews.csv", "started"])
def test_object_with_a_name_similar_to_a_job_file_is_scored(key):
    assert not skipped.kind_of_object(key, 9)


@pytest.mark.parametrize("image", [{}, {"id": {"S": "a"}}], ids=["without", "of another kind"])
def test_table_item_without_a_text_is_skipped(image):
    change = {"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {"NewImage": image}}
    assert skipped.kind_of(change)


@pytest.mark.parametrize("source", ["aws:s3", "aws:dynamodb"])
def test_incomplete_record_is_not_skipped(source):
    assert not skipped.kind_of({"eventSource": source})
