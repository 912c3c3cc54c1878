"""Objects of every format through the scoring of `make score` and the function."""

import contextlib
import csv
import gzip
import json
import os
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from app.objects import formats, local, storage
from app.objects.formats import ReadOptions, Score, UnreadableObject
from app.objects.formats.text_object import OTHER_ENCODING
from app.objects.local import LocalFile
from app.objects.progress import Progress
from app.objects.s3 import ObjectChanged
from app.objects.scoring import Summary, Target, score_object
from app.sentiment.classifier import Prediction
from app.sentiment.text import Limits, Text

ROWS = [
    ("a", "A great film."),
    ("b", "A dull, lifeless mess."),
    ("c", " "),
    ("d", "Great fun, again."),
]
LABELS = {"a": "Positive", "b": "Negative", "d": "Positive"}


@pytest.fixture
def target(tmp_path):
    return lambda name: Target(
        LocalFile(tmp_path / "scored" / name),
        LocalFile(tmp_path / "rejected" / f"{name}.jsonl"),
        LocalFile(tmp_path / "scored" / f"{name}.summary.json"),
    )


@pytest.fixture
def score(native, target):
    def run(path: Path, column: str = "", **given):
        given = {"limits": Limits(1000, 100_000), "options": ReadOptions(column), **given}
        with storage.open_input(LocalFile(path)) as source:
            return score_object(source, target(path.name), native, **given)

    return run


def rejects(summary) -> list[tuple[int, str]]:
    lines = Path(summary.rejected_to).read_text().splitlines()
    return [(row["line"], row["reason"]) for row in map(json.loads, lines)]


def write(path: Path) -> Path:
    """Write the rows in the format of the suffix."""
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
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    if ".jsonl" in path.name:
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv", "r.parquet", "r.jsonl.gz", "r.csv.gz"])
def test_rows_keep_their_columns_and_gain_the_scores(tmp_path, score, name):
    summary = score(write(tmp_path / name))
    rows = read(Path(summary.scored_to))
    assert {row["id"]: row["sentiment"] for row in rows} == LABELS
    assert rows[1]["review"] == "A dull, lifeless mess."
    assert float(rows[1]["positive"]) == pytest.approx(1 - float(rows[1]["confidence"]), abs=1e-3)
    line = 4 if ".csv" in name else 3
    assert rejects(summary) == [
        (line, "text must not be blank: at least one visible character is needed")
    ]


@pytest.mark.parametrize("name", ["r.txt", "r.txt.gz"])
def test_lines_are_written_after_their_scores(tmp_path, score, name):
    summary = score(write(tmp_path / name))
    data = Path(summary.scored_to).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    rows = [line.split("\t") for line in text.splitlines()]
    assert [(row[0], row[3]) for row in rows] == [
        ("Positive", "A great film."),
        ("Negative", "A dull, lifeless mess."),
        ("Positive", "Great fun, again."),
    ]
    assert summary.rejected_to is None


def test_summary_counts_the_rows(tmp_path, score):
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
        (2, "is not JSON: Expecting property name enclosed in double quotes at column 2"),
        (3, "is not a JSON object"),
        (4, f"no column is named {columns}; there are 2 columns"),
        (5, "text must be a string, not a number"),
        (7, f"is not UTF-8 at byte 13{OTHER_ENCODING}"),
        (8, "text must have at most 1,000 characters, not 1,001"),
    ]
    assert (summary.positive, summary.negative) == (1, 1)


def test_poison_rows_of_a_csv_are_rejected_alone(tmp_path, score):
    (tmp_path / "r.csv").write_bytes(
        b'\xef\xbb\xbfid,text\n1,"Good,\nreally."\n2,Bad,more\n3\n4,caf\xe9\n5,Great.\n'
    )
    summary = score(tmp_path / "r.csv")
    assert rejects(summary) == [
        (4, "has 3 fields, the first line 2"),
        (5, "has 1 field, the first line 2"),
        (6, f"is not UTF-8 at byte 5{OTHER_ENCODING}"),
    ]
    assert [row["id"] for row in read(Path(summary.scored_to))] == ["1", "5"]


def test_line_without_end_takes_bounded_memory(tmp_path, score, monkeypatch):
    monkeypatch.setattr(formats.rows, "MAX_ROW_BYTES", 64)
    (tmp_path / "r.txt").write_text("x" * 1000 + "\nGood.\n")
    summary = score(tmp_path / "r.txt")
    assert rejects(summary) == [(1, "has more than 64 bytes")]
    assert summary.positive == 1


@pytest.mark.parametrize(
    ("name", "content", "column", "reason"),
    [
        ("r.xml", b"", "", "expected .jsonl, .ndjson, .* each also .gz, or .parquet"),
        (
            "r.csv",
            b"id,title\n1,x\n",
            "",
            "no column is named text, .*; there are 2 columns",
        ),
        (
            "r.csv",
            b"id,text\n1,x\n",
            "body",
            "no column has the requested name",
        ),
        ("r.parquet", b"no", "", "is not Parquet"),
        ("r.csv.gz", b"\x1f\x8bno", "", "cannot be read: the gzip data is damaged"),
    ],
)
def test_unreadable_object_is_refused_and_leaves_nothing(
    tmp_path, score, name, content, column, reason
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableObject, match=reason):
        score(tmp_path / name, column=column)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != name]


def test_column_can_be_requested(tmp_path, score):
    (tmp_path / "r.csv").write_text("text,opinion\nx,Dreadful.\n")
    summary = score(tmp_path / "r.csv", column="Opinion")
    assert summary.negative == 1


FORMATS = ["r.jsonl", "r.csv", "r.txt", "r.parquet", "r.jsonl.gz", "r.csv.gz", "r.txt.gz"]


class Interrupted(BaseException):
    pass


GOOD = Prediction(
    sentiment="Positive",
    confidence=0.9,
    scores={"Negative": 0.1, "Positive": 0.9},
    tokens=3,
    windows=1,
    cached=False,
    model="m",
)
BAD = GOOD.model_copy(update={"sentiment": "Negative"})


def whole_and_interrupted(
    native, folder: Path, name: str, rows: int, stops: list[int]
) -> tuple[bytes, bytes, bool]:
    """Score a file in one run, and again with an interruption after a number of rows.

    Returns both results, and whether no text was scored twice without need.
    """
    path = write(folder / name)
    scored: list[str] = []

    def predict(texts):
        scored.extend(texts)
        return [GOOD if "reat" in text else BAD for text in texts]

    def run(out: str, stop_at: int | None = None) -> bytes:
        def on_chunk(summary):
            if summary.rows == stop_at:
                raise Interrupted

        target = Target(*(LocalFile(folder / f"{out}.{part}") for part in ("scored", "r", "s")))
        with storage.open_input(LocalFile(path)) as source, Progress(folder / out, "m") as progress:
            options = {"options": ReadOptions(), "limits": Limits(1000, 100_000)}
            score_object(source, target, native, **options, on_chunk=on_chunk, progress=progress)
        assert not (folder / out).exists()
        return (folder / f"{out}.scored").read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)  # which is most of the time it takes
        patch.setattr(formats.rows, "CHUNK_ROWS", rows)
        patch.setattr(native, "predict", predict)
        whole, needed = run("whole"), sorted(scored)
        scored.clear()
        for stop_at in stops:
            with contextlib.suppress(Interrupted):
                run("again", stop_at)
        again = run("again")
    # A complete run leaves no progress.
    return whole, again, sorted(scored) == needed or len(scored) % len(needed) == 0


@pytest.mark.property
@given(
    name=st.sampled_from([name for name in FORMATS if "parquet" not in name]),
    rows=st.integers(1, 4),
    stops=st.lists(st.integers(0, 5), max_size=3),
)
def test_interrupted_runs_give_the_same_result(native, tmp_path_factory, name, rows, stops):
    folder = tmp_path_factory.mktemp("r")
    whole, again, frugal = whole_and_interrupted(native, folder, name, rows, stops)
    assert again == whole
    assert frugal


def test_interrupted_parquet_gives_the_same_result(native, tmp_path):
    whole, again, frugal = whole_and_interrupted(native, tmp_path, "r.parquet", 1, [2, 3])
    assert again == whole
    assert frugal


def test_rejected_rows_may_keep_their_position(tmp_path, score):
    (tmp_path / "r.jsonl").write_text(
        '{"id": 1, "text": "Good."}\n{"id": 2, "text": " "}\n{"id": 3}\n{"id": 4, "text": "Bad."}\n'
    )
    summary = score(tmp_path / "r.jsonl", keep_rejected=True)
    rows = read(Path(summary.scored_to))
    assert [row["id"] for row in rows if row["sentiment"]] == [1, 4]
    assert rows[1]["id"] == 2
    assert rows[1]["confidence"] is rows[1]["positive"] is None
    assert (summary.rows, summary.rejected) == (4, 2)
    assert [line for line, _ in rejects(summary)] == [2, 3]


def test_row_that_is_too_large_is_not_kept(tmp_path, score):
    path = tmp_path / "in.parquet"
    texts = ["A great film.", "x" * (17 * 1024 * 1024), " "]
    parquet.write_table(pa.table({"text": texts}), path, compression="zstd")
    summary = score(path, keep_rejected=True)
    assert [line for line, _ in rejects(summary)] == [2, 3]
    back = parquet.read_table(summary.scored_to)
    assert back["text"].to_pylist() == ["A great film.", " "]
    assert back["sentiment"].to_pylist() == ["Positive", None]


def test_chosen_column_and_its_alternatives_are_reported(tmp_path, score):
    (tmp_path / "r.csv").write_text("body,Text\nDreadful.,Good.\n")
    summary = score(tmp_path / "r.csv")
    assert (summary.column, summary.other_columns) == ("Text", ["body"])
    assert summary.positive == 1


def test_lone_surrogate_is_rejected_or_written_unchanged(tmp_path, score):
    (tmp_path / "r.jsonl").write_text('{"text": "\\ud83d"}\n{"text": "Good. \\ud83d"}\n')
    summary = score(tmp_path / "r.jsonl")
    [rejected] = Path(summary.rejected_to).read_text().splitlines()
    assert "\\ud83d" in rejected
    assert summary.positive == 1


def test_run_without_rejects_removes_earlier_rejects(tmp_path, score):
    path = tmp_path / "r.csv"
    path.write_text("text\nGood.\nBad,extra\n")
    rejected = Path(score(path).rejected_to)
    assert rejected.exists()
    path.write_text("text\nGood.\n")
    assert score(path).rejected_to is None
    assert not rejected.exists()


def test_refused_object_leaves_the_earlier_results(tmp_path, score):
    path = tmp_path / "r.csv"
    path.write_text("text\nGood.\nBad,extra\n")
    score(path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    path.write_text("other,columns\n1,2\n")
    before[path] = path.read_bytes()
    with pytest.raises(UnreadableObject, match=re.escape(f"{path}: no column is named")):
        score(path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", FORMATS)
def test_file_written_to_while_read_is_not_scored(tmp_path, score, name):
    path = write(tmp_path / name)
    os.utime(path, (0, 0))

    def edit(summary):
        with path.open("r+b") as file:
            file.write(path.read_bytes()[:1])

    with pytest.raises(ObjectChanged):
        score(path, on_chunk=edit)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["read", "write"])
def test_exceptions_of_storage_are_raised_in_every_format(tmp_path, score, name, kind):
    class Failed(OSError):
        pass

    def fail(self, data):
        raise Failed

    path = write(tmp_path / name)
    raw = local.InputFile if kind == "read" else local.OutputFile
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Failed):
        patch.setattr(raw, "readinto" if kind == "read" else "write", fail, raising=False)
        score(path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]


def test_row_with_too_many_tokens_is_rejected_alone(tmp_path, score):
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in ("Good.", "!" * 90, "Bad.")))
    summary = score(path, limits=Limits(1000, 50))
    assert rejects(summary) == [(2, "text must have at most 50 tokens, not 92")]
    assert (summary.positive, summary.negative) == (1, 1)


GRAINS = [
    b"text,id\n", b"text;id\n", b"text\n", b'"', b",", b";", b"\t", b"\n", b"\r\n", b"\0", b"\\",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b'{"text": "Good."}\n', b'{"text": "\\ud83d"}\n',
    b'{"text": ', b"[", b"{", b"Good. ", b"1,Bad\n", b"&#" + b"9" * 5000 + b";", b"sep=;\n",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
]  # fmt: skip


@pytest.mark.property
@given(
    name=st.sampled_from([name for name in FORMATS if "parquet" not in name]),
    grains=st.lists(st.sampled_from(GRAINS) | st.binary(max_size=8), max_size=12),
    zipped=st.booleans(),
    cut=st.integers(0, 3),
    keep=st.booleans(),
)
def test_any_bytes_are_scored_rejected_or_refused(
    native, tmp_path_factory, name, grains, zipped, cut, keep
):
    folder = tmp_path_factory.mktemp("r")
    data = gzip.compress(b"".join(grains)) if zipped else b"".join(grains)
    (folder / name).write_bytes(data[: len(data) - cut])
    target = Target(*(LocalFile(folder / part) for part in ("scored", "rejected", "summary")))
    with (
        storage.open_input(LocalFile(folder / name)) as source,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(native, "predict", lambda texts: [GOOD] * len(texts))
        given = {"options": ReadOptions(), "limits": Limits(1000, 1000), "keep_rejected": keep}
        try:
            summary = score_object(source, target, native, **given)
        except UnreadableObject:
            assert [path.name for path in folder.iterdir()] == [name]
            return
    assert summary.rows == summary.positive + summary.rejected
    assert bool(summary.rejected) == (folder / "rejected").exists()


def test_rows_may_be_neutral(tmp_path, target, three_labels):
    (tmp_path / "r.txt").write_text("A great film.\nIt lasts two hours.\nA dull, lifeless mess.\n")
    with storage.open_input(LocalFile(tmp_path / "r.txt")) as source:
        summary = score_object(
            source,
            target("r.txt"),
            three_labels,
            options=ReadOptions(),
            limits=Limits(1000, 100_000),
            neutral=True,
        )
    rows = [line.split("\t") for line in Path(summary.scored_to).read_text().splitlines()]
    expected = three_labels.analyse([Text(row[3]) for row in rows])
    assert [row[0] for row in rows] == [analysis.sentiment for analysis in expected]
    assert summary.positive + summary.neutral + summary.negative == sum(summary.confidences) == 3


def test_a_neutral_row_that_is_hardly_likelier_than_others_is_in_the_first_step():
    summary = Summary("in", "out")
    summary.count([Score("Neutral", 0.34, 0.33)], 0)
    assert (summary.neutral, summary.confidences[0]) == (1, 1)
