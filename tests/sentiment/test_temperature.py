import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment.temperature import LONG_TOKENS, SHORT_TOKENS, Temperature, parse

POSITIVE = st.floats(0.1, 10)


@given(POSITIVE, st.integers(2, 60_000))
def test_one_number_is_the_temperature_of_every_text(value, tokens):
    assert parse(value).at(tokens) == value


@given(POSITIVE, POSITIVE, st.integers(2, 60_000))
def test_a_temperature_lies_between_that_of_short_and_of_long_texts(short, long, tokens):
    between = Temperature(short, long).at(tokens)
    assert min(short, long) - 1e-9 <= between <= max(short, long) + 1e-9


def test_short_and_long_texts_have_their_own():
    temperature = parse({"short": 1.0, "long": 4.0})
    assert temperature.at(SHORT_TOKENS) == temperature.at(2) == 1
    assert temperature.at(LONG_TOKENS) == temperature.at(50_000) == 4
    assert temperature.at(64) == pytest.approx(2)
