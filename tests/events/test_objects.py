"""S3 objects, scored through the handler, from every source of their events."""

import gzip
import json
from urllib.parse import quote_plus

import boto3
import pytest

import handler as entry
from app.objects import formats, s3
from app.objects.budget import RESERVE_SECONDS
from app.objects.formats import UnreadableObject
from app.objects.handover import DoesNotFit, HandOverFailed
from app.scoring.scorer import Scorer
from app.settings import Settings
from app.telemetry.exceptions import InternalError
from tests.events.test_sources import event, failed, messages

KEY = "incoming/new reviews.jsonl"
SCORED = f"scored/{KEY}"
ROWS = b'{"id": 1, "text": "A great film."}\n{"id": 2, "text": "A dull mess."}\n{"id": 3}\n'


def sentiments(objects: dict[str, bytes]) -> dict[int, str]:
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
def test_object_is_scored(handle, aws, sent):
    aws.put(KEY, ROWS)
    assert handle(sent) in (None, {"batchItemFailures": []})
    objects = aws.objects()
    assert sentiments(objects) == {1: "Positive", 2: "Negative"}
    [rejected] = [json.loads(line) for line in objects[f"rejected/{KEY}.jsonl"].splitlines()]
    assert rejected["line"] == 3
    summary = json.loads(objects[f"{SCORED}.summary.json"])
    assert (summary["rows"], summary["rejected"]) == (3, 1)
    assert aws.queue() == []


@pytest.mark.parametrize("prefix", ["scored/", "rejected/"])
def test_own_results_are_not_scored(handle, aws, prefix):
    aws.put(prefix + KEY, ROWS)
    handle(json.loads(json.dumps(event("s3")).replace("incoming/", f"{prefix}incoming/")))
    assert list(aws.objects()) == [prefix + KEY]


def test_s3_test_event_is_skipped(handle):
    sent = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "reviews"}
    assert failed(handle(messages(json.dumps(sent)))) == []


def test_unreadable_object_fails_its_message_alone(handle, aws, caplog):
    aws.put(KEY, ROWS)
    gone = json.dumps(event("s3")).replace("new+reviews", "gone")
    assert failed(handle(messages(gone, json.dumps(event("s3")), "Good."))) == ["m0"]
    assert sentiments(aws.objects()) == {1: "Positive", 2: "Negative"}
    assert len(aws.queue()) == 1
    assert "record m0 failed: StorageError: s3://reviews/incoming/gone.jsonl" in caplog.text


def test_object_of_an_unknown_format_raises(handle, aws):
    aws.put(KEY.replace(".jsonl", ".pdf"), b"%PDF-1.7")
    sent = json.loads(json.dumps(event("s3")).replace(".jsonl", ".pdf"))
    with pytest.raises(UnreadableObject, match="expected .jsonl"):
        handle(sent)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(formats.rows, "CHUNK_ROWS", 1)


def test_killed_invocation_leaves_nothing_and_its_retry_everything(
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
    with monkeypatch.context() as patch, pytest.raises(InternalError, match="Killed"):
        patch.setattr(native, "predict", killed_at_the_second)
        handle(event("s3"))
    assert list(aws.objects()) == [KEY]
    assert aws.uploads() == []
    handle(event("s3"))
    assert sentiments(aws.objects()) == {1: "Positive", 2: "Negative"}


class Clock:
    """A Lambda context whose time passes only as texts are scored."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * self.left)


class Ticking(Clock):
    """A clock that loses a second each time it is read."""

    def get_remaining_time_in_millis(self) -> int:
        self.left -= 1
        return super().get_remaining_time_in_millis()


MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:score"


@pytest.fixture
def machine(aws, native, monkeypatch):
    """A state machine for the handler; returns its executions, newest first."""
    states = boto3.client("stepfunctions")
    states.create_state_machine(
        name="score",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/score",
    )
    settings = Settings(state_machine=MACHINE, results_queue_url=aws.queue_url)
    router = entry.Router(entry.app, Scorer(native, settings), entry.app.state.telemetry)
    monkeypatch.setattr(entry, "handler", router.handle)

    def executions() -> list[dict]:
        listed = states.list_executions(stateMachineArn=MACHINE)["executions"]
        arns = [execution["executionArn"] for execution in listed]
        return [states.describe_execution(executionArn=arn) for arn in arns]

    return executions


@pytest.fixture
def takes(native, monkeypatch):
    """Returns a function that makes scoring take time on a clock, in seconds per character."""

    def install(clock: Clock, seconds_per_character: float) -> None:
        predict = native.predict

        def slow(texts):
            clock.left -= seconds_per_character * sum(map(len, texts))
            return predict(texts)

        monkeypatch.setattr(native, "predict", slow)

    return install


def about(key: str) -> dict:
    return json.loads(
        json.dumps(event("s3")).replace("incoming/new+reviews.jsonl", quote_plus(key))
    )


def job(execution: dict) -> dict:
    return json.loads(execution["input"])


def test_object_that_takes_too_long_is_handed_over(aws, machine, takes):
    aws.put(KEY, ROWS * 400)
    takes(clock := Clock(22), 0.001)
    entry.handler(event("s3"), clock)
    assert [job(execution) for execution in machine()] == [
        {"bucket": "reviews", "key": KEY, "format": "jsonl"}
    ]
    assert clock.left >= RESERVE_SECONDS
    assert list(aws.objects()) == [KEY]
    assert aws.uploads() == []


@pytest.mark.parametrize("end", ["jsonl", "ndjson", "JSONL", "csv", "CSV", "Csv"])
def test_job_has_the_format_of_any_suffix(aws, machine, end):
    rows = b"text\nGood.\nBad.\n" if end.lower() == "csv" else ROWS
    aws.put(f"incoming/r.{end}", rows)
    clock = Clock(RESERVE_SECONDS)
    entry.handler(about(f"incoming/r.{end}"), clock)
    assert job(*machine())["format"] == ("csv" if end.lower() == "csv" else "jsonl")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_job_has_the_delimiter(aws, machine, delimiter):
    aws.put("incoming/r.csv", f"id{delimiter}text\n1{delimiter}Good.\n2{delimiter}Bad.\n".encode())
    clock = Clock(RESERVE_SECONDS)
    entry.handler(about("incoming/r.csv"), clock)
    assert job(*machine())["delimiter"] == delimiter


def test_job_has_the_version_of_the_object(aws, machine):
    versioning = {"Status": "Enabled"}
    boto3.client("s3").put_bucket_versioning(Bucket="reviews", VersioningConfiguration=versioning)
    version = aws.put(KEY, ROWS)["VersionId"]
    clock = Clock(RESERVE_SECONDS)
    entry.handler(event("s3"), clock)
    assert job(*machine())["version_id"] == version


def test_repeated_event_starts_no_second_execution(aws, machine):
    aws.put(KEY, ROWS)
    clock = Clock(RESERVE_SECONDS)
    entry.handler(event("s3"), clock)
    entry.handler(event("s3"), clock)
    assert len(machine()) == 1
    aws.put(KEY, ROWS.replace(b"great", b"fine"))
    entry.handler(event("s3"), clock)
    assert len(machine()) == 2


def test_failed_execution_is_started_again(aws, machine):
    aws.put(KEY, ROWS)
    clock = Clock(RESERVE_SECONDS)
    entry.handler(event("s3"), clock)
    boto3.client("stepfunctions").stop_execution(executionArn=machine()[0]["executionArn"])
    entry.handler(event("s3"), clock)
    assert len({execution["name"] for execution in machine()}) == 2
    assert len({execution["input"] for execution in machine()}) == 1


def test_failed_hand_over_fails_the_message(aws, machine):
    aws.put(KEY, ROWS)
    boto3.client("stepfunctions").delete_state_machine(stateMachineArn=MACHINE)
    clock = Clock(RESERVE_SECONDS)
    with pytest.raises(HandOverFailed, match="StateMachineDoesNotExist"):
        entry.handler(event("s3"), clock)
    assert failed(entry.handler(messages(json.dumps(event("s3"))), clock)) == ["m0"]


def test_object_that_takes_too_long_raises_without_a_state_machine(handle, aws):
    aws.put(KEY, ROWS)
    clock = Clock(RESERVE_SECONDS)
    with pytest.raises(DoesNotFit, match="or set SENTIMENT_STATE_MACHINE"):
        handle(event("s3"), clock)


def test_object_behind_a_slow_one_is_not_too_long_itself(handle, aws, takes, caplog):
    aws.put(KEY, ROWS)
    aws.put("incoming/other.jsonl", ROWS)
    takes(clock := Clock(RESERVE_SECONDS + 26), 1)  # for 25 characters
    sent = messages(json.dumps(event("s3")), json.dumps(about("incoming/other.jsonl")))
    assert failed(entry.handler(sent, clock)) == ["m1"]
    assert "m1 failed: was not finished in the time that other objects left" in caplog.text


def test_object_is_handed_over_again_once_its_results_may_be_neutral(aws, machine, native):
    aws.put(KEY, ROWS)
    entry.handler(event("s3"), Clock(RESERVE_SECONDS))
    settings = Settings(state_machine=MACHINE, results_queue_url=aws.queue_url, neutral=True)
    router = entry.Router(entry.app, Scorer(native, settings), entry.app.state.telemetry)
    router.handle(event("s3"), Clock(RESERVE_SECONDS))
    assert len(machine()) == 2


def test_object_that_takes_too_long_raises_if_its_format_cannot_be_handed_over(aws, machine):
    for key, body in (
        ("r.txt", b"Good.\nBad.\n"),
        ("r.jsonl.gz", gzip.compress(ROWS)),
        ("r.jsonl", gzip.compress(ROWS)),
        ("r.csv", "id,text\n1,Good.\n2,Bad.\n".encode("utf-16")),
        ("r.csv", b"sep=;\nid;text\n1;Good.\n2;Bad.\n"),
    ):
        aws.put(f"incoming/{key}", body)
        clock = Clock(RESERVE_SECONDS)
        with pytest.raises(DoesNotFit, match="or provide it as uncompressed JSON Lines or CSV"):
            entry.handler(about(f"incoming/{key}"), clock)
    assert machine() == []


def test_late_text_that_takes_too_long_is_not_started(aws, machine, takes):
    # 600 short rows at a hundredth of a second each, then one of 80 seconds, with 90 left.
    short = b'{"text": "A good film, and well made."}\n' * 600
    aws.put(KEY, short + b'{"text": "' + b"A good film, and well made. " * 70 + b'"}\n' + short)
    takes(clock := Clock(90 + 600 * 28 * 0.04), 0.04)
    entry.handler(event("s3"), clock)
    assert len(machine()) == 1
    assert clock.left >= RESERVE_SECONDS


def test_slow_storage_leaves_time_to_hand_over(aws, machine, monkeypatch):
    aws.put(KEY, ROWS * 40_000)
    clock = Clock(100)
    read = s3.Download._read

    def slow(body, count):
        clock.left -= 9
        return read(body, count)

    monkeypatch.setattr(s3.Download, "_read", slow)
    entry.handler(event("s3"), clock)
    assert len(machine()) == 1
    assert clock.left >= RESERVE_SECONDS


@pytest.mark.parametrize("end", ["jsonl.gz", "csv.gz", "txt.gz"])
def test_blank_lines_count_against_the_time_budget(aws, machine, end):
    # 20 MB of newlines in 20 KB, which are read at once.
    head = {"csv.gz": b"id,text\n", "jsonl.gz": b'{"text": "Good."}\n'}.get(end, b"Good.\n")
    aws.put(f"incoming/r.{end}", gzip.compress(head + b"\n" * 20_000_000))
    clock = Ticking(22)
    with pytest.raises(DoesNotFit):
        entry.handler(about(f"incoming/r.{end}"), clock)
    assert clock.left >= RESERVE_SECONDS


def test_object_overwritten_while_read_fails_and_is_scored_on_retry(
    handle, aws, native, monkeypatch, small_chunks
):
    predict = native.predict
    new = ROWS.replace(b"great", b"dreadful")

    def overwritten(texts):
        aws.put(KEY, new)
        return predict(texts)

    aws.put(KEY, ROWS)
    with monkeypatch.context() as patch:
        patch.setattr(native, "predict", overwritten)
        assert failed(handle(messages(json.dumps(event("s3"))))) == ["m0"]
    assert aws.objects() == {KEY: new}
    assert failed(handle(messages(json.dumps(event("s3"))))) == []
    assert sentiments(aws.objects()) == {1: "Negative", 2: "Negative"}


def test_upload_without_rejects_removes_earlier_rejects(handle, aws):
    aws.put(KEY, ROWS)
    handle(event("s3"))
    assert f"rejected/{KEY}.jsonl" in aws.objects()
    aws.put(KEY, ROWS.replace(b'{"id": 3}\n', b""))
    handle(event("s3"))
    assert set(aws.objects()) == {KEY, SCORED, f"{SCORED}.summary.json"}


def test_empty_object_is_skipped(handle, aws, caplog):
    aws.put(KEY, b"")
    caplog.set_level("INFO")
    assert handle(event("s3")) is None
    assert list(aws.objects()) == [KEY]
    assert "is empty and is not scored" in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "a?versionId=1.jsonl",
        "a\tb\nc.jsonl",
        "100%25+.jsonl",
        "user:secret@host/x.jsonl",
        "//double//slash.jsonl",
        "../up.jsonl",
        "günstig 😀.jsonl",
        "a#b?c&d=e.jsonl",
    ],
)
def test_keys_are_used_unchanged(handle, aws, name):
    key = f"incoming/{name}"
    aws.put(key, ROWS)
    handle(about(key))
    assert set(aws.objects()) == {
        key, f"scored/{key}", f"scored/{key}.summary.json", f"rejected/{key}.jsonl",
    }  # fmt: skip
