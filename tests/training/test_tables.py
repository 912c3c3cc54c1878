"""Tables as people have them."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from training import data, stars, tables
from training.data import NEGATIVE, NEUTRAL, POSITIVE
from training.tables import Columns

ROWS = [
    {"Comment": "Good,\nreally.", "grade": 5, "id": "a"},
    {"Comment": "", "grade": 1, "id": "b"},
    {"Comment": 'A "bad" one.', "grade": 2, "id": "c"},
    {"Comment": "It arrived.", "grade": 3, "id": "d"},
    {"Comment": "Unrated.", "grade": None, "id": "e"},
]
COLUMNS = Columns(label="grade", stars=stars.parse("1-5"))


def delimited(delimiter: str) -> str:
    lines = [delimiter.join(ROWS[0])]
    for row in ROWS:
        text = str(row["Comment"]).replace('"', '""')
        lines.append(delimiter.join([f'"{text}"', str(row["grade"] or ""), str(row["id"])]))
    return "\r\n".join(lines) + "\r\n\r\n"


def write(path: Path) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        parquet.write_table(pa.Table.from_pylist(ROWS), path)
        return path
    if name.endswith((".jsonl", ".ndjson")):
        content = "\n\n".join(map(json.dumps, ROWS))
    else:
        content = delimited(";" if "semicolon" in name else "," if ".csv" in name else "\t")
    raw = content.encode("utf-8-sig")
    path.write_bytes(gzip.compress(raw, mtime=0) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "r.csv", "semicolon.csv", "r.tsv", "R.TAB", "r.csv.gz", "r.jsonl", "r.ndjson", "r.jsonl.gz",
        "r.parquet",
    ],
)  # fmt: skip
def test_each_kind_of_table_reads_alike(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / name)
    examples = data.read(path, columns=COLUMNS)
    assert examples.texts == ["Good, really.", 'A "bad" one.', "It arrived."]
    assert examples.labels.tolist() == [POSITIVE, NEGATIVE, NEUTRAL]
    assert (examples.targets.max(axis=1) == 1).all()
    ratings = data.ratings(path, COLUMNS)
    assert ratings is not None
    assert ratings.tolist() == [5, 2, 3]
    told = capsys.readouterr().err
    assert f"{path}: 1 rows without a text are left out" in told
    assert f"{path}: 1 rows without a label are left out" in told


def test_grades_between_the_labels_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "r.csv")
    examples = data.read(path, columns=Columns("comment", "Grade", stars.parse("1-2,4-5")))
    assert examples.labels.tolist() == [POSITIVE, NEGATIVE]
    assert "1 rows with a grade between the labels are left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("text,label", "text", "label"),
        ("sentiment,review", "review", "sentiment"),
        ("Label,Sentence,content", "Sentence", "Label"),
        (" body ,polarity,id", " body ", "polarity"),
        ("message,class,rating", "message", "class"),
    ],
)
def test_columns_are_found_by_their_usual_names(
    tmp_path: Path, header: str, text: str, label: str
) -> None:
    values = dict.fromkeys(header.split(","), "1") | {text: "some words", label: "positive"}
    (tmp_path / "r.csv").write_text(f"{header}\n{','.join(values.values())}\n")
    examples = data.read(tmp_path / "r.csv")
    assert (examples.texts, examples.labels.tolist()) == (["some words"], [POSITIVE])


def test_grades_are_found_by_their_usual_names(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("text,label,stars\na,x,5\n")
    assert data.read(tmp_path / "r.csv", columns=Columns(stars=COLUMNS.stars)).labels == [POSITIVE]


@pytest.mark.parametrize(
    ("name", "content", "columns", "reason"),
    [
        ("r.csv", "", Columns(), "r.csv is empty"),
        ("r.csv", "text,label\na,1\n", Columns("words"),
         "no column 'words'; it has text, label: name it with --text-column .TEXT_COLUMN=."),
        ("r.csv", "text,mood\na,1\n", Columns(),
         "no column 'label' or .*; it has text, mood: name it with --label-column"),
        ("r.csv", "text,rating\na,1\n", Columns(),
         "or read 'rating' as grades with --stars 1-5 .STARS=1-5."),
        ("r.csv", "text,stars\na,3\nb,7\n", COLUMNS, "no column 'grade'"),
        ("r.csv", "text,grade\na,3\nb,7\n", COLUMNS, "row 2: '7' is not a grade from 1 to 5: see"),
        ("r.csv", "text,label\na,b,1\n", Columns(), "row 1 has 3 fields, and the header has 2"),
        ("r.csv", 'text,label\na,1\n"a "b" c",1\n', Columns(), "line 3: .* must be doubled"),
        ("r.csv", 'text,label\n"a,1\nb,1\n', Columns(), "unexpected end of data"),
        ("r.csv", "text,label\ncafé,1\n".encode("cp1252"), Columns(), "is not UTF-8: convert it"),
        ("r.csv.gz", gzip.compress(b"text,label\na,1\n", mtime=0)[:-9], Columns(), "is cut off"),
        ("r.jsonl", '{"text": "a", "label": 1}\n[]\n', Columns(), "line 2 is not a JSON object"),
        ("r.jsonl", "text", Columns(), "line 1 is not a JSON object"),
        ("r.parquet", "text", Columns(), "r.parquet: "),
        ("r.csv", "text,label\na,meh\nb,so-so\n", Columns(), "'meh' .row 1., 'so-so' .row 2.;"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_says_what_to_set(
    tmp_path: Path, name: str, content: str | bytes, columns: Columns, reason: str
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(ValueError, match=reason):
        data.read(tmp_path / name, columns=columns)


def test_a_hundred_unknown_labels_are_shown_in_part(tmp_path: Path) -> None:
    rows = "\n".join(f"text {i},mood {i}" for i in range(100))
    (tmp_path / "r.csv").write_text(f"text,label\n{rows}\n")
    with pytest.raises(ValueError, match="'mood 4' .row 5. and 95 more"):
        data.read(tmp_path / "r.csv")


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("text,label\na,1\nb,1\nc,1,1\n")
    rows = tables.source(tmp_path / "r.csv").rows(["label", "text"])
    assert [next(rows), next(rows)] == [["1", "a"], ["1", "b"]]
    with pytest.raises(ValueError, match="row 3 has 3 fields"):
        next(rows)


def test_ratings_that_are_no_numbers_are_none(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("text,label,rating\na,1,good\n")
    assert data.ratings(tmp_path / "r.csv") is None
    (tmp_path / "r.csv").write_text("text,label,rating\na,1,4.5\nb,0,1\n")
    np.testing.assert_array_equal(data.ratings(tmp_path / "r.csv"), [4.5, 1])
