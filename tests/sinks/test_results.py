"""Results as JSON, which keeps every value exactly."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.json_reader import read
from app.sinks.results import Result, Unstorable, to_json

NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda number: abs(number.adjusted()) < 300
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def result(metadata, id="1"):
    return Result(id, "Positive", 0.9, {"Negative": 0.1, "Positive": 0.9}, "rev", "now", metadata)


def sent(metadata):
    return read(to_json(result(metadata)), exact=True)["metadata"]


@pytest.mark.property
@given(VALUES)
def test_metadata_is_returned_unchanged(metadata):
    assert sent(metadata) == metadata


@pytest.mark.parametrize(
    "number", ["0.10", "1e-300", "1E+200", "12345678901234567890.123456789012345678", "-0.0"]
)
def test_a_number_keeps_all_its_digits(number):
    assert json.loads(to_json(result(Decimal(number))), parse_float=str)["metadata"] == str(
        Decimal(number)
    )


def test_sets_and_bytes_are_written_as_dynamodb_writes_them():
    assert sent({"set": {"b", "a"}, "bytes": b"\x00\xff"}) == {"set": ["a", "b"], "bytes": "AP8="}


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\x00", "\x0b", "\x1f"])
def test_characters_that_sqs_rejects_are_escaped(character):
    assert character not in to_json(result(character))
    assert sent(character) == character


@pytest.mark.parametrize("metadata", ["\ud83d", {"\ud83d": 1}, ["a", {"b": "\udc00"}]])
def test_lone_surrogate_is_refused(metadata):
    with pytest.raises(Unstorable, match="lone surrogate"):
        to_json(result(metadata))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_nan_and_infinity_are_refused(number):
    with pytest.raises(Unstorable, match="infinite or not a number"):
        to_json(result([number]))
