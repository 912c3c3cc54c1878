"""CSV tables in cases shared with the demo page (`tests/page/test_tables.py`)."""

import json

import pytest

from app.objects.formats import ReadOptions, UnreadableObject
from app.objects.formats.csv.dialect import sniff_dialect
from app.objects.formats.csv.records import RecordReader
from app.objects.formats.text_object import read_lines
from tests.conftest import ROOT

CASES = json.loads((ROOT / "tests/objects/tables.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_table_is_read_as_in_the_shared_case(case):
    content = case["content"].encode()
    if "refused" in case:
        with pytest.raises(UnreadableObject) as raised:
            sniff_dialect(content, ReadOptions())
        assert str(raised.value) == case["refused"]
        return
    dialect = sniff_dialect(content, ReadOptions())
    lines = read_lines(iter([content]))
    if dialect.sep:
        next(lines)
    header, *records = filter(None, RecordReader(lines, dialect.delimiter, dialect.quotings))
    assert dialect.delimiter == case["delimiter"]
    assert header.fields == case["columns"]
    assert [[each.line, *each.fields] for each in records if not each.fault] == case["rows"]
    assert [[each.line, each.fault] for each in records if each.fault] == case["faults"]
