"""One reader of JSON: right values, or `InvalidJson`, whatever the document."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.json_reader import MAX_DEPTH, InvalidJson, read

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.property
@given(VALUES)
def test_every_value_is_read_back(value):
    assert read(json.dumps(value)) == value
    assert read(b"\xef\xbb\xbf" + json.dumps(value).encode()) == value


@pytest.mark.property
@given(st.text(alphabet='{}[]",:0123456789.eE+-\\untrfalsNI \ufeff\ud83d') | st.binary())
def test_any_document_is_read_or_refused(document):
    try:
        read(document)
    except InvalidJson as error:
        str(error).encode()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "is not JSON: Expecting value at line 1, column 1"),
        ('{"secret": }', "is not JSON: Expecting value at line 1, column 12"),
        (b"\xff\xfe{\x00}\x00", "is not UTF-8 at byte 0"),
        ("NaN", "holds NaN, which is not JSON"),
        ("[-Infinity]", "holds -Infinity, which is not JSON"),
        ("[1e999]", "holds a number that is too large"),
        ("1" * 5000, "holds a number with too many digits"),
        ('[{"secret": 1, "secret": 2}]', "has an object with the same key twice"),
        ("[" * 100_000, f"is nested more than {MAX_DEPTH} levels deep"),
        ("[" * 65 + "]" * 65, f"is nested more than {MAX_DEPTH} levels deep"),
    ],
)
def test_what_is_refused_is_told_without_its_content(document, reason):
    with pytest.raises(InvalidJson) as raised:
        read(document)
    assert str(raised.value) == reason


def test_the_deepest_that_is_read():
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_a_lone_surrogate_is_kept():
    assert read(r'"\ud83d"') == "\ud83d"


@pytest.mark.parametrize(
    ("document", "values"),
    [
        ("[1, 2]", 3),
        ('{"a": {"b": 1}, "c": 2}', 4),
        ('{"text": "a, [b], {c} \\" , \\\\"}', 2),
        ('["' + "," * 1000 + '", "' + "[" * 1000 + '"]', 3),
    ],
)
def test_values_are_bounded_by_their_number_and_not_by_what_strings_hold(document, values):
    assert read(document, max_values=values) == json.loads(document)
    with pytest.raises(InvalidJson, match=f"^holds more than {values - 1:,} values$"):
        read(document, max_values=values - 1)


@pytest.mark.property
@given(st.lists(VALUES))
def test_every_document_holds_as_many_values_as_are_counted(value):
    def count(found: object) -> int:
        if isinstance(found, dict):
            return 1 + (sum(map(count, found.values())) or 1)
        return 1 + (sum(map(count, found)) or 1) if isinstance(found, list) else 1

    assert read(json.dumps(value), max_values=count(value)) == value
    with pytest.raises(InvalidJson):
        read(json.dumps(value), max_values=count(value) - 1)
