"""The deployed stack: from the queue and the bucket to the sinks and dead letters."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.stack.conftest import Stack

TIMEOUT = 60
"""Seconds to wait for a result, which usually takes one."""


def eventually(poll: Callable[[], Any]) -> Any:
    """Poll until the result is truthy, and return it."""
    deadline = time.monotonic() + TIMEOUT
    while not (result := poll()):
        assert time.monotonic() < deadline, "nothing has arrived"
        time.sleep(0.2)
    return result


def receive(stack: Stack, queue: str, count: int) -> list[dict[str, Any]]:
    """Receive and delete this many messages of a queue."""
    sqs, url = stack.client("sqs"), stack.resources[queue]
    messages: list[dict[str, Any]] = []

    def take() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", ()):
            messages.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages) >= count

    eventually(take)
    return messages


def send(stack: Stack, *bodies: str) -> None:
    stack.client("sqs").send_message_batch(
        QueueUrl=stack.outputs["ReviewsQueueUrl"],
        Entries=[{"Id": str(i), "MessageBody": body} for i, body in enumerate(bodies)],
    )


def put(stack: Stack, key: str, body: str) -> None:
    stack.client("s3").put_object(
        Bucket=stack.outputs["ReviewsBucketName"], Key=key, Body=body.encode()
    )


def get(stack: Stack, key: str) -> bytes | None:
    s3 = stack.client("s3")
    try:
        return s3.get_object(Bucket=stack.outputs["ReviewsBucketName"], Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def run_backfill(stack: Stack, **job: Any) -> dict[str, Any]:
    """Run the state machine, and return the description of the ended execution."""
    states = stack.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=stack.outputs["BackfillArn"],
        input=json.dumps({"bucket": stack.outputs["ReviewsBucketName"], **job}),
    )

    def ended() -> dict[str, Any] | None:
        execution = states.describe_execution(executionArn=started["executionArn"])
        return None if execution["status"] == "RUNNING" else execution

    return eventually(ended)


@pytest.fixture
def bus(stack: Stack) -> str:
    """The name of a queue that receives the events of the results bus."""
    sqs, events = stack.client("sqs"), stack.client("events")
    url = sqs.create_queue(QueueName="bus-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    name = stack.outputs["ResultsBusName"]
    events.put_rule(Name="bus-events", EventBusName=name, EventPattern='{"source": ["sentiment"]}')
    target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule="bus-events", EventBusName=name, Targets=[target])
    stack.resources["bus-events"] = url
    return "bus-events"


def test_messages_are_scored_into_every_sink(stack: Stack, bus: str) -> None:
    send(stack, "A wonderful film.", '{"id": "r-2", "text": "A dreadful film.", "metadata": 7}')
    results = [json.loads(message["Body"]) for message in receive(stack, "ResultsQueue", 2)]
    assert sorted(result["sentiment"] for result in results) == ["Negative", "Positive"]
    table = stack.outputs["ResultsTableName"]

    def all_are_in_the_table() -> bool:
        items = stack.client("dynamodb").scan(TableName=table)["Items"]
        return {item["id"]["S"] for item in items} >= {result["id"] for result in results}

    # The queue is written before the table.
    assert eventually(all_are_in_the_table)
    details = [json.loads(message["Body"])["detail"] for message in receive(stack, bus, 2)]
    assert {detail["id"]: detail.get("metadata") for detail in details}["r-2"] == 7


def test_invalid_message_becomes_a_dead_letter_and_the_others_are_scored(stack: Stack) -> None:
    # Shortens the template's visibility timeout of 90 minutes.
    stack.client("sqs").set_queue_attributes(
        QueueUrl=stack.outputs["ReviewsQueueUrl"], Attributes={"VisibilityTimeout": "1"}
    )
    good = ('{"id": "r-3", "text": "A fine film."}', '{"id": "r-4", "text": "Dull."}')
    send(stack, good[0], '{"id": "poison"}', good[1])
    [dead] = receive(stack, "ReviewsDeadLetters", 1)
    assert dead["Body"] == '{"id": "poison"}'
    items = stack.client("dynamodb").scan(TableName=stack.outputs["ResultsTableName"])["Items"]
    sentiments = {item["id"]["S"]: item["sentiment"]["S"] for item in items}
    assert sentiments.items() >= {"r-3": "Positive", "r-4": "Negative"}.items()
    assert "poison" not in sentiments


def test_uploaded_object_is_scored(stack: Stack) -> None:
    put(stack, "incoming/week 1/reviews.csv", "id,text\n1,Great fun.\n2,\n3,A bore.\n")
    scored = eventually(lambda: get(stack, "scored/incoming/week 1/reviews.csv")).decode()
    assert [row.split(",")[:3] for row in scored.splitlines()] == [
        ["id", "text", "sentiment"],
        ["1", "Great fun.", "Positive"],
        ["3", "A bore.", "Negative"],
    ]
    summary = eventually(lambda: get(stack, "scored/incoming/week 1/reviews.csv.summary.json"))
    assert json.loads(summary)["rejected"] == 1


def test_unreadable_object_becomes_a_dead_letter(stack: Stack) -> None:
    stack.client("sqs").set_queue_attributes(
        QueueUrl=stack.resources["ObjectsQueue"], Attributes={"VisibilityTimeout": "1"}
    )
    put(stack, "incoming/photo.jpg", "no text")
    [dead] = receive(stack, "ObjectsDeadLetters", 1)
    assert json.loads(dead["Body"])["detail"]["object"]["key"] == "incoming/photo.jpg"


def test_backfill_scores_the_rows_of_an_object(stack: Stack) -> None:
    rows = [{"id": f"r{i}", "text": text} for i, text in enumerate(["Superb.", "Awful."] * 5)]
    put(stack, "archive/reviews.jsonl", "\n".join(map(json.dumps, rows)))
    ended = run_backfill(stack, key="archive/reviews.jsonl")
    assert [(row["index"], row["id"], row["sentiment"]) for row in mapped(ended)] == [
        (i, row["id"], "Positive" if row["text"] == "Superb." else "Negative")
        for i, row in enumerate(rows)
    ]


def mapped(ended: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the answers of an execution's rows."""
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    batches = json.loads(ended["output"])["map"]
    return [row for batch in batches for row in batch["results"]]


@pytest.mark.parametrize(
    ("key", "job", "separator"),
    [
        ("archive/SHOUTED.CSV", {}, ","),
        ("archive/tabs.tsv", {}, "\t"),
        ("archive/European.Csv", {"delimiter": ";"}, ";"),
        ("archive/piped", {"format": "csv", "delimiter": "|"}, "|"),
    ],
)
def test_backfill_reads_csv_by_suffix_or_input(
    stack: Stack, key: str, job: dict[str, str], separator: str
) -> None:
    rows = [("id", "text"), ("a", "Superb."), ("b", "Awful.")]
    put(stack, key, "".join(f"{separator.join(row)}\n" for row in rows))
    answers = mapped(run_backfill(stack, key=key, **job))
    assert [(row["index"], row["id"], row["sentiment"]) for row in answers] == [
        (0, "a", "Positive"),
        (1, "b", "Negative"),
    ]


@pytest.mark.parametrize("key", ["archive/lines.ndjson", "archive/LINES.JSONL"])
def test_backfill_reads_json_lines_by_suffix(stack: Stack, key: str) -> None:
    put(stack, key, '{"text": "Superb."}\n{"text": "Awful."}\n')
    answers = mapped(run_backfill(stack, key=key))
    assert [(row["index"], row["id"]) for row in answers] == [(0, "0"), (1, "1")]


def test_backfill_pins_the_current_version(stack: Stack) -> None:
    put(stack, "archive/pinned.jsonl", '{"text": "Superb."}\n')
    bucket = stack.outputs["ReviewsBucketName"]
    head = stack.client("s3").head_object(Bucket=bucket, Key="archive/pinned.jsonl")
    ended = run_backfill(stack, key="archive/pinned.jsonl")
    assert json.loads(ended["output"])["version_id"] == head["VersionId"]


def test_backfill_scores_the_objects_under_a_prefix(stack: Stack) -> None:
    for name in ("a.txt", "b.txt"):
        put(stack, f"archive/year/{name}", "Superb.\nAwful.\n")
    ended = run_backfill(stack, prefix="archive/year/")
    assert ended["status"] == "SUCCEEDED"
    assert len(get(stack, "scored/archive/year/b.txt").splitlines()) == 2


def test_backfill_fails_if_too_many_items_fail(stack: Stack) -> None:
    rows = [{"text": "Fine."}, {"text": " "}, {"text": ""}, {"no": "text"}]
    put(stack, "archive/broken.jsonl", "\n".join(map(json.dumps, rows)))
    ended = run_backfill(stack, key="archive/broken.jsonl")
    assert ended["status"] == "FAILED"
    assert ended["error"] == "States.ExceedToleratedFailureThreshold"
    assert dead_object(stack) == ("archive/broken.jsonl", ended["error"], ended["executionArn"])


def dead_object(stack: Stack) -> tuple[str, str, str]:
    """Return the key, error and execution of the next dead letter, an event of an object."""
    [dead] = receive(stack, "ObjectsDeadLetters", 1)
    body = json.loads(dead["Body"])
    assert (body["source"], body["detail-type"]) == ("aws.s3", "Object Created")
    assert body["detail"]["bucket"]["name"] == stack.outputs["ReviewsBucketName"]
    return body["detail"]["object"]["key"], body["error"], body["execution"]


def test_backfill_of_a_missing_object_becomes_a_dead_letter(stack: Stack) -> None:
    ended = run_backfill(stack, key="archive/gone.jsonl")
    assert ended["status"] == "FAILED"
    assert dead_object(stack) == ("archive/gone.jsonl", ended["error"], ended["executionArn"])


def test_dead_letter_of_a_backfill_can_be_redriven(stack: Stack) -> None:
    run_backfill(stack, key="archive/corrected.jsonl")
    [dead] = receive(stack, "ObjectsDeadLetters", 1)
    put(stack, "archive/corrected.jsonl", '{"text": "Superb."}\n')
    queue = stack.resources["ObjectsQueue"]
    stack.client("sqs").send_message(QueueUrl=queue, MessageBody=dead["Body"])
    assert eventually(lambda: get(stack, "scored/archive/corrected.jsonl"))


def test_each_failed_object_of_a_prefix_becomes_a_dead_letter(stack: Stack) -> None:
    put(stack, "archive/mixed/a.txt", "Superb.\n")
    put(stack, "archive/mixed/b.jpg", "no text")
    ended = run_backfill(stack, prefix="archive/mixed/")
    assert ended["status"] == "FAILED"
    event, job = (json.loads(each["Body"]) for each in receive(stack, "ObjectsDeadLetters", 2))
    assert event["detail"]["object"]["key"] == "archive/mixed/b.jpg"
    assert (job["prefix"], job["execution"]) == ("archive/mixed/", ended["executionArn"])


def test_stopped_backfill_becomes_a_dead_letter(stack: Stack) -> None:
    put(stack, "archive/stopped.jsonl", '{"text": "Superb."}\n' * 200)
    states = stack.client("stepfunctions")
    job = {"bucket": stack.outputs["ReviewsBucketName"], "key": "archive/stopped.jsonl"}
    started = states.start_execution(
        stateMachineArn=stack.outputs["BackfillArn"], input=json.dumps(job)
    )
    states.stop_execution(executionArn=started["executionArn"])
    [dead] = receive(stack, "ObjectsDeadLetters", 1)
    detail = json.loads(dead["Body"])["detail"]
    assert (detail["status"], json.loads(detail["input"])) == ("ABORTED", job)
    assert detail["executionArn"] == started["executionArn"]


def test_failed_asynchronous_event_becomes_a_dead_letter(stack: Stack) -> None:
    event = {"text": " "}
    stack.client("lambda").invoke(
        FunctionName=stack.resources["EventsFunction"],
        InvocationType="Event",
        Payload=json.dumps(event),
    )
    [dead] = receive(stack, "EventsDeadLetters", 1)
    assert json.loads(dead["Body"])["requestPayload"] == event


def test_backfill_of_an_unmappable_format_fails(stack: Stack) -> None:
    ended = run_backfill(stack, key="archive/reviews.parquet")
    assert (ended["status"], ended["error"]) == ("FAILED", "NotMappable")
    assert dead_object(stack) == ("archive/reviews.parquet", "NotMappable", ended["executionArn"])
