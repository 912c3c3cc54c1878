"""The handler with every sink configured, on a local AWS."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

import handler as entry
from app.aws import client
from app.scoring.scorer import Scorer
from app.settings import Settings
from app.sinks import batching

REGION = "us-east-1"


@pytest.fixture
def aws(monkeypatch) -> Iterator[SimpleNamespace]:
    """An account with a results queue, a results table, and a bus whose events reach a queue."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        sqs, table, events = (client(name) for name in ("sqs", "dynamodb", "events"))
        queues = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("results", "from-bus")]
        table.create_table(
            TableName="results",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        events.create_event_bus(Name="results")
        events.put_rule(
            Name="all", EventBusName="results", EventPattern=json.dumps({"source": ["sentiment"]})
        )
        arn = f"arn:aws:sqs:{REGION}:123456789012:from-bus"
        events.put_targets(Rule="all", EventBusName="results", Targets=[{"Id": "q", "Arn": arn}])

        s3 = client("s3")
        s3.create_bucket(Bucket="reviews")

        def objects() -> dict[str, bytes]:
            listed = s3.list_objects_v2(Bucket="reviews").get("Contents", [])
            keys = [stored["Key"] for stored in listed]
            return {key: s3.get_object(Bucket="reviews", Key=key)["Body"].read() for key in keys}

        def received(url: str) -> list[dict[str, Any]]:
            bodies = []
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                for message in messages:
                    bodies.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return bodies

        yield SimpleNamespace(
            queue_url=queues[0],
            queue=lambda: received(queues[0]),
            bus=lambda: [event["detail"] for event in received(queues[1])],
            table=lambda: table.scan(TableName="results")["Items"],
            put=lambda key, body: s3.put_object(Bucket="reviews", Key=key, Body=body),
            objects=objects,
            uploads=lambda: s3.list_multipart_uploads(Bucket="reviews").get("Uploads", []),
        )


@pytest.fixture
def handle(aws, native, monkeypatch) -> Callable[..., Any]:
    """The Lambda entry point."""
    monkeypatch.setattr(batching, "FIRST_PAUSE", 0.001)
    settings = Settings(
        results_queue_url=aws.queue_url,
        results_table="results",
        results_bus="results",
        max_text_characters=2000,
    )
    router = entry.Router(entry.app, Scorer(native, settings), entry.app.state.telemetry)
    monkeypatch.setattr(entry, "handler", router.handle)
    return lambda event, context=None: entry.handler(event, context)
