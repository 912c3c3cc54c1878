"""What is read out of which files."""

import gzip
import json
import time
from datetime import timedelta

import boto3
import pytest

from app.telemetry.privacy import pseudonym
from tests.events.conftest import aws  # noqa: F401
from tests.training.drift.conftest import START, line, prediction
from tests.web.client import client
from training.drift.logs import NamedPrediction, read

GOOD = line(START, "r", model="aaaa", predictions=[prediction("r", True, 0.9)])
BATCH = line(
    START,
    "b",
    message="batch",
    source="SQS",
    predictions=[prediction("a", True, 0.9), prediction("7", False, 0.6)],
)


@pytest.fixture
def service(aws, lines, written):  # noqa: F811
    """The service with sinks, and a way to read what it logged."""
    caller = client(results_queue_url=aws.queue_url, results_table="results", results_bus="results")
    return caller, lambda: written(lines(), "service.jsonl")


def test_what_the_service_logs_is_read(service, bundle):
    caller, logged = service
    answer = caller.post("/predict", json={"text": "A fine film."}, headers={"x-request-id": "r"})
    texts = ["Superb.", " ", "Awful."]
    caller.post("/predict/batch", json={"texts": texts}, headers={"x-request-id": "b"})
    caller.get("/")
    found = read([logged()])
    assert [(one.texts, one.positive) for one in found.scored] == [(1, 1), (2, 1)]
    assert found.scored[0].model == bundle.revision
    assert found.predictions[pseudonym("r")] == NamedPrediction(
        0, "Positive", answer.json()["confidence"]
    )
    assert found.predictions.keys() == {*map(pseudonym, ("r", "b#0", "b#2"))}
    assert (found.damaged, found.other) == (0, 0)


def test_feedback_is_read_from_the_log_and_from_what_each_sink_keeps(service, aws, written):  # noqa: F811
    caller, logged = service
    caller.post("/feedback", json={"prediction": "b#2", "sentiment": "Positive", "note": "Irony."})
    [item] = aws.table()
    kept = [
        logged(),
        written(aws.queue(), "queue.jsonl"),
        written([{"Item": item}], "export.json"),
        written([{"Items": [item], "Count": 1}], "scan.json"),
        written([{"detail-type": "Feedback Given", "detail": one} for one in aws.bus()], "bus"),
    ]
    for path in kept:
        found = read([path])
        assert {id: word.right for id, word in found.feedback.items()} == {
            pseudonym("b#2"): "Positive"
        }
        assert found.damaged == 0


def test_the_last_word_on_a_prediction_counts_in_whatever_order_it_is_read(written):
    said = [
        line(START + timedelta(hours=hour), "f", feedback_on={"prediction": "r", "right": right})
        for hour, right in ((1, "Negative"), (3, "Positive"), (2, "Negative"))
    ]
    for order in (said, said[::-1]):
        assert read([written(order)]).feedback[pseudonym("r")].right == "Positive"


def test_counts_are_read_where_a_line_does_not_name_its_texts(written):
    counts = {
        "predictions_positive": 30,
        "predictions_negative": 70,
        "predictions_doubtful": 5,
        "confidence": 0.9,
    }
    [one] = read([written([line(START, "s3", message="batch", source="S3", **counts)])]).scored
    assert (one.texts, one.positive, one.doubtful, one.confidences) == (100, 30, 5, ())
    assert one.confidence_sum == pytest.approx(90)


def test_neutral_texts_count(written):
    neutral = {**prediction("n", True, 0.6), "sentiment": "Neutral"}
    named = line(START, "n", predictions=[neutral, prediction("p", True, 0.9)])
    counted = line(START, "s3", predictions_positive=3, predictions_neutral=2, confidence=0.8)
    found = read([written([named, counted])])
    assert [(one.texts, one.positive) for one in found.scored] == [(2, 1), (5, 3)]
    assert found.predictions[pseudonym("n")] == NamedPrediction(0, "Neutral", 0.6)
    assert found.damaged == 0


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-10-01T00:00:00.000Z ",  # CloudWatch's export to S3
        "2026-10-01T00:00:00.000000+00:00 2026/10/01/[$LATEST]0a1b ",  # aws logs tail
    ],
)
def test_what_stands_before_a_line_does_not_matter(tmp_path, prefix):
    path = tmp_path / "000000.gz"
    path.write_bytes(gzip.compress(f"{prefix}{json.dumps(GOOD)}\n".encode()))
    assert read([path]).predictions.keys() == {pseudonym("r")}


def test_log_events_are_read_as_the_aws_command_line_prints_them(aws, tmp_path):  # noqa: F811
    logs = boto3.client("logs")
    names = {"logGroupName": "/aws/lambda/sentiment", "logStreamName": "0a1b"}
    logs.create_log_group(logGroupName=names["logGroupName"])
    logs.create_log_stream(**names)
    now = int(time.time() * 1000)
    messages = ["START RequestId: 0a1b Version: 1\n", json.dumps(GOOD) + "\n", json.dumps(BATCH)]
    logs.put_log_events(**names, logEvents=[{"timestamp": now, "message": m} for m in messages])
    answer = logs.filter_log_events(logGroupName=names["logGroupName"], startTime=0)
    path = tmp_path / "events.json"
    path.write_text(json.dumps({"events": answer["events"], "searchedLogStreams": []}, indent=4))
    found = read([path])
    assert found.predictions.keys() == {*map(pseudonym, ("r", "a", "7"))}
    assert (found.other, found.damaged) == (1, 0)


def test_folders_are_read_with_all_that_is_in_them(tmp_path, written):
    (tmp_path / "logs/2026").mkdir(parents=True)
    written([GOOD], "logs/2026/a.jsonl")
    written([BATCH], "logs/b.jsonl")
    found = read([tmp_path / "logs"])
    assert (found.files, len(found.scored)) == (2, 2)


def test_a_line_that_stands_in_two_files_counts_once(written):
    found = read([written([GOOD], "a"), written([GOOD, BATCH], "b")])
    assert (len(found.scored), found.repeated) == (2, 1)


def test_lines_of_other_kinds_are_passed_over(tmp_path):
    path = tmp_path / "log"
    others = ["INFO:     Started server process [7]", "REPORT {not json}", '{"level": "WARNING"}']
    path.write_text("\n".join([*others, "", json.dumps(GOOD)]))
    found = read([path])
    assert (len(found.scored), found.other, found.damaged) == (1, 3, 0)


@pytest.mark.parametrize(
    "damaged",
    [
        json.dumps(GOOD)[:-9],
        json.dumps({**GOOD, "timestamp": "yesterday"}),
        json.dumps({**GOOD, "timestamp": "2026-10-01T00:00:00"}),
        json.dumps({**GOOD, "predictions": [prediction("r", True, 7)]}),
        json.dumps({**GOOD, "predictions": [{**prediction("r", True, 0.9), "sentiment": "Good"}]}),
        '{"prediction": "r", "sentiment": "Positive", "time": 1e999}',
    ],
)
def test_damaged_lines_are_counted_and_the_others_read(tmp_path, damaged):
    path = tmp_path / "log"
    path.write_text(f"{damaged}\n{json.dumps(BATCH)}\n")
    found = read([path])
    assert (len(found.scored), found.damaged) == (1, 1)


def test_a_file_that_breaks_off_is_damaged_and_what_comes_before_is_read(tmp_path):
    path = tmp_path / "log.gz"
    many = "".join(json.dumps({**GOOD, "correlation_id": str(i)}) + "\n" for i in range(5000))
    path.write_bytes(gzip.compress(many.encode())[:-1000])
    found = read([path])
    assert found.damaged == 1
    assert 0 < len(found.scored) < 5000


def test_an_id_that_names_contradicting_predictions_names_none(written):
    again = line(START, "r", predictions=[prediction("r", False, 0.8)])
    same = line(START + timedelta(1), "r", predictions=[prediction("r", True, 0.8)])
    assert read([written([GOOD, again])]).predictions[pseudonym("r")] is None
    assert (
        read([written([GOOD, again, GOOD | {"status": 201}])]).predictions[pseudonym("r")] is None
    )
    assert read([written([GOOD, same])]).predictions[pseudonym("r")] == NamedPrediction(
        1, "Positive", 0.8
    )
