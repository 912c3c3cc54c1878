import time
import unicodedata

import pytest
from hypothesis import given

from app.explanation.words import joined, words
from app.sentiment.text import normalise
from bench.worst import FAMILIES
from tests.hostile import texts


def shown(sent: str) -> list[str]:
    return [sent[word.start : word.end] for word in words(sent)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Not bad, at all!", ["Not", "bad,", "at", "all!"]),
        ("good—bad...but fine;so", ["good—", "bad...", "but", "fine;", "so"]),
        ("7/10, 3,000 well-made films", ["7/10,", "3,000", "well-made", "films"]),
        ("one<br />two</p>three", ["one", "two", "three"]),
        ("a &lt;br/&gt; b&nbsp;c", ["a", "b", "c"]),
        ("Tom &amp; Jerry", ["Tom", "&amp;", "Jerry"]),
        ("cafe\u0301 ﬁne 👩‍👩‍👧 👍", ["cafe\u0301", "ﬁne", "👩‍👩‍👧", "👍"]),
        ("zero\u200bwidth \u200b end\u200b", ["zero\u200bwidth", "end"]),
        ("half \ud83d whole \ud83d\ude00", ["half", "\ud83d", "whole", "\ud83d\ude00"]),
        ("\u1112\u1161\u11ab", ["\u1112\u1161\u11ab"]),
    ],
)
def test_words_stand_where_they_were_sent(sent, expected):
    assert shown(sent) == expected


def test_words_of_one_character_are_one_word():
    """A ligature for four words, which have no places of their own."""
    assert shown("\ufdfa yes") == ["\ufdfa", "yes"]


def test_words_of_ligatures_in_a_row_are_one_word():
    """The last word of one and the first of the next are not apart."""
    assert shown("so \ufdfa\ufdfa yes") == ["so", "\ufdfa\ufdfa", "yes"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Great👍🏽!", [("Great", "Great"), ("👍🏽", "thumbs up"), ("!", "!")]),
        ("❤️‍🔥 so", [("❤️‍🔥", "heart fire"), ("so", "so")]),
        ("a 🤦🏽‍♀️.", [("a", "a"), ("🤦🏽‍♀️", "frustrated face palm"), (".", ".")]),
        ("1️⃣ of 🇩🇪🇫🇷", [("1️⃣", "1"), ("of", "of"), ("🇩🇪", "flag"), ("🇫🇷", "flag")]),
        ("★★☆☆☆ &#x1f44e;", [("★★☆☆☆", "2 out of 5 stars"), ("&#x1f44e;", "thumbs down")]),
        ("😡😡😡😡", [("😡", "enraged face"), ("😡", "enraged face"), ("😡😡", "enraged face")]),
        ("\ud83d\udc4e</3", [("\ud83d\udc4e", "thumbs down"), ("</3", "broken heart")]),
        ("🅶🅾🅾🅳 🏴\U000e0067\U000e007f", [("🅶🅾🅾🅳", "good"), ("🏴\U000e0067\U000e007f", "flag")]),
    ],
)
def test_the_words_for_an_emoji_are_one_word_where_it_was_sent(sent, expected):
    assert [(sent[word.start : word.end], word.text) for word in words(sent)] == expected


@pytest.mark.property
@given(texts())
def test_words_are_the_normalised_texts_in_order_and_apart(sent):
    pieces = words(sent)
    assert joined(pieces).replace(" ", "") == normalise(sent).replace(" ", "")
    ends = [0, *(word.end for word in pieces)]
    assert all(end <= word.start < word.end for end, word in zip(ends, pieces, strict=False))
    assert ends[-1] <= len(sent)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_text_that_is_explained_takes_linear_time(family):
    sent = FAMILIES[family](20_000)
    started = time.process_time()
    words(sent)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("reference", ["&#" + "9" * 4990 + ";", "&#" + "0" * 4990 + "33;"])
def test_a_reference_of_many_digits_is_one_character(reference):
    assert shown(f"so {reference} good")[-1] == "good"


def test_tokens_of_the_words_are_those_of_the_text(native, reviews):
    for review in [*reviews[::3], "good—bad...but so-so;7/10!never,ever", "a [MASK] b [SEP]"]:
        of_words = native.tokenise([word.text for word in words(review)])
        assert [i for ids in of_words for i in ids] == native.tokenise([review])[0]


def test_many_marks_on_one_letter_are_one_word():
    sent = "a" + "\u0301" * 5000
    assert unicodedata.normalize("NFC", words(sent)[0].text) == normalise(sent)
