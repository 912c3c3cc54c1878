"""The function inside the runtime emulator, beyond what the contract suite asks of it."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

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


@pytest.fixture(scope="module")
def aws() -> Iterator[tuple[Any, str, Any]]:
    """A local AWS: a client of its queues, the results queue, and a client of its objects."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    client, s3 = (boto3.client(s, endpoint_url=endpoint, **CREDENTIALS) for s in ("sqs", "s3"))
    s3.create_bucket(Bucket="reviews")
    s3.put_object(Bucket="reviews", Key="incoming/new reviews.jsonl", Body=b'{"text": "Great."}')
    yield client, client.create_queue(QueueName="results")["QueueUrl"], s3
    server.stop()


@pytest.fixture(scope="module")
def emulator(aws):
    client, url, _ = aws
    settings = {
        "SENTIMENT_RESULTS_QUEUE_URL": url,
        "AWS_ENDPOINT_URL": client.meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with Emulator(settings) as running:
        yield running


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_recorded_event_is_answered_or_its_results_are_where_they_belong(emulator, aws, path):
    client, url, s3 = aws
    found = [emulator.invoke(json.loads(path.read_text()))]
    for message in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        found.append(message["Body"])
        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    if path.stem.startswith("s3"):
        key = "scored/incoming/new reviews.jsonl"
        found.append(s3.get_object(Bucket="reviews", Key=key)["Body"].read().decode())
        s3.delete_object(Bucket="reviews", Key=key)
    assert "Positive" in json.dumps(found)


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
