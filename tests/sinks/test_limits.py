"""Limits of each sink: the largest size, depth and number that fit, and the next."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sinks.bus import BusSink
from app.sinks.queue import QueueSink
from app.sinks.results import Unstorable
from app.sinks.table import TableSink, attribute
from tests.sinks.test_results import VALUES, result

QUEUE, TABLE, BUS = QueueSink("url"), TableSink("results", 90), BusSink("results")


def nested(levels: int):
    value = "leaf"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("sink", "most"), [(QUEUE, 1024 * 1024), (BUS, 1024 * 1024), (TABLE, 400 * 1024)]
)
def test_largest_document_of_each_sink(sink, most):
    room = most - sink.prepare(0, result("")).size
    assert sink.prepare(0, result("x" * room)).size == most
    with pytest.raises(Unstorable, match="at most"):
        sink.prepare(0, result("x" * (room + 1)))


def test_size_is_measured_in_bytes():
    with pytest.raises(Unstorable, match="at most 1,048,576"):
        QUEUE.prepare(0, result("é" * 600_000))


def test_size_is_that_of_the_json():
    # A quote is escaped, so that 600,000 of them are 1,200,000 bytes.
    with pytest.raises(Unstorable, match="at most 1,048,576"):
        QUEUE.prepare(0, result('"' * 600_000))


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("abc", 3),
        ("é", 2),
        (None, 1),
        (True, 1),
        (b"ab", 2),
        ([], 3),
        ({}, 3),
        (["a", None], 3 + (1 + 1) + (1 + 1)),
        ({"ab": "c"}, 3 + 2 + 1 + 1),
        ({"a", "b"}, 2),
    ],
)
def test_item_size_is_that_of_dynamodb(value, size):
    assert attribute(value)[1] == size


@pytest.mark.parametrize("number", [1, 12345, Decimal("1.5"), -7, 10**37, Decimal("1e-130")])
def test_number_size_is_at_least_that_of_dynamodb(number):
    digits = len(Decimal(number).normalize().as_tuple().digits)
    assert attribute(number)[1] >= (digits + 1) // 2 + 1


def test_table_allows_32_levels():
    attribute(nested(31))
    with pytest.raises(Unstorable, match="32 levels"):
        attribute(nested(32))
    for sink in (QUEUE, BUS):
        sink.prepare(0, result(nested(60)))


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        (0, "0"),
        (Decimal("0e-500"), "0"),
        (-0.0, "0"),
        (17, "17"),
        (0.1, "0.1"),
        (int("9" * 38), "9" * 38),
        (10**125, "1E+125"),
        (Decimal("9" * 38 + "E88"), str(Decimal("9" * 38 + "E88"))),
        (Decimal("1e-130"), "1E-130"),
        (Decimal("1." + "0" * 60), "1"),
    ],
)
def test_numbers_within_the_range_of_a_table(number, stored):
    assert attribute(number)[0] == {"N": stored}


@pytest.mark.parametrize(
    "number",
    [
        int("9" * 39),
        int("1" * 45),
        Decimal("0." + "1" * 39),
        10**126,
        Decimal("1e126"),
        1e200,
        1e-300,
        Decimal("1e-131"),
        Decimal("-1e-131"),
        float("nan"),
        float("inf"),
    ],
)
def test_numbers_outside_the_range_of_a_table_are_refused(number):
    with pytest.raises(Unstorable, match="number"):
        attribute(number)


@pytest.mark.parametrize("name", ["", "x" * 65_536])
def test_invalid_attribute_names_are_refused(name):
    with pytest.raises(Unstorable, match="name of"):
        attribute({name: 1})


@pytest.mark.parametrize("id", ["", "x" * 2049])
def test_invalid_keys_are_refused(id):
    with pytest.raises(Unstorable, match="1 to 2,048"):
        TABLE.prepare(0, result(None, id))


def test_nulls_within_the_metadata_are_kept():
    metadata = TABLE.prepare(0, result({"a": None})).body["metadata"]
    assert metadata == {"M": {"a": {"NULL": True}}}
    assert "metadata" not in TABLE.prepare(0, result(None)).body


def test_sets_and_bytes_keep_their_types():
    assert attribute(frozenset({"b", "a"}))[0] == {"SS": ["a", "b"]}
    assert attribute(frozenset({2, Decimal("1.5")}))[0] == {"NS": ["1.5", "2"]}
    assert attribute(frozenset({b"b"}))[0] == {"BS": [b"b"]}


@pytest.mark.property
@given(VALUES | st.text(st.characters()) | st.floats(), st.text(st.characters()))
def test_any_result_is_prepared_or_refused_without_its_content(metadata, id):
    for sink in (QUEUE, TABLE, BUS):
        try:
            entry = sink.prepare(0, result(metadata, id))
        except Unstorable as error:
            str(error).encode("ascii")
        else:
            assert entry.size > 0
