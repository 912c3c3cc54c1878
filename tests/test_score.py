"""`python -m app.score`, as `make score` calls it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import score
from app.objects.formats import ReadOptions, Score
from app.objects.scoring import Summary
from tests.conftest import ROOT


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.score", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def write(path: Path, rows: int) -> Path:
    lines = [json.dumps({"id": i, "text": f"Row {i}: a fine film. " * 40}) for i in range(rows)]
    path.write_text("\n".join(lines))
    return path


def test_a_file_is_scored_with_a_bar_and_a_last_word(tmp_path):
    running = start(write(tmp_path / "in.jsonl", 20), tmp_path / "out.jsonl")
    said, bar = running.communicate()
    assert running.returncode == 0
    assert "20 rows" in said
    assert "20 positive, 0 negative, 0 rejected" in said
    assert "rows=20" in bar
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 20
    assert not list(tmp_path.glob("*.progress"))


CLOSING = """\
201 rows, 100 a second: 150 positive, 50 negative, 1 rejected
out.csv
rejected rows: out.csv.rejected.jsonl

  positive         150  75.0% ###############
  negative          50  25.0% #####

confidence, below 75% in 41 rows:
 50 to 55%           1   0.5% #
 55 to 60%           0   0.0%
 60 to 65%           0   0.0%
 65 to 70%           0   0.0%
 70 to 75%          40  20.0% ####
 75 to 80%           0   0.0%
 80 to 85%           0   0.0%
 85 to 90%           0   0.0%
 90 to 95%           0   0.0%
95 to 100%         159  79.5% ################
"""


def scored(summary: Summary, sentiment: str, confidence: float, rows: int = 1) -> None:
    summary.count([Score(sentiment, confidence, 0.5)] * rows, 0)


def test_the_last_word_counts_by_sentiment_and_confidence():
    summary = Summary("in.csv", "out.csv", "out.csv.rejected.jsonl", seconds=2.01)
    summary.count([], 1)
    scored(summary, "Positive", 0.5)
    scored(summary, "Positive", 0.7, 40)
    scored(summary, "Positive", 0.95, 109)
    scored(summary, "Negative", 1.0, 50)
    assert score.report(summary, columns=50, block="#") == CLOSING


def test_the_last_word_on_nothing_is_short():
    summary = Summary("in.csv", "out.csv")
    assert score.report(summary, columns=50, block="#") == (
        "0 rows, 0 a second: 0 positive, 0 negative, 0 rejected\nout.csv\n"
    )


def test_bars_are_of_what_the_output_can_hold(tmp_path):
    source = write(tmp_path / "in.jsonl", 1)
    command = [sys.executable, "-m", "app.score", source, tmp_path / "out.jsonl"]
    for encoding, block in (("ascii", "#"), ("utf-8", "█")):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        lines = done.stdout.decode(encoding).splitlines()
        assert any(line.endswith(block) for line in lines)
        assert max(map(len, lines[2:])) == 80


def test_interrupted_it_goes_on_to_the_same_file(tmp_path):
    source = write(tmp_path / "in.jsonl", 10_000)
    progress = tmp_path / "out.jsonl.progress"
    running = start(source, tmp_path / "out.jsonl")
    while not progress.exists() or len(progress.read_bytes().splitlines()) < 3:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 130
    assert "the same command goes on from here" in said
    assert not (tmp_path / "out.jsonl").exists()
    assert len(progress.read_bytes().splitlines()) >= 3
    assert start(source, tmp_path / "out.jsonl").wait() == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(10_000))


def test_objects_in_s3_are_scored_alike(tmp_path, monkeypatch):
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="reviews")
        s3.put_object(Bucket="reviews", Key="in.csv", Body=b"text\nGood.\nBad.\n")
        summary = score.score("s3://reviews/in.csv", "s3://reviews/out.csv", ReadOptions())
        body = s3.get_object(Bucket="reviews", Key="out.csv")["Body"].read().decode()
    assert (summary.positive, summary.negative) == (1, 1)
    assert body.splitlines()[0] == "text,sentiment,confidence,positive"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "scored", "reason"),
    [
        ("gone.csv", "out.csv", "gone.csv: there is no such file"),
        ("in.csv", "out.jsonl", "out.jsonl must have the format of in.csv"),
        (
            "in.pdf",
            "out.pdf",
            "expected .jsonl, .ndjson, .csv, .tsv, .tab or .txt, each also .gz, or .parquet",
        ),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(source, scored, reason):
    running = start(source, scored)
    _, said = running.communicate()
    assert running.returncode == 1
    assert reason in said
    assert "Traceback" not in said
