import html
import re
import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment import text as module
from app.sentiment.emoji import spell
from app.sentiment.text import MAX_SPELLED, InvalidText, normalise, parse
from bench.worst import FAMILIES
from tests.hostile import texts

LONGEST = 100_000
MAX_SECONDS = 3.0
"""Of processor time; a linear step takes a fiftieth, and each quadratic one took more."""


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("one<br />two<BR>three</p>four", "one two three four"),
        ('one<br class="x"/>two＜br＞three', "one two three"),
        ("one< / br >two< br/ >three", "one two three"),
        ("a brave <bride>", "a brave <bride>"),
        ("a &lt;br/&gt; b &amp; c", "a b & c"),
        (" \t many\n\n spaces\u00a0here\u3000", "many spaces here"),
        ("ﬁne ｆｕｌｌ 𝐛𝐨𝐥𝐝", "fine full bold"),
        ("cafe\u0301", "café"),
        ("zero\u200bwidth \x00 nul", "zerowidth nul"),
        ("half \ud83d emoji", "half \ufffd emoji"),
        ("whole \ud83d\ude00 emoji", "whole grinning face emoji"),
        ("3 < 5 and <b>bold</b>", "3 < 5 and <b>bold</b>"),
        ("&#65; &#0000000000065; &#x1F600;", "A A grinning face"),
        ("so good &#" + "1" * 5000, "so good \ufffd"),
        ("so good &#" + "0" * 5000 + "33;", "so good !"),
        ("so good <" + " " * 20_000, "so good <"),
        ("so good👍🏽!", "so good thumbs up !"),
        ("★★☆☆☆<br>🎉 &#x1f44e;", "2 out of 5 stars party popper thumbs down"),
        ("1\ufe0f\u20e3 ❤\ufe0f e\ufe0f\u0301", "1 heart é"),
    ],
)
def test_normalise(sent, seen):
    assert normalise(sent) == seen


def test_normalising_twice_changes_nothing(reviews):
    assert [normalise(text) for text in reviews] == reviews


@pytest.mark.property
@given(texts())
def test_any_text_becomes_one_line_of_characters_that_can_be_seen_and_encoded(sent):
    found = normalise(sent)
    assert not {unicodedata.category(char) for char in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert found == " ".join(found.split())
    assert len(found) <= (18 if found == defined(sent, str) else 53) * len(sent)
    found.encode()


def defined(text: str, spelled: Callable[[str], str] = spell) -> str:
    """Normalise by the definition that the shipped model was trained with, in whatever time."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = re.sub("[\ufe0e\ufe0f\u20e3]", "", html.unescape(text))
    text = spelled(unicodedata.normalize("NFKC", text))
    breaks = re.compile(r"<\s*/?\s*(?:br|p)\b[^<>]*>", re.IGNORECASE)
    text = " ".join(breaks.sub(" ", text).split())
    visible = (char for char in text if unicodedata.category(char) not in {"Cc", "Cf"})
    return " ".join("".join(visible).split())


@pytest.mark.property
@given(texts())
def test_any_text_is_what_the_model_was_trained_on(sent):
    assert normalise(sent) == defined(sent)


@pytest.mark.property
@given(texts())
def test_normalising_twice_changes_nothing_where_nothing_is_decoded_or_dropped(sent):
    """A reference may stand for the beginning of another, and what is dropped joins its sides."""

    def stays(char: str) -> bool:
        markup = {"&", "<"} & set(unicodedata.normalize("NFKC", char))
        dropped = unicodedata.category(char) in ("Cc", "Cf") and not char.isspace()
        return not markup and not dropped

    once = normalise("".join(filter(stays, sent)))
    assert normalise(once) == once


@pytest.mark.property
@given(texts(), st.integers(1, 100))
def test_any_text_is_parsed_or_refused(sent, limit):
    try:
        found = parse(sent, limit)
    except InvalidText as error:
        assert str(error).isascii()
        return
    assert 0 < len(defined(sent, str)) <= 2 * limit
    assert len(found) <= max(2 * limit, MAX_SPELLED if found != defined(sent, str) else 0)
    assert found == normalise(sent)


@pytest.mark.property
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.binary(), st.lists))
def test_what_is_no_text_is_refused(value):
    with pytest.raises(InvalidText, match="must be a string, not"):
        parse(value, 10)


def test_parse_allows_exactly_the_limit():
    assert parse("abcd", 4) == "abcd"
    with pytest.raises(InvalidText, match="at most 4 characters, not 5"):
        parse("abcde", 4)


def test_parse_allows_twice_the_characters_once_normalised():
    assert parse("½½¼", 5) == "1⁄21⁄21⁄4"
    with pytest.raises(InvalidText, match="at most 10 characters after Unicode normalisation"):
        parse("½½½½", 5)


def test_a_short_text_of_emoji_is_never_too_long():
    assert parse("😂👎" * 140, 280).count("thumbs down") == 140
    with pytest.raises(InvalidText, match=r"at most 20,000 characters once emoji are spelled out"):
        parse("😂👎" * 1000, 2000)
    with pytest.raises(InvalidText, match=r"at most 10 characters after Unicode normalisation"):
        parse("½½½½👎", 5)


@pytest.mark.parametrize("blank", ["\ufe0f", "\u20e3", "\u200d\ufe0f", "\U000e0067\U000e007f"])
def test_parts_of_emoji_that_cannot_be_seen_are_blank(blank):
    with pytest.raises(InvalidText, match="must not be blank"):
        parse(blank, 10)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_text_takes_linear_time(family):
    sent = FAMILIES[family](LONGEST)
    assert len(sent) > 0.9 * LONGEST
    started = time.process_time()
    normalise(sent)
    assert time.process_time() - started < MAX_SECONDS


def test_every_combining_mark_is_seen_as_one():
    """The pattern names no mark; this goes through all of them, in this Python's Unicode."""
    marks = [
        char
        for char in map(chr, range(0x110000))
        if unicodedata.combining(unicodedata.normalize("NFKD", char)[0])
    ]
    assert len(marks) > 900
    assert [char for char in marks if not module._MARKS.fullmatch(char * 31)] == []
