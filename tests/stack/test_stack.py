"""What the deployed stack does with what arrives: from the queue and the bucket to the results."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.stack.conftest import Stack

PATIENCE = 60
"""Seconds that something may take to arrive; it takes about one."""


def eventually(find: Callable[[], Any]) -> Any:
    """Return what is found, as soon as it is."""
    deadline = time.monotonic() + PATIENCE
    while not (found := find()):
        assert time.monotonic() < deadline, "nothing has arrived"
        time.sleep(0.2)
    return found


def receive(stack: Stack, queue: str, count: int) -> list[dict[str, Any]]:
    """Return that many messages of a queue, and remove them."""
    sqs, url = stack.client("sqs"), stack.resources[queue]
    found: list[dict[str, Any]] = []

    def take() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in answer.get("Messages", ()):
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count

    eventually(take)
    return found


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
    """Return how an execution of the state machine ended."""
    states = stack.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=stack.outputs["BackfillArn"],
        input=json.dumps({"bucket": stack.outputs["ReviewsBucketName"], **job}),
    )

    def ended() -> dict[str, Any] | None:
        found = states.describe_execution(executionArn=started["executionArn"])
        return None if found["status"] == "RUNNING" else found

    return eventually(ended)


@pytest.fixture
def bus(stack: Stack) -> str:
    """The name of a queue that hears what the results bus gets."""
    sqs, events = stack.client("sqs"), stack.client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    name = stack.outputs["ResultsBusName"]
    events.put_rule(Name="heard", EventBusName=name, EventPattern='{"source": ["sentiment"]}')
    target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule="heard", EventBusName=name, Targets=[target])
    stack.resources["heard"] = url
    return "heard"


def test_messages_in_the_queue_come_out_in_every_sink(stack: Stack, bus: str) -> None:
    send(stack, "A wonderful film.", '{"id": "r-2", "text": "A dreadful film.", "metadata": 7}')
    results = [json.loads(message["Body"]) for message in receive(stack, "ResultsQueue", 2)]
    assert sorted(result["sentiment"] for result in results) == ["Negative", "Positive"]
    items = stack.client("dynamodb").scan(TableName=stack.outputs["ResultsTableName"])["Items"]
    assert {item["id"]["S"] for item in items} >= {result["id"] for result in results}
    heard = [json.loads(message["Body"])["detail"] for message in receive(stack, bus, 2)]
    assert {detail["id"]: detail.get("metadata") for detail in heard}["r-2"] == 7


def test_poison_ends_in_the_dead_letter_queue_and_the_others_in_the_sinks(stack: Stack) -> None:
    # The template's 90 minutes until a message is seen again are too long to wait for.
    stack.client("sqs").set_queue_attributes(
        QueueUrl=stack.outputs["ReviewsQueueUrl"], Attributes={"VisibilityTimeout": "1"}
    )
    good = ('{"id": "r-3", "text": "A fine film."}', '{"id": "r-4", "text": "Dull."}')
    send(stack, good[0], '{"id": "poison"}', good[1])
    [dead] = receive(stack, "ReviewsDeadLetters", 1)
    assert dead["Body"] == '{"id": "poison"}'
    items = stack.client("dynamodb").scan(TableName=stack.outputs["ResultsTableName"])["Items"]
    found = {item["id"]["S"]: item["sentiment"]["S"] for item in items}
    assert found.items() >= {"r-3": "Positive", "r-4": "Negative"}.items()
    assert "poison" not in found


def test_an_object_put_in_the_bucket_comes_back_scored(stack: Stack) -> None:
    put(stack, "incoming/week 1/reviews.csv", "id,text\n1,Great fun.\n2,\n3,A bore.\n")
    scored = eventually(lambda: get(stack, "scored/incoming/week 1/reviews.csv")).decode()
    assert [row.split(",")[:3] for row in scored.splitlines()] == [
        ["id", "text", "sentiment"],
        ["1", "Great fun.", "Positive"],
        ["3", "A bore.", "Negative"],
    ]
    summary = eventually(lambda: get(stack, "scored/incoming/week 1/reviews.csv.summary.json"))
    assert json.loads(summary)["rejected"] == 1


def test_an_object_that_cannot_be_read_ends_in_the_dead_letter_queue(stack: Stack) -> None:
    stack.client("sqs").set_queue_attributes(
        QueueUrl=stack.resources["ObjectsQueue"], Attributes={"VisibilityTimeout": "1"}
    )
    put(stack, "incoming/photo.jpg", "no text")
    [dead] = receive(stack, "ObjectsDeadLetters", 1)
    assert json.loads(dead["Body"])["detail"]["object"]["key"] == "incoming/photo.jpg"


def test_backfill_maps_the_rows_of_an_object_to_the_end(stack: Stack) -> None:
    rows = [{"id": f"r{i}", "text": text} for i, text in enumerate(["Superb.", "Awful."] * 5)]
    put(stack, "archive/reviews.jsonl", "\n".join(map(json.dumps, rows)))
    ended = run_backfill(stack, key="archive/reviews.jsonl")
    assert ended["status"] == "SUCCEEDED"
    found = json.loads(ended["output"])["map"]
    assert [(row["id"], row["sentiment"]) for row in found] == [
        (row["id"], "Positive" if row["text"] == "Superb." else "Negative") for row in rows
    ]


def test_backfill_maps_the_objects_under_a_prefix(stack: Stack) -> None:
    for name in ("a.txt", "b.txt"):
        put(stack, f"archive/year/{name}", "Superb.\nAwful.\n")
    ended = run_backfill(stack, prefix="archive/year/")
    assert ended["status"] == "SUCCEEDED"
    assert len(get(stack, "scored/archive/year/b.txt").splitlines()) == 2


def test_backfill_fails_when_too_many_items_do(stack: Stack) -> None:
    rows = [{"text": "Fine."}, {"text": " "}, {"text": ""}, {"no": "text"}]
    put(stack, "archive/broken.jsonl", "\n".join(map(json.dumps, rows)))
    ended = run_backfill(stack, key="archive/broken.jsonl")
    assert ended["status"] == "FAILED"
    assert ended["error"] == "States.ExceedToleratedFailureThreshold"


def test_backfill_refuses_an_object_without_rows_to_map(stack: Stack) -> None:
    ended = run_backfill(stack, key="archive/reviews.parquet")
    assert (ended["status"], ended["error"]) == ("FAILED", "NotMappable")
