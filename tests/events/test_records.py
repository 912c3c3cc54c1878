"""Payloads: a text, or an object with a text, an id and metadata."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.records import InvalidRecord, parse_id, parse_payload, parse_record
from app.sentiment import text
from app.sentiment.text import Text

OBJECT = {"id": "a", "text": "Good."}
JSON = json.dumps(OBJECT)


def parse_text(value: object) -> Text:
    return text.parse(value, 100)


@pytest.mark.parametrize("before", ["", " \r\n\t", "\ufeff", "\ufeff \n", " \ufeff", "\u00a0"])
def test_json_object_is_parsed_after_white_space_or_a_byte_order_mark(before):
    assert parse_payload(before + JSON) == OBJECT


@pytest.mark.parametrize(
    "text",
    [
        "A great film.",
        '"A great film," said the critic.',
        "[Spoilers] A great film.",
        "[10/10]",
        "10",
        "null",
        "true",
        '"',
        "[",
        "(\ufeff)",
    ],
)
def test_text_is_unchanged(text):
    assert parse_payload(text) == text


def test_json_string_is_decoded():
    assert parse_payload('"A \\"great\\" film"') == 'A "great" film'


def test_object_encoded_twice_is_parsed():
    assert parse_payload(json.dumps(JSON)) == OBJECT
    assert parse_payload(json.dumps(json.dumps(JSON))) == OBJECT


def test_numbers_keep_their_digits():
    parsed = parse_payload(
        '{"text": "a", "metadata": [0.1000000000000000055511, 12345678901234567890123]}'
    )
    assert parsed["metadata"] == [Decimal("0.1000000000000000055511"), 12345678901234567890123]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ('{"text": ', "begins like a JSON object but is not JSON"),
        ('{"text": "a", "secret": 1, "secret": 2}', "the same key twice"),
        ('{"text": "a", "metadata": ' + "[" * 300 + "]" * 300 + "}", "more than 64 levels deep"),
        ('{"text": "a", "metadata": 1e999}', "a number that is too large"),
        ('{"text": "a", "metadata": NaN}', "which is not JSON"),
        ("{" * 100_000, "begins like a JSON object but"),
        ('{"a":' * 100_000, "more than 64 levels deep"),
        ('[{"text": "secret"}, {"text": "b"}]', "is a JSON array"),
        ('["secret", "b"]', "is a JSON array"),
        ('[{"text": "secret"', "begins like a JSON array but"),
    ],
)
def test_invalid_payload_is_refused_without_its_content(payload, reason):
    with pytest.raises(InvalidRecord, match=reason) as raised:
        parse_payload(payload)
    assert "secret" not in str(raised.value)


@pytest.mark.property
@given(st.text(alphabet='{}[]":, \\ntext1e\ufeff\ud83d') | st.text(st.characters()))
def test_any_payload_is_parsed_or_refused(payload):
    try:
        assert isinstance(parse_payload(payload), str | dict)
    except InvalidRecord as error:
        str(error).encode()


@pytest.mark.parametrize("id", ["a", "é" * 128, "x" * 256, 7, 0, -1, "feedback", "a b", "日本"])
def test_valid_ids(id):
    assert parse_id(id) == str(id)


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        ("", "has no id, or an empty one"),
        (None, "neither a text nor a whole number"),
        (True, "neither a text nor a whole number"),
        (1.0, "neither a text nor a whole number"),
        (Decimal("1.5"), "neither a text nor a whole number"),
        ([], "neither a text nor a whole number"),
        ({"secret": 1}, "neither a text nor a whole number"),
        ("secret" * 50_000, "300,000 bytes; at most 256"),
        ("é" * 129, "258 bytes; at most 256"),
        (int("1" * 300), "300 bytes; at most 256"),
        (" ", "cannot be printed"),
        ("a\nsecret", "cannot be printed"),
        ("secret\ud83d", "cannot be printed"),
        ("feedback/secret", "begins with feedback/"),
    ],
)
def test_invalid_ids_are_refused(id, reason):
    with pytest.raises(InvalidRecord, match=reason) as raised:
        parse_id(id)
    assert "secret" not in str(raised.value)


def test_field_name_is_case_sensitive():
    assert parse_record({"Text": "Bad.", "text": "Good."}, "1", parse_text).text == "Good."


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "has no text"),
        ({"secret": "a"}, "has no text"),
        ({"Text": "secret"}, "has no text"),
        ({"text": b"secret"}, "text must be a string"),
        ({"text": ["secret"]}, "text must be a string, not an array"),
        ({"text": "a", "metadata": float("nan")}, "metadata holds a number"),
    ],
)
def test_invalid_record_is_refused_without_its_content(fields, reason):
    with pytest.raises(InvalidRecord, match=reason) as raised:
        parse_record(fields, "1", parse_text)
    assert "secret" not in str(raised.value)
