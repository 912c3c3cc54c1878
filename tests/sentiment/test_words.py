import unicodedata

import numpy as np
import pytest

from app.sentiment.text import normalise
from app.sentiment.words import joined, words


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


PARTS = [
    *"ab1,;-!? \n&<>#", "—", "..", "<br />", "</p>", "&amp;", "&nbsp;", "&notit;", "&#x301;",
    "&lt;br&gt;", "&#55357;", "&eacute", "\u0301", "\u0344", "\u0345", "ﬁ", "ﷺ", "½", "´", "👍",
    "\u200d", "\ufe0f", "\ud83d", "\ude00", "\u1100", "\u1161", "\u11a8", "\u09c7", "\u09be",
    "\x00", "\x1c", "\x85", "\u2028", "\u3000",
]  # fmt: skip


def test_words_are_the_normalised_texts_in_order_and_apart():
    """On texts put together at random of what normalisation changes, and of any character."""
    rng = np.random.default_rng(0)
    for _ in range(2000):
        parts = rng.choice(PARTS, rng.integers(1, 14)).tolist()
        sent = "".join([*parts, chr(rng.integers(0x110000)), *parts[:2]])
        found = words(sent)
        assert joined(found).replace(" ", "") == normalise(sent).replace(" ", "")
        ends = [0, *(word.end for word in found)]
        assert all(end <= word.start < word.end for end, word in zip(ends, found, strict=False)), (
            ascii(sent)
        )


def test_tokens_of_the_words_are_those_of_the_text(native, reviews):
    for review in [*reviews[::3], "good—bad...but so-so;7/10!never,ever", "a [MASK] b [SEP]"]:
        of_words = native.tokenise([word.text for word in words(review)])
        assert [i for ids in of_words for i in ids] == native.tokenise([review])[0]


def test_many_marks_on_one_letter_are_one_word():
    sent = "a" + "\u0301" * 5000
    assert unicodedata.normalize("NFC", words(sent)[0].text) == normalise(sent)
