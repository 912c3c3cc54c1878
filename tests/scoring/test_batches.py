"""Batches: which texts can be scored, and why the others cannot."""

import pytest

from app.scoring.batches import InvalidBatch, parse_batch
from app.settings import Settings


def test_each_text_is_accepted_or_has_an_error_by_its_index(native):
    batch = parse_batch(["Good.", 7, " ", "Bad."], native, Settings())
    assert batch.texts == {0: "Good.", 3: "Bad."}
    assert batch.errors == {
        1: "must be a string, not a number",
        2: "must not be blank: at least one visible character is needed",
    }


def test_errors_are_in_the_order_of_the_texts(native):
    settings = Settings(max_text_tokens=16)
    batch = parse_batch(["word " * 20, " ", "Good."], native, settings)
    assert list(batch.errors) == [0, 1]
    assert batch.errors[0] == "must have at most 16 tokens, not 22"


@pytest.mark.parametrize("values", [None, "Good.", {}, []])
def test_other_values_are_not_a_batch(native, values):
    with pytest.raises(InvalidBatch, match="must be an array of at least one string"):
        parse_batch(values, native, Settings())
