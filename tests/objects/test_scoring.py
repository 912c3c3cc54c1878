"""Objects of every format through the scoring that `make score` and the function share."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from app.objects import formats, storage
from app.objects.formats import UnreadableObject
from app.objects.progress import Progress
from app.objects.scoring import Target, score_object

ROWS = [("a", "A great film."), ("b", "A dull, lifeless mess."), ("c", " "), ("d", "Great, again.")]
LABELS = {"a": "Positive", "b": "Negative", "d": "Positive"}


@pytest.fixture
def target(tmp_path):
    return lambda name: Target(
        str(tmp_path / "scored" / name),
        str(tmp_path / "rejected" / f"{name}.jsonl"),
        str(tmp_path / "scored" / f"{name}.summary.json"),
    )


@pytest.fixture
def score(native, target):
    def run(path: Path, **options):
        return score_object(str(path), target(path.name), native, max_characters=1000, **options)

    return run


def rejects(summary) -> list[tuple[int, str]]:
    lines = Path(summary.rejected_to).read_text().splitlines()
    return [(row["line"], row["reason"]) for row in map(json.loads, lines)]


def write(path: Path) -> Path:
    """Write the rows in the format of the path's name."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        columns = {"id": [id for id, _ in ROWS], "review": [text for _, text in ROWS]}
        parquet.write_table(pa.table(columns), path)
        return path
    if name.endswith(".jsonl"):
        lines = [json.dumps({"id": id, "review": text}) for id, text in ROWS]
    elif name.endswith(".csv"):
        lines = ["id,review", *(f'{id},"{text}"' for id, text in ROWS)]
    else:
        lines = [text for _, text in ROWS]
    data = "\n".join(lines).encode() + b"\n"
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(path: Path) -> list[dict]:
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet", "r.jsonl.gz", "r.csv.gz"])
def test_rows_keep_their_columns_and_gain_the_scores(tmp_path, score, name):
    summary = score(write(tmp_path / name))
    found = read(Path(summary.scored_to))
    assert {row["id"]: row["sentiment"] for row in found} == LABELS
    assert found[1]["review"] == "A dull, lifeless mess."
    assert float(found[1]["positive"]) == pytest.approx(1 - float(found[1]["confidence"]), abs=1e-3)
    line = 4 if ".csv" in name else 3
    assert rejects(summary) == [
        (line, "text must not be blank: at least one visible character is needed")
    ]


@pytest.mark.parametrize("name", ["r.txt", "r.txt.gz"])
def test_lines_come_back_behind_their_scores(tmp_path, score, name):
    summary = score(write(tmp_path / name))
    data = Path(summary.scored_to).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    found = [line.split("\t") for line in text.splitlines()]
    assert [(row[0], row[3]) for row in found] == [
        ("Positive", "A great film."),
        ("Negative", "A dull, lifeless mess."),
        ("Positive", "Great, again."),
    ]
    assert summary.rejected_to is None


def test_a_summary_counts_what_became_of_the_rows(tmp_path, score):
    summary = score(write(tmp_path / "r.jsonl"))
    written = json.loads((tmp_path / "scored" / "r.jsonl.summary.json").read_text())
    assert (written["rows"], written["positive"], written["negative"], written["rejected"]) == (
        4, 2, 1, 1,
    )  # fmt: skip
    assert written["model"] == summary.model


def test_poison_lines_are_rejected_alone(tmp_path, score):
    lines = [
        b'{"text": "Good."}',
        b"{",
        b'["Good."]',
        b'{"title": "x", "year": 1}',
        b'{"text": 3}',
        b"",
        b'{"text": "caf\xe9"}',
        b'{"text": "' + b"x" * 1001 + b'"}',
        b'{"text": "Bad."}',
    ]
    (tmp_path / "r.jsonl").write_bytes(b"\r\n".join(lines))
    summary = score(tmp_path / "r.jsonl")
    columns = ", ".join(formats.TEXT_COLUMNS)
    assert rejects(summary) == [
        (2, "is not JSON"),
        (3, "is not a JSON object"),
        (4, f"has none of the columns {columns}, but 2 others"),
        (5, "text must be a string, not a number"),
        (7, "is not UTF-8 at byte 13"),
        (8, "text must have at most 1,000 characters, not 1,001"),
    ]
    assert (summary.positive, summary.negative) == (1, 1)


def test_poison_rows_of_a_csv_are_rejected_alone(tmp_path, score):
    (tmp_path / "r.csv").write_bytes(
        b'\xef\xbb\xbfid,text\n1,"Good,\nreally."\n2,Bad,more\n3\n4,caf\xe9\n5,Great.\n'
    )
    summary = score(tmp_path / "r.csv")
    assert rejects(summary) == [
        (4, "has 3 fields, the header 2"),
        (5, "has 1 fields, the header 2"),
        (6, "is not UTF-8"),
    ]
    assert [row["id"] for row in read(Path(summary.scored_to))] == ["1", "5"]


def test_a_line_without_end_takes_no_more_memory_than_a_row_may(tmp_path, score, monkeypatch):
    monkeypatch.setattr(formats, "MAX_ROW_BYTES", 64)
    (tmp_path / "r.txt").write_text("x" * 1000 + "\nGood.\n")
    summary = score(tmp_path / "r.txt")
    assert rejects(summary) == [(1, "has more than 64 bytes")]
    assert summary.positive == 1


@pytest.mark.parametrize(
    ("name", "content", "column", "reason"),
    [
        ("r.xml", b"", "", "expected .jsonl, .csv, .txt, each also .gz, or .parquet"),
        ("r.csv", b"id,title\n1,x\n", "", "has none of the columns text, .*, but 2 others"),
        ("r.csv", b"id,text\n1,x\n", "body", "has none of the columns body, but 2 others"),
        ("r.parquet", b"no", "", "is not Parquet"),
        ("r.csv.gz", b"no", "", "is not gzip"),
    ],
)
def test_an_object_that_cannot_be_read_says_why_and_leaves_nothing(
    tmp_path, score, name, content, column, reason
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableObject, match=reason):
        score(tmp_path / name, column=column)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != name]


def test_a_column_may_be_named(tmp_path, score):
    (tmp_path / "r.csv").write_text("text,opinion\nx,Dreadful.\n")
    summary = score(tmp_path / "r.csv", column="Opinion")
    assert summary.negative == 1


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet", "r.jsonl.gz"])
def test_an_interrupted_object_goes_on_to_the_same_result(
    tmp_path, score, native, monkeypatch, name
):
    monkeypatch.setattr(formats, "CHUNK_ROWS", 1)
    path = write(tmp_path / name)
    whole = read(Path(score(path).scored_to))

    def kill(summary, file):
        if summary.rows == 2:
            raise Killed

    with pytest.raises(Killed):
        score(path, watch=kill, progress=Progress(tmp_path / "p", "x"))
    predict, scored = native.predict, []
    monkeypatch.setattr(native, "predict", lambda texts: scored.extend(texts) or predict(texts))
    again = Progress(tmp_path / "p", "x")
    assert read(Path(score(path, progress=again).scored_to)) == whole
    assert scored == ["Great, again."]


def test_progress_of_another_object_or_model_is_not_used(tmp_path):
    Progress(tmp_path / "p", "one").add([formats.Score("Positive", 0.9, 0.9)])
    assert Progress(tmp_path / "p", "two").known(1) is None


def test_progress_cut_off_in_the_middle_of_a_line_keeps_those_before(tmp_path):
    first = Progress(tmp_path / "p", "one")
    first.add([formats.Score("Positive", 0.9, 0.9)])
    first.add([formats.Score("Negative", 0.8, 0.2)])
    data = (tmp_path / "p").read_bytes()
    (tmp_path / "p").write_bytes(data[:-5])
    again = Progress(tmp_path / "p", "one")
    assert again.known(1) == [formats.Score("Positive", 0.9, 0.9)]
    assert again.known(1) is None


def test_what_fails_while_it_is_written_does_not_appear(tmp_path):
    with pytest.raises(Killed), storage.writing(str(tmp_path / "out")) as file:
        file.write(b"half")
        raise Killed
    assert list(tmp_path.iterdir()) == []
