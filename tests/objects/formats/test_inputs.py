"""The section on files in `docs/inputs.md`: each claim is tested."""

import gzip
import re

import pytest

from app.objects import formats
from app.objects.formats import UnreadableObject
from app.objects.formats import rows as limits
from app.objects.formats.csv.dialect import SAMPLE_RECORDS
from app.objects.formats.csv.quoting import MAX_FIELDS
from tests.conftest import ROOT
from tests.objects.formats.conftest import through

PAGE = (ROOT / "docs/inputs.md").read_text("utf-8")
FILES = re.split(r"^## ", PAGE, flags=re.MULTILINE)
SECTION = next(part for part in FILES if part.startswith("Files"))


def section(name: str) -> list[list[str]]:
    """Return the cells of the rows of a section's table."""
    part = next(each for each in SECTION.split("\n### ") if each.startswith(name))
    rows = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def test_every_suffix_is_documented():
    listed = [suffix for row in section("Files") for suffix in re.findall(r"`(\.\w+)`", row[0])]
    assert listed == list(formats.SUFFIXES)
    zipped = [re.findall(r"`(\.\w+)`", row[0])[0] for row in section("Files") if "gz" in row[2]]
    assert all(formats.is_accepted(f"a{suffix}.gz") for suffix in zipped)


def test_usual_names_of_the_text_column_are_documented():
    names = [f"`{name}`" for name in formats.TEXT_COLUMNS]
    assert f"the first of {', '.join(names[:-1])} and {names[-1]}" in SECTION


def test_limits_are_documented():
    assert f"{limits.MAX_ROW_BYTES:,} bytes" in SECTION
    assert f"{MAX_FIELDS:,} columns" in SECTION
    assert f"the first {SAMPLE_RECORDS} rows" in SECTION


LONG = b"x" * (limits.MAX_ROW_BYTES + 1)
REJECTED = [
    ("r.txt", b"a\n" + LONG),
    ("r.txt", b"a\nx\xff\n"),
    ("r.txt", b"a\n" + b"long enough " * 9 + b"\0\n"),
    ("r.csv", b"id,text\n1\n2,a\n"),
    ("r.csv", b'id,text\n1,"a\n2,a\n'),
    ("r.csv", b'id,text\n1,"a" b\n2,a\n'),
    ("r.csv", b'id,text\n1,"a\nb "c" d, e\nf"\n2,a\n'),
    ("r.jsonl", b'{"text": "a"}\n{\n'),
    ("r.jsonl", b'{"text": "a"}\n[1]\n'),
    ("r.jsonl", b'{"text": "a"}\n{"a": 1, "b": 2}\n'),
    ("r.txt", gzip.compress(b"a\n")[:-4]),
]


@pytest.mark.parametrize(
    ("row", "name", "data"),
    [
        pytest.param(row, *case, id=row[0][:40])
        for row, case in zip(section("Rejected")[:-1], REJECTED, strict=True)
    ],
)
def test_row_is_rejected_with_the_documented_reason(row, name, data):
    reasons = [reason for _, reason in through(name, data).reasons]
    pattern = re.escape(row[1]).replace("…", ".*")
    assert any(re.match(pattern, reason) for reason in reasons), reasons


REFUSED = [
    ("r.csv", b"PK\x03\x04xl/"),
    ("r.jsonl", b'[{"text": "a"}]'),
    ("r.jsonl", b"id,text\n1,a\n"),
    ("r.csv", b"a,b;c\n1,2;3\n"),
    ("r.csv", b"text\n1,a\n2,b\n3,c\n"),
    ("r.csv", b"I liked this film more.\nNot me.\n"),
    ("r.csv", b" \nid\n"),
    ("r.csv", b"id,note\n1,a\n"),
    ("r.csv", b"," * 10_001 + b"text\n"),
    ("r.csv", b""),
    ("r.parquet", b"PAR1" + b"x" * 20 + b"PAR1"),
]


@pytest.mark.parametrize(
    ("row", "name", "data"),
    [
        pytest.param(row, *case, id=row[0][:40])
        for row, case in zip(section("Refused"), REFUSED, strict=True)
    ],
)
def test_object_is_refused_with_the_documented_message(row, name, data):
    with pytest.raises(UnreadableObject) as raised:
        through(name, data)
    assert row[1].rstrip(" …") in str(raised.value)
