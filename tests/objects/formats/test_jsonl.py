"""JSON Lines: rows are written unchanged, and other forms refused."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.objects.formats import UnreadableObject
from tests.objects.formats.conftest import through


def test_row_is_written_unchanged_with_its_scores_last():
    row = b'{ "id": 12345678901234567890.10, "text": "so \\ud83d good", "a": [1.0, null] }'
    written = through("r.jsonl", row + b"\r\n").written
    assert written == (
        row[:-2] + b', "sentiment": "Positive", "confidence": 0.75, "positive": 0.75}\n'
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b'"text"', "is not a JSON object"),
        (b'{"title": "x", "year": 1}', "no column is named text, .*; there are 2 columns"),
        (b'{"note": "x"}', "no column is named text, .*; there is 1 column"),
        (b'{"text": "a", "text": "b"}', "same key twice"),
        (b'{"text": "a", "n": 1e999}', "too large"),
        (b'{"text": "a", "n": NaN}', "not JSON"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"text": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested more than"),
        (b'{"text": "caf\xe9"}', "is not UTF-8 at byte 13; .*--encoding latin-1"),
        (b'{"text": "a"}{"text": "b"}', "is not JSON: Extra data"),
    ],
)
def test_invalid_row_is_rejected_alone_and_can_be_kept(row, reason):
    data = b'{"text": "one"}\n' + row + b'\n{"text": "two"}\n'
    result = through("r.jsonl", data, keep_rejected=True)
    assert result.texts == ["one", "two"]
    [(line, message)] = result.reasons
    assert line == 2
    assert re.search(reason, message)
    written = [json.loads(each) for each in result.written.splitlines()]
    assert [each["sentiment"] for each in written] == ["Positive", None, "Positive"]
    assert [each["reason"] for each in written] == [None, message, None]


def test_existing_member_is_kept_and_the_added_one_renamed():
    rows = b'{"text": "a"}\n{"text": "b", "Sentiment": "mine"}\n'
    written = [json.loads(row) for row in through("r.jsonl", rows).written.splitlines()]
    assert [row["sentiment_1"] for row in written] == ["Positive", "Positive"]
    assert written[1]["Sentiment"] == "mine"


def test_exact_member_name_has_priority_in_each_row():
    rows = b'{"Text": "a", "text": "b"}\n{"TEXT": "c"}\n{"review": "d", "body": "e"}\n'
    assert through("r.jsonl", rows).texts == ["b", "c", "d"]


def test_byte_order_mark_is_not_part_of_a_row():
    mark = "\ufeff".encode()
    result = through("r.jsonl", mark + b'{"text": "a"}\n' + mark + b'{"text": "b"}\n')
    assert result.texts == ["a", "b"]
    assert mark not in result.written


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'[{"text": "a"}, {"text": "b"}]', "is a JSON array"),
        (b'\n[\n  {"text": "a"}\n]\n', "is a JSON array"),
        (b'{\n  "text": "a"\n}\n{\n  "text": "b"\n}\n', "is JSON over several lines"),
        (b'{\n  "texts": [' + b'"x",\n' * 50_000 + b'"y"]}', "is JSON over several lines"),
        (b'{"text": "a"}{"text": "b"}', "has several JSON objects on a line"),
        (b'{"text": "a"} {"text": "b"}\n', "has several JSON objects on a line"),
        (b'{"text": "a"},\n{"text": "b"},\n', "has commas between its JSON objects"),
        (b"id,text\n1,a\n", "is a table"),
        (b"id;text\n1;a\n", "is a table"),
        (b"Good.\nBad.\n", "no line is one: line 1 is not JSON"),
        (b'"Good."\n"Bad."\n', "no line is one: line 1 is not a JSON object"),
        (b'["a", "b"]\n["c", "d"]\n', "no line is one: line 1 is not a JSON object"),
        (b'{"tweet": "a", "id": 1}\n' * 3, "no line is one: line 1 no column is named"),
    ],
)
def test_json_of_another_form_is_refused_with_one_message(data, reason):
    with pytest.raises(UnreadableObject, match=reason):
        through("r.jsonl", data)


def test_member_names_are_not_in_the_message():
    with pytest.raises(UnreadableObject) as raised:
        through("r.jsonl", b'{"secret": "a", "id": 1}\n')
    assert raised.value.columns == ("secret", "id")
    assert "secret" not in str(raised.value)


def test_empty_object_has_no_rows():
    assert through("r.jsonl", b"\n\n").written == b""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@pytest.mark.property
@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), min_size=1, max_size=5))
def test_any_objects_are_written_unchanged(objects):
    rows = [{**members, "text": f"{i}"} for i, members in enumerate(objects)]
    data = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    result = through("r.jsonl", data)
    assert result.texts == [row["text"] for row in rows]
    for line, row in zip(result.written.splitlines(), rows, strict=True):
        assert json.loads(line).items() >= row.items()


def test_only_member_may_have_any_name():
    assert through("r.jsonl", b'{"What did you think?": "a"}\n').texts == ["a"]
