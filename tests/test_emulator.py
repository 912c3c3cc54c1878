"""The function inside the runtime emulator, beyond what the contract suite asks of it."""

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any, NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer

from scripts.emulator import Emulator, InvocationError
from tests.conftest import ROOT

CREDENTIALS = {
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
    "region_name": "us-east-1",
}
EVENTS = sorted((ROOT / "tests/events").glob("*.json"))


BUCKET = "reviews"


class Aws(NamedTuple):
    """A local AWS: its endpoint, and a bucket and a queue of results in it."""

    endpoint: str
    queue: Any
    bucket: Any
    states: Any

    def results(self) -> list[str]:
        """Return the messages in the queue of results, and remove them."""
        bodies = []
        while messages := self.queue.receive_messages(MaxNumberOfMessages=10):
            bodies += [message.body for message in messages]
            for message in messages:
                message.delete()
        return bodies

    def put(self, key: str, body: bytes) -> None:
        self.bucket.put_object(Key=key, Body=body)

    def take(self) -> dict[str, str]:
        """Return the objects that the function wrote, and remove them."""
        written = [found for found in self.bucket.objects.all() if not found.key.startswith("inc")]
        found = {one.key: one.get()["Body"].read().decode() for one in written}
        for one in written:
            one.delete()
        return found


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    session = boto3.Session(**CREDENTIALS)
    sqs, s3 = (session.resource(name, endpoint_url=endpoint) for name in ("sqs", "s3"))
    states = session.client("stepfunctions", endpoint_url=endpoint)
    yield Aws(
        endpoint, sqs.create_queue(QueueName="results"), s3.create_bucket(Bucket=BUCKET), states
    )
    server.stop()


@pytest.fixture(scope="module")
def variables(aws: Aws) -> dict[str, str]:
    """What the function finds in its environment."""
    return {
        "SENTIMENT_RESULTS_QUEUE_URL": aws.queue.url,
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture(scope="module")
def emulator(variables: dict[str, str]) -> Iterator[Emulator]:
    with Emulator(variables) as running:
        yield running


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_recorded_event_is_answered_or_its_results_are_where_they_belong(emulator, aws, path):
    aws.put("incoming/new reviews.jsonl", b'{"text": "Great."}')
    answer = emulator.invoke(json.loads(path.read_text()))
    assert "Positive" in json.dumps([answer, aws.results(), aws.take()])


def test_of_ten_messages_three_poison_ones_fail_alone(emulator, aws):
    [first, _] = json.loads((ROOT / "tests/events/sqs.json").read_text())["Records"]
    good = [f"Review {i}: a great film." for i in range(7)]
    bodies = [*good, '{"text": ', '{"title": "x"}', " "]
    answer = emulator.invoke(
        {"Records": [{**first, "messageId": f"m{i}", "body": b} for i, b in enumerate(bodies)]}
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": id} for id in ("m7", "m8", "m9")]}
    assert sorted(json.loads(body)["id"] for body in aws.results()) == [f"m{i}" for i in range(7)]
    assert "record m8 failed: has no text; it has title" in emulator.log()


ROWS = 1100
LONG = b"".join(
    json.dumps({"id": i, "text": f"Row {i}: a fine film. " * 10}).encode() + b"\n"
    for i in range(ROWS)
)
"""More than one chunk of an object, a second of work or more."""


def created(key: str) -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": "Object Created",
            "detail": {"bucket": {"name": BUCKET}, "object": {"key": key}}}  # fmt: skip


def test_an_invocation_killed_within_an_object_leaves_nothing_and_its_retry_all(variables, aws):
    aws.put("incoming/long.jsonl", LONG)
    with Emulator(variables) as killed, ThreadPoolExecutor(1) as pool:
        killed.invoke({"text": "Warm."})
        invocation = pool.submit(killed.invoke, created("incoming/long.jsonl"))
        time.sleep(0.5)
        killed.kill()
        with pytest.raises((OSError, HTTPException)):
            invocation.result()
    assert aws.take() == {}
    with Emulator({**variables, "AWS_LAMBDA_FUNCTION_TIMEOUT": "900"}) as retried:
        retried.invoke(created("incoming/long.jsonl"))
    rows = aws.take()["scored/incoming/long.jsonl"].splitlines()
    assert [json.loads(row)["id"] for row in rows] == list(range(ROWS))


def test_an_object_that_does_not_fit_is_handed_over_in_time(variables, aws):
    machine = aws.states.create_state_machine(
        name="backfill",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/backfill",
    )["stateMachineArn"]
    aws.put("incoming/long.jsonl", LONG)
    settings = {
        **variables,
        "SENTIMENT_STATE_MACHINE": machine,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "16",
    }
    with Emulator(settings) as short:
        short.invoke(created("incoming/long.jsonl"))
    assert aws.take() == {}
    [execution] = aws.states.list_executions(stateMachineArn=machine)["executions"]
    given = aws.states.describe_execution(executionArn=execution["executionArn"])["input"]
    assert json.loads(given) == {"bucket": BUCKET, "key": "incoming/long.jsonl"}


def test_an_event_of_no_known_shape_fails_with_what_is_known(emulator):
    with pytest.raises(InvocationError, match="UnsupportedEvent"):
        emulator.invoke({"Records": []})


def test_a_text_that_cannot_be_scored_fails_with_the_reason(emulator):
    with pytest.raises(InvocationError, match="must not be blank"):
        emulator.invoke({"text": " "})


def test_a_missing_bundle_fails_at_initialisation_and_is_named(tmp_path):
    settings = {"SENTIMENT_MODEL_DIR": str(tmp_path)}
    with Emulator(settings) as broken, pytest.raises(InvocationError, match="no model bundle in"):
        broken.invoke({"text": "Good."})


def test_a_corrupted_weight_file_fails_at_initialisation_and_is_named(tmp_path, bundle):
    folder = shutil.copytree(bundle.folder, tmp_path / "model")
    with (folder / "model.int8.safetensors").open("ab") as file:
        file.write(b"!")
    settings = {"SENTIMENT_MODEL_DIR": str(folder)}
    with (
        Emulator(settings) as broken,
        pytest.raises(InvocationError, match="model.int8.safetensors has sha256"),
    ):
        broken.invoke({"text": "Good."})
