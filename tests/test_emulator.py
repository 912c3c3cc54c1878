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
def queue() -> Iterator[tuple[Any, str]]:
    """A client of a local AWS, and the results queue in it."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("sqs", endpoint_url=f"http://{host}:{port}", **CREDENTIALS)
    yield client, client.create_queue(QueueName="results")["QueueUrl"]
    server.stop()


@pytest.fixture(scope="module")
def emulator(queue):
    client, url = queue
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
def test_every_recorded_event_is_answered_or_its_results_are_in_the_queue(emulator, queue, path):
    client, url = queue
    answer = emulator.invoke(json.loads(path.read_text()))
    messages = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert "Positive" in json.dumps([answer, *(message["Body"] for message in messages)])


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
