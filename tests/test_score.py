"""`python -m app.score`, as `make score` calls it."""

import gzip
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from app import score
from app.objects.formats import ReadOptions, Score
from app.objects.formats.rows import CHUNK_ROWS
from app.objects.scoring import Summary
from app.settings import SettingsError
from tests.conftest import ROOT


def start(*arguments: object) -> subprocess.Popen[str]:
    # Jobs in a shell's background ignore SIGINT, and so would what they start.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "app.score", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


SEVERAL_CHUNKS = 4 * CHUNK_ROWS + 1


def write(path: Path, rows: int) -> Path:
    lines = [json.dumps({"id": i, "text": f"Row {i + 1}: a great film."}) for i in range(rows)]
    path.write_text("\n".join(lines))
    return path


def test_file_is_scored_with_a_progress_bar_and_a_report(tmp_path):
    running = start(write(tmp_path / "in.jsonl", 20), tmp_path / "out.jsonl")
    output, bar = running.communicate()
    assert running.returncode == 0
    assert "20 rows" in output
    assert "20 positive, 0 negative, 0 rejected" in output
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


def test_report_counts_by_sentiment_and_confidence():
    summary = Summary("in.csv", "out.csv", "out.csv.rejected.jsonl", seconds=2.01)
    summary.count([], 1)
    scored(summary, "Positive", 0.5)
    scored(summary, "Positive", 0.7, 40)
    scored(summary, "Positive", 0.95, 109)
    scored(summary, "Negative", 1.0, 50)
    assert score.report(summary, columns=50, block="#") == CLOSING


def test_report_counts_neutral_rows_where_there_are_any():
    summary = Summary("in.csv", "out.csv")
    scored(summary, "Neutral", 0.6, 3)
    scored(summary, "Positive", 0.9)
    report = score.report(summary, columns=50, block="#")
    assert "1 positive, 3 neutral, 0 negative" in report
    assert "   neutral           3  75.0% ####" in report


def test_neutral_needs_a_model_that_knows_it(
    tmp_path, two_label_bundle, three_label_bundle, monkeypatch
):
    source = str(write(tmp_path / "in.jsonl", 2))
    monkeypatch.setenv("SENTIMENT_MODEL_DIR", str(two_label_bundle))
    with pytest.raises(
        SettingsError, match="Neutral cannot be predicted: the model has the labels"
    ):
        score.score(source, str(tmp_path / "out.jsonl"), ReadOptions(), neutral=True)
    monkeypatch.setenv("SENTIMENT_MODEL_DIR", str(three_label_bundle))
    assert score.score(source, str(tmp_path / "out.jsonl"), ReadOptions(), neutral=True).rows == 2


def test_report_without_rows_is_short():
    summary = Summary("in.csv", "out.csv")
    assert score.report(summary, columns=50, block="#") == (
        "0 rows, 0 a second: 0 positive, 0 negative, 0 rejected\nout.csv\n"
    )


def test_bars_are_characters_that_the_output_can_encode(tmp_path):
    source = write(tmp_path / "in.jsonl", 1)
    command = [sys.executable, "-m", "app.score", source, tmp_path / "out.jsonl"]
    for encoding, block in (("ascii", "#"), ("utf-8", "█")):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        lines = done.stdout.decode(encoding).splitlines()
        assert any(line.endswith(block) for line in lines)
        assert max(map(len, lines[2:])) == 80


def test_interrupted_run_resumes_to_the_same_file(tmp_path):
    source = write(tmp_path / "in.jsonl", SEVERAL_CHUNKS)
    progress = tmp_path / "out.jsonl.progress"
    running = start(source, tmp_path / "out.jsonl")
    while not progress.exists() or len(progress.read_bytes().splitlines()) < 3:
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    _, output = running.communicate()
    assert running.returncode == 130
    assert "the same command resumes here" in output
    assert not (tmp_path / "out.jsonl").exists()
    assert len(progress.read_bytes().splitlines()) >= 3
    resumed = start(source, tmp_path / "out.jsonl")
    resumed.communicate()
    assert resumed.returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(SEVERAL_CHUNKS))


def test_s3_objects_are_scored(tmp_path, monkeypatch):
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


def run(
    *arguments: object, folder: Path = ROOT, measured: bool = True, **given: object
) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "app.score", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    if not measured:
        environment.pop("COVERAGE_PROCESS_CONFIG", None)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, **given
    )


Command = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def command(tmp_path, monkeypatch, capsys, native) -> Command:
    """Run the command in `tmp_path`, in this process, which has its engine loaded already."""
    monkeypatch.setattr(score, "load_classifier", lambda settings: native)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> subprocess.CompletedProcess:
        monkeypatch.setattr(sys, "argv", ["score", *map(str, arguments)])
        status: object = 0
        try:
            score.main()
        except SystemExit as ended:
            status = ended.code
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    return run


def without_bar(output: str) -> list[str]:
    return [line for line in output.splitlines() if line and not line.startswith("scoring")]


def refused(done: subprocess.CompletedProcess, reason: str) -> None:
    """Check that it ended with status 1 and one line with the reason."""
    assert done.returncode == 1, done
    [line] = without_bar(done.stderr)
    assert reason in line
    assert done.stdout == ""


def files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("source", "scored", "reason"),
    [
        ("gone.csv", "out.csv", "gone.csv: there is no such file"),
        ("in.csv", "out.jsonl", "out.jsonl: must have the format of in.csv"),
        ("in.csv", "out.csv.gz", "out.csv.gz: must have the format of in.csv"),
        ("in.jsonl.gz", "out.csv.gz", "out.csv.gz: must have the format of in.jsonl.gz"),
        ("in.pdf", "out.pdf", "in.pdf: expected .jsonl, .ndjson, .jsonlines, .csv"),
        ("in.csv", "out", "out: expected .jsonl, .ndjson, .jsonlines, .csv"),
        ("folder.csv", "out.csv", "folder.csv: is a folder, not a file"),
        ("pipe.csv", "out.csv", "pipe.csv: is not a regular file"),
        ("in.csv", "folder.csv", "folder.csv: is a folder, not a file"),
        ("in.csv", "in.csv/out.csv", "in.csv"),
        ("in.csv", f"{'x' * 240}.csv", "File name too long"),
        ("s3://bucket", "out.csv", "s3://bucket: expected"),
        ("empty.csv", "out.csv", "empty.csv: is empty"),
        ("other.csv", "out.csv", "other.csv: no column is named text"),
        ("in.csv", "in.csv", "in.csv: is the input"),
        ("in.csv", "./folder.csv/../in.csv", "is the input"),
        ("in.csv", "link.csv", "link.csv: is the input"),
        ("link.csv", "in.csv", "in.csv: is the input"),
        ("in.csv", "hard.csv", "hard.csv: is the input"),
        ("o.jsonl.rejected.jsonl", "o.jsonl", "o.jsonl.rejected.jsonl: is the input"),
        ("s3://b/in.csv", "s3://b/in.csv", "s3://b/in.csv"),
    ],
)
def test_unreadable_file_is_refused_in_one_line_and_leaves_nothing(
    tmp_path, command, source, scored, reason
):
    (tmp_path / "in.csv").write_text("text\nGood.\n")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "o.jsonl.rejected.jsonl").write_text('{"row": "x"}\n')
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("in.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "in.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    before = files(tmp_path)
    refused(command(source, scored), reason)
    assert files(tmp_path) == before


def test_column_names_are_shown_with_control_characters_escaped(tmp_path, command):
    (tmp_path / "in.csv").write_text("first\x1b[31m,second\n1,2\n")
    done = command("in.csv", "out.csv")
    refused(done, "\\x1b[31m, second")


def test_chosen_column_and_its_alternatives_are_reported(tmp_path, command):
    (tmp_path / "in.csv").write_text("body,text\nBad.,Good.\n")
    done = command("in.csv", "out.csv")
    assert "text is from the column text, not from body; --column would change that" in done.stdout
    done = command("in.csv", "out.csv", "--column", "body")
    assert "text is from the column body" in done.stdout
    assert "0 positive, 1 negative" in done.stdout


def test_options_override_detection(tmp_path, command):
    (tmp_path / "in.csv").write_bytes("1#Sch\xf6n. Good.\n2#Bad.\n3\n".encode("latin-1"))
    options = ["--no-header", "--delimiter=#", "--encoding=latin-1", "--column=2"]
    done = command(*options, "--keep-rejected", "in.csv", "out.csv")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert [row.split("#")[0] for row in rows] == ["1", "2", "3"]
    assert rows[0].startswith("1#Schön. Good.#Positive#")
    assert "1 positive, 1 negative, 1 rejected" in done.stdout


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--delimiter=ab", "one character"),
        ("--delimiter=\n", "other than a quote or a line end"),
        ("--delimiter=\r", "other than a quote or a line end"),
        ('--delimiter="', "other than a quote or a line end"),
        ("--encoding=klingon", "encoding"),
    ],
)
def test_invalid_option_is_refused(tmp_path, command, option, reason):
    (tmp_path / "in.csv").write_text("text\nGood.\n")
    done = command(option, "in.csv", "out.csv")
    assert done.returncode in (1, 2)
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert list(files(tmp_path)) == ["in.csv"]


def test_file_without_a_valid_row_ends_with_status_1_and_its_rejects(tmp_path, command):
    (tmp_path / "in.csv").write_text("text,id\n,1\n ,2\n")
    done = command("in.csv", "out.csv")
    assert done.returncode == 1
    assert "no row could be scored; the reasons are in out.csv.rejected.jsonl" in done.stderr
    assert len((tmp_path / "out.csv.rejected.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "out.csv").read_text().startswith("text,id,sentiment")


def test_missing_folder_is_created(tmp_path, command):
    (tmp_path / "in.csv").write_text("text\nGood.\n")
    assert command("in.csv", "a/b/out.csv").returncode == 0
    assert (tmp_path / "a" / "b" / "out.csv").exists()


def test_outputs_are_not_more_readable_than_the_input(tmp_path, command):
    source = tmp_path / "in.csv"
    source.write_text("text\nGood.\n \nx,y\n")
    source.chmod(0o600)
    assert command("in.csv", "out.csv").returncode == 0
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert len(files(tmp_path)) == 4


def test_second_run_on_an_output_is_refused(tmp_path):
    source = write(tmp_path / "in.jsonl", SEVERAL_CHUNKS)
    progress = tmp_path / "out.jsonl.progress"
    first = start(source, tmp_path / "out.jsonl")
    while not progress.exists() or len(progress.read_bytes().splitlines()) < 2:
        time.sleep(0.005)
    first.send_signal(signal.SIGSTOP)  # or it might end before the second run begins
    second = run(source, tmp_path / "." / "out.jsonl")
    refused(second, "another run is writing this output")
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGCONT)
    first.communicate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl.progress"]


def test_killed_run_leaves_the_old_output_and_can_be_resumed(tmp_path):
    source = write(tmp_path / "in.jsonl", SEVERAL_CHUNKS)
    output, progress = tmp_path / "out.jsonl", tmp_path / "out.jsonl.progress"
    output.write_text("old\n")
    running = start(source, output)
    while not progress.exists() or len(progress.read_bytes().splitlines()) < 2:
        time.sleep(0.005)
    running.kill()
    running.communicate()
    assert output.read_text() == "old\n"
    assert run(source, output).returncode == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["id"] for row in rows] == list(range(SEVERAL_CHUNKS))
    names = ["in.jsonl", "out.jsonl", "out.jsonl.summary.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@pytest.mark.parametrize("edit", ["same length", "another limit"])
def test_progress_of_a_changed_file_is_not_used(tmp_path, edit):
    source = tmp_path / "in.jsonl"
    good = '{"text": "A great film, a joy, the best of the year. Wonderful!!"}\n'
    bad = '{"text": "A dull film, a bore, the worst of the year. Dreadful!!"}\n'
    assert len(good) == len(bad)
    source.write_text(good * 3000)
    progress = tmp_path / "out.jsonl.progress"
    running = start(source, tmp_path / "out.jsonl")
    while not progress.exists() or len(progress.read_bytes().splitlines()) < 2:
        assert running.poll() is None
        time.sleep(0.001)
    running.kill()
    running.communicate()
    if edit == "same length":
        source.write_text(bad * 3000)
        assert (
            "0 positive, 3,000 negative, 0 rejected" in run(source, tmp_path / "out.jsonl").stdout
        )
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SENTIMENT_MAX_TEXT_CHARACTERS", "20")
            done = run(source, tmp_path / "out.jsonl")
        assert "no row could be scored" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("end", ["jsonl", "csv", "txt", "parquet", "csv.gz"])
def test_full_disk_is_reported_and_leaves_the_old_output(tmp_path, end):
    source = tmp_path / f"in.{end}"
    table = pa.table({"text": [f"Good, and then {i} times better." for i in range(3000)]})
    if end == "parquet":
        parquet.write_table(table, source)
    else:
        lines = [json.dumps(row) if end == "jsonl" else row["text"] for row in table.to_pylist()]
        data = "\n".join(["text", *(f'"{line}"' for line in lines)] if "csv" in end else lines)
        source.write_bytes(gzip.compress(data.encode()) if end.endswith("gz") else data.encode())
    output = tmp_path / f"out.{end}"
    output.write_bytes(b"old")
    full = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))}
    # The limit would stop coverage from writing its file too.
    refused(run(source, output, measured=False, **full), "File too large")
    assert output.read_bytes() == b"old"
    assert not list(tmp_path.glob("*.unfinished"))


HOSTILE = {
    "nul": b"\0" * 5000,
    "random": random.Random(1).randbytes(5000),
    "latin": "text\nsch\xf6n\n".encode("latin-1"),
    "utf-16": "text\nGood.\n".encode("utf-16"),
    "half utf-16": "text\nGood.\n".encode("utf-16")[:-1],
    "array": b'[{"text": "Good."}]',
    "deep": b'{"text": ' + b"[" * 100_000,
    "surrogate": b'{"text": "\\ud83d"}\n{"text": "Good."}',
    "big number": b'{"text": "Good.", "n": ' + b"9" * 5000 + b"}",
    "unclosed": b'text,id\n"Good.,1\nBad.,2\n',
    "gzip": gzip.compress(b"text\nGood.\n")[:-3],
    "gzip and more": gzip.compress(b"text\nGood.\n") + b"trailing",
    "not gzip": b"\x1f\x8b" + b"x" * 100,
    "zip": b"PK\x03\x04" + b"x" * 100,
    "parquet": b"PAR1" + b"x" * 100 + b"PAR1",
    "parquet's ends": b"PAR1PAR1",
    "header": b"text\n",
    "blank": b"\n" * 100,
    "one line": b"x" * 200_000,
    "control": b"text\n\x1b[31m\x07Good.\n",
}


@pytest.mark.parametrize("end", ["jsonl", "csv", "tsv", "txt", "parquet", "csv.gz"])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_input_causes_a_traceback(tmp_path, command, name, end):
    source = tmp_path / f"in.{end}"
    source.write_bytes(HOSTILE[name])
    done = command(source, tmp_path / f"out.{end}")
    assert done.returncode in (0, 1)
    assert len(without_bar(done.stderr)) == done.returncode
    assert not list(tmp_path.glob("*.progress"))
    assert not list(tmp_path.glob("*.unfinished"))
    if done.returncode and "no row could be scored" not in done.stderr:
        assert list(files(tmp_path)) == [source.name]


NAMES = [
    "two words.csv",
    "-x.csv",
    "quote's \".csv",
    "$HOME `id` $(id) ;&.csv",
    "ünï😀.csv",
    "a\\b#c.csv",
]


@pytest.mark.parametrize("name", NAMES)
def test_make_accepts_any_file_name(tmp_path, name):
    (tmp_path / name).write_text("the text,id\nGood.,1\n")
    command = ["make", "-o", ".venv/requirements.installed", "score", "COLUMN=the text"]
    command += [f"IN={tmp_path / name}", f"OUT={tmp_path / 'new' / name}", "KEEP=1", "DELIMITER=,"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / name).exists()
