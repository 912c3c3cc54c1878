"""Objects in S3, through the handler, by every way that the event of them comes."""

import json
from types import SimpleNamespace

import pytest

import handler as entry
from app.objects import bucket, formats
from app.objects.bucket import DoesNotFit
from app.objects.formats import UnreadableObject
from app.serving import Scorer
from app.settings import Settings
from tests.events.test_sources import event, failed, messages

KEY = "incoming/new reviews.jsonl"
SCORED = f"scored/{KEY}"
ROWS = b'{"id": 1, "text": "A great film."}\n{"id": 2, "text": "A dull mess."}\n{"id": 3}\n'


def found(objects: dict[str, bytes]) -> dict[int, str]:
    rows = [json.loads(line) for line in objects[SCORED].splitlines()]
    return {row["id"]: row["sentiment"] for row in rows}


def in_topic(message: dict) -> dict:
    return {"Type": "Notification", "Message": json.dumps(message)}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(event("s3"), id="directly"),
        pytest.param(event("s3-eventbridge"), id="through EventBridge"),
        pytest.param(messages(json.dumps(event("s3"))), id="through a queue"),
        pytest.param(messages(json.dumps(in_topic(event("s3")))), id="a topic and a queue"),
        pytest.param(messages(json.dumps(event("s3-eventbridge"))), id="EventBridge and a queue"),
    ],
)
def test_an_object_comes_back_scored(handle, aws, sent):
    aws.put(KEY, ROWS)
    assert handle(sent) in (None, {"batchItemFailures": []})
    objects = aws.objects()
    assert found(objects) == {1: "Positive", 2: "Negative"}
    [rejected] = [json.loads(line) for line in objects[f"rejected/{KEY}.jsonl"].splitlines()]
    assert rejected["line"] == 3
    summary = json.loads(objects[f"{SCORED}.summary.json"])
    assert (summary["rows"], summary["rejected"]) == (3, 1)
    assert aws.queue() == []


@pytest.mark.parametrize("prefix", ["scored/", "rejected/"])
def test_its_own_objects_are_not_scored_again(handle, aws, prefix):
    aws.put(prefix + KEY, ROWS)
    handle(json.loads(json.dumps(event("s3")).replace("incoming/", f"{prefix}incoming/")))
    assert list(aws.objects()) == [prefix + KEY]


def test_s3s_test_of_a_new_target_is_taken_for_what_it_is(handle):
    sent = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "reviews"}
    assert failed(handle(messages(json.dumps(sent)))) == []


def test_an_object_that_cannot_be_read_fails_its_message_alone(handle, aws, caplog):
    aws.put(KEY, ROWS)
    gone = json.dumps(event("s3")).replace("new+reviews", "gone")
    assert failed(handle(messages(gone, json.dumps(event("s3")), "Good."))) == ["m0"]
    assert found(aws.objects()) == {1: "Positive", 2: "Negative"}
    assert len(aws.queue()) == 1
    assert "record m0 failed" in caplog.text


def test_an_object_of_no_known_format_raises(handle, aws):
    sent = json.loads(json.dumps(event("s3")).replace(".jsonl", ".pdf"))
    with pytest.raises(UnreadableObject, match="expected .jsonl"):
        handle(sent)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(formats.rows, "CHUNK_ROWS", 1)


def test_a_killed_invocation_leaves_nothing_and_its_retry_all(
    handle, aws, native, monkeypatch, small_chunks
):
    class Killed(BaseException):
        pass

    predict = native.predict

    def killed_at_the_second(texts):
        if texts[0] == "A dull mess.":
            raise Killed
        return predict(texts)

    aws.put(KEY, ROWS)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(native, "predict", killed_at_the_second)
        handle(event("s3"))
    assert list(aws.objects()) == [KEY]
    assert aws.uploads() == []
    handle(event("s3"))
    assert found(aws.objects()) == {1: "Positive", 2: "Negative"}


class Clock:
    """A Lambda context with less time left at each look."""

    def __init__(self, *seconds: float) -> None:
        self._seconds = list(seconds)

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * self._seconds.pop(0))


def test_an_object_that_does_not_fit_is_handed_to_the_state_machine(
    aws, native, monkeypatch, small_chunks
):
    started = []
    client = SimpleNamespace(
        start_execution=lambda **given: started.append(given) or {"executionArn": "arn:x"}
    )
    monkeypatch.setattr("app.aws.client", lambda name: client)
    settings = Settings(state_machine="arn:aws:states:us-east-1:123456789012:stateMachine:score")
    monkeypatch.setattr(entry, "SOURCES", entry.sources(Scorer(native, settings)))
    aws.put(KEY, ROWS)
    # The first row took 100 seconds: of the 210 that are left, two such and the reserve are not.
    entry.handler(event("s3"), Clock(310, 210, 0))
    assert [json.loads(given["input"]) for given in started] == [{"bucket": "reviews", "key": KEY}]
    assert list(aws.objects()) == [KEY]
    assert aws.uploads() == []


def test_an_object_that_does_not_fit_and_nobody_takes_over_raises(handle, aws, small_chunks):
    aws.put(KEY, ROWS)
    with pytest.raises(DoesNotFit, match="or set SENTIMENT_STATE_MACHINE"):
        handle(event("s3"), Clock(310, 210))


def test_an_object_that_does_not_fit_and_has_no_rows_to_map_raises(
    aws, native, monkeypatch, small_chunks
):
    settings = Settings(state_machine="arn:aws:states:us-east-1:123456789012:stateMachine:score")
    monkeypatch.setattr(entry, "SOURCES", entry.sources(Scorer(native, settings)))
    aws.put("incoming/reviews.txt", b"Good.\nBad.\n")
    sent = json.loads(json.dumps(event("s3")).replace("new+reviews.jsonl", "reviews.txt"))
    with pytest.raises(DoesNotFit, match="or have it as .jsonl or .csv"):
        entry.handler(sent, Clock(310, 210))


def test_time_is_kept_to_hand_an_object_over():
    watch = bucket._stopping_in_time(Clock(100, 90, 36, 35))
    with pytest.raises(bucket._OutOfTime):
        for _ in range(3):
            watch(None, None)
