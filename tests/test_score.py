"""`python -m app.score`, as `make score` calls it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app import score
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


def test_interrupted_it_goes_on_to_the_same_file(tmp_path):
    source = write(tmp_path / "in.jsonl", 3000)
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
    assert [row["id"] for row in rows] == list(range(3000))


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
        summary = score.score("s3://reviews/in.csv", "s3://reviews/out.csv", "")
        body = s3.get_object(Bucket="reviews", Key="out.csv")["Body"].read().decode()
    assert (summary.positive, summary.negative) == (1, 1)
    assert body.splitlines()[0] == "text,sentiment,confidence,positive"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "scored", "reason"),
    [
        ("gone.csv", "out.csv", "gone.csv: there is no such file"),
        ("in.csv", "out.jsonl", "out.jsonl must have the format of in.csv"),
        ("in.pdf", "out.pdf", "expected .jsonl, .csv, .txt, each also .gz, or .parquet"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(source, scored, reason):
    running = start(source, scored)
    _, said = running.communicate()
    assert running.returncode == 1
    assert reason in said
    assert "Traceback" not in said
