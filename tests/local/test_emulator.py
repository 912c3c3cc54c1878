"""The function inside the runtime emulator, beyond what the contract suite asks of it."""

import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pytest

from app.objects.s3 import StoredObject
from local.aws import LocalAws
from local.emulator import Emulator, InvocationError
from tests.conftest import ROOT

EVENTS = sorted((ROOT / "tests/events").glob("*.json"))


BUCKET = "reviews"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="module")
def emulator(aws: LocalAws) -> Iterator[Emulator]:
    with Emulator(aws.variables) as running:
        yield running


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_recorded_event_is_answered_or_its_results_are_where_they_belong(emulator, aws, path):
    aws.put(StoredObject(BUCKET, "incoming/new reviews.jsonl"), b'{"text": "Great."}')
    answer = emulator.invoke(json.loads(path.read_text()))
    assert "Positive" in json.dumps([answer, aws.results(), aws.take(BUCKET, "scored/")])


def test_of_ten_messages_three_poison_ones_fail_alone(emulator, aws):
    [first, _] = json.loads((ROOT / "tests/events/sqs.json").read_text())["Records"]
    good = [f"Review {i}: a great film." for i in range(7)]
    bodies = [*good, '{"text": ', '{"title": "x"}', " "]
    answer = emulator.invoke(
        {"Records": [{**first, "messageId": f"m{i}", "body": b} for i, b in enumerate(bodies)]}
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": id} for id in ("m7", "m8", "m9")]}
    assert sorted(result["id"] for result in aws.results()) == [f"m{i}" for i in range(7)]
    assert "record m8 failed: has no text" in emulator.log()


ROWS = 1100
LONG = b"".join(
    json.dumps({"id": i, "text": f"Row {i}: a fine film. " * 10}).encode() + b"\n"
    for i in range(ROWS)
)
"""More than one chunk of an object, a second of work or more."""


LONG_OBJECT = StoredObject(BUCKET, "incoming/long.jsonl")


def created(stored: StoredObject) -> dict[str, Any]:
    detail = {"bucket": {"name": stored.bucket}, "object": {"key": stored.key}}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def test_an_invocation_killed_within_an_object_leaves_nothing_and_its_retry_all(aws):
    aws.put(LONG_OBJECT, LONG)
    with Emulator(aws.variables) as killed, ThreadPoolExecutor(1) as pool:
        killed.invoke({"text": "Warm."})
        invocation = pool.submit(killed.invoke, created(LONG_OBJECT))
        time.sleep(0.5)
        killed.kill()
        with pytest.raises((OSError, HTTPException)):
            invocation.result()
    assert aws.take(BUCKET, "scored/", "rejected/") == {}
    with Emulator({**aws.variables, "AWS_LAMBDA_FUNCTION_TIMEOUT": "900"}) as retried:
        retried.invoke(created(LONG_OBJECT))
    rows = aws.take(BUCKET, "scored/")["scored/incoming/long.jsonl"].splitlines()
    assert [json.loads(row)["id"] for row in rows] == list(range(ROWS))


def test_an_object_that_does_not_fit_is_handed_over_in_time(aws):
    states = aws.client("stepfunctions")
    machine = states.create_state_machine(
        name="backfill",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/backfill",
    )["stateMachineArn"]
    aws.put(LONG_OBJECT, LONG)
    settings = {
        **aws.variables,
        "SENTIMENT_STATE_MACHINE": machine,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "16",
    }
    with Emulator(settings) as short:
        short.invoke(created(LONG_OBJECT))
    assert aws.take(BUCKET, "scored/", "rejected/") == {}
    [execution] = states.list_executions(stateMachineArn=machine)["executions"]
    given = states.describe_execution(executionArn=execution["executionArn"])["input"]
    assert json.loads(given) == {**LONG_OBJECT._asdict(), "format": "jsonl"}


def test_an_event_of_no_known_shape_fails_with_what_is_known(emulator):
    with pytest.raises(InvocationError, match="UnsupportedEvent"):
        emulator.invoke({"Records": [{"unknown": 1}]})


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


def test_each_invocation_is_one_line_that_cloudwatch_counts(emulator):
    emulator.invoke(json.loads((ROOT / "tests/events/rest-api.json").read_text()))
    written = [line for line in emulator.log().splitlines() if line.startswith('{"level"')]
    line = json.loads(written[-1])
    assert (line["message"], line["route"], line["FunctionName"]) == (
        "request",
        "/predict",
        "sentiment",
    )
    named = {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert {"requests", "duration_ms", "predictions_positive"} <= named
