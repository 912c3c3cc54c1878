"""``sentiment score``; tests/test_score.py has the tests of what it calls."""

import gzip
import json
import signal
import time

import pytest
from pyarrow import parquet, table

from app.objects.formats.rows import CHUNK_ROWS
from tests.tool.conftest import start

CSV = "id,review\n1,A joy from start to end.\n2,\n3,I want my two hours back.\n"
HEADER = "id,review,sentiment,confidence,positive"


@pytest.fixture
def reviews(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text(CSV)
    return path


def test_scored_file_is_beside_its_source(run, reviews):
    done = run("score", "reviews.csv")
    assert done.returncode == 0
    scored = reviews.with_name("reviews.scored.csv").read_text().splitlines()
    assert scored[0] == HEADER
    assert [row.split(",")[:3] for row in scored[1:]] == [
        ["1", "A joy from start to end.", "Positive"],
        ["3", "I want my two hours back.", "Negative"],
    ]
    [summary] = map(json.loads, done.stdout.splitlines())
    assert (summary["source"], summary["scored_to"]) == ("reviews.csv", "reviews.scored.csv")
    assert (summary["rows"], summary["positive"], summary["rejected"]) == (3, 1, 1)


def test_report_is_a_table_in_a_terminal(in_terminal, reviews):
    shown = in_terminal("score", "reviews.csv")
    assert "3 rows" in shown
    assert "1 positive, 1 negative, 1 rejected" in shown
    assert "█" in shown


@pytest.mark.parametrize(
    ("name", "scored"),
    [
        ("reviews.2026.CSV", "reviews.2026.scored.CSV"),
        ("a.jsonl.gz", "a.scored.jsonl.gz"),
        ("folder/a.txt", "folder/a.scored.txt"),
    ],
)
def test_name_of_the_output_keeps_the_suffix(run, tmp_path, name, scored):
    (tmp_path / "folder").mkdir()
    text = json.dumps({"text": "Good."}) if "json" in name else "text\nGood.\n"
    text = "Good.\n" if name.endswith("txt") else text
    data = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert run("score", name).returncode == 0
    assert (tmp_path / scored).exists()


def test_output_can_be_named(run, reviews, tmp_path):
    assert run("score", "reviews.csv", "-o", "out.csv", "--column", "review").returncode == 0
    assert (tmp_path / "out.csv").read_text().startswith(HEADER)


def test_several_files_go_into_a_folder_and_a_refused_one_does_not_stop_the_others(
    run, reviews, tmp_path
):
    (tmp_path / "last.txt").write_text("Good.\n")
    done = run("score", "reviews.csv", "gone.csv", "last.txt", "-o", "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"reviews.csv", "last.txt"}
    assert "sentiment: gone.csv: there is no such file\n" in done.stderr
    assert (len(done.stdout.splitlines()), done.returncode) == (2, 1)


def test_standard_input_is_scored_to_standard_output(run, tmp_path):
    done = run("score", "-", "--format", "csv", text=CSV)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == HEADER
    assert len(done.stdout.splitlines()) == 3
    assert "1 positive, 1 negative, 1 rejected" in done.stderr
    assert "sentiment: line 3: text must not be blank" in done.stderr
    assert not list(tmp_path.iterdir())


def test_only_the_first_rejected_rows_of_standard_input_are_listed(run):
    done = run("score", "-", "--format=jsonl", text='{"text": "Good."}\n' + '{"text": 1}\n' * 7)
    lines = [line for line in done.stderr.splitlines() if line.startswith("sentiment: ")]
    assert len(lines) == 6
    assert lines[-1].startswith("sentiment: and 2 more")


def test_standard_input_is_scored_into_a_file_and_a_file_to_standard_output(run, reviews, tmp_path):
    assert run("score", "-", "--format=csv", "-o", "out.csv", text=CSV).returncode == 0
    assert run("score", "reviews.csv", "-o", "-").stdout == (tmp_path / "out.csv").read_text()
    assert (tmp_path / "out.csv.rejected.jsonl").exists()


@pytest.mark.parametrize(("out", "named"), [("out", "out/reviews.csv"), ("-", "-")])
def test_two_files_are_not_written_to_one_output(run, reviews, tmp_path, out, named):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/reviews.csv").write_text(CSV)
    done = run("score", "reviews.csv", "folder/reviews.csv", "-o", out)
    assert done.stderr == f"sentiment: {named}: 2 files would be written there\n"
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_format_of_standard_input_must_be_known(run):
    done = run("score", "-", text=CSV)
    assert done.stderr.endswith("add --format csv\n")
    assert done.returncode == 2
    done = run("score", "-", "--format", "xlsx", text=CSV)
    assert "sentiment: standard-input.xlsx: expected .jsonl" in done.stderr
    assert done.returncode == 1
    done = run("score", "-", "--format", "csv", text="a,b\n1,2\n")
    [line] = [line for line in done.stderr.splitlines() if line.startswith("sentiment: ")]
    assert line.startswith("sentiment: standard-input.csv: no column is named text")


def test_parquet_is_scored(run, tmp_path):
    parquet.write_table(table({"text": ["Good.", "Bad."]}), tmp_path / "reviews.parquet")
    assert run("score", "reviews.parquet").returncode == 0
    scored = parquet.read_table(tmp_path / "reviews.scored.parquet").to_pylist()
    assert [row["sentiment"] for row in scored] == ["Positive", "Negative"]


def test_rows_may_be_neutral_if_asked_for(run, reviews, three_label_bundle, two_label_bundle):
    settings = {"SENTIMENT_MODEL_DIR": str(three_label_bundle)}
    done = run("score", "--neutral", "reviews.csv", **settings)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["positive"] + summary["neutral"] + summary["negative"] == 2
    done = run("score", "--neutral", "reviews.csv", SENTIMENT_MODEL_DIR=str(two_label_bundle))
    assert "Negative and Positive alone" in done.stderr
    assert done.returncode == 1


def test_file_without_a_valid_row_ends_with_status_1(run, tmp_path):
    (tmp_path / "a.csv").write_text("text,id\n,1\n")
    done = run("score", "a.csv")
    assert "a.csv: no row could be scored; see a.scored.csv.rejected.jsonl" in done.stderr
    assert done.returncode == 1
    done = run("score", "-", "--format=csv", text="text,id\n,1\n")
    assert "no row could be scored" in done.stderr
    assert done.returncode == 1


def test_interrupted_run_says_that_it_can_be_resumed(run, tmp_path):
    texts = [f"Row {i}: a fine film." for i in range(4 * CHUNK_ROWS + 1)]
    (tmp_path / "a.txt").write_text("\n".join(texts))
    progress = tmp_path / "a.scored.txt.progress"
    with start("score", "a.txt", cwd=tmp_path) as running:
        while not progress.exists() or len(progress.read_bytes().splitlines()) < 3:
            assert running.poll() is None
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert running.returncode == 130
    assert errors.endswith("sentiment: interrupted; the same command resumes here\n")
    assert run("score", "a.txt").returncode == 0
    assert len((tmp_path / "a.scored.txt").read_text().splitlines()) == len(texts)
