"""Sentences of texts as they were sent: where they are cut, and their offsets."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.sentiment import sentences
from app.sentiment.sentences import split
from app.sentiment.text import BREAKS, is_blank, normalise
from app.settings import Settings
from bench.worst import FAMILIES, repeated

FAMILIES = FAMILIES | {
    f"{unit!r} repeated": repeated(unit)
    for unit in (
        '"',
        "“",
        "'",
        "'a ",
        "(",
        '"a. ',
        "😀.",
        "😀 ",
        "!! a",
        ". I ",
        "1. ",
        "\r",
        "\n ",
    )
}
PUNCTUATION = [*".!?…\"“”'()。", "...", ":)", "1.", "- "]
BLANKS = [*" \n\t\u2029\u200b\x00", "\r\n", "<br />"]
WORDS = ["Dr.", "e.g.", "3.5", "Good", "bad", "I", "é", "e\u0301", "No", "&amp;", "&hellip;"]
EMOJI = ["😍", "👩\u200d👩\u200d👧", "🇩🇪", "\ud83d", "\ude00"]
PIECES = [*PUNCTUATION, *BLANKS, *WORDS, *EMOJI]
ANY_TEXT = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))


def texts(sent: str) -> list[str]:
    return [sent[span.start : span.end] for span in split(sent)]


@given(ANY_TEXT)
@example("\ud83d\ude00. \ud83d")
@example("e\u0301. e\u0301")
def test_spans_are_in_order_and_only_blank_text_is_between_them(sent):
    end = 0
    for span in split(sent):
        assert end <= span.start < span.end <= len(sent)
        assert is_blank(normalise(sent[end : span.start]))
        assert span.text == normalise(sent[span.start : span.end])
        assert not is_blank(span.text)
        assert sent[span.start : span.end].strip() == sent[span.start : span.end]
        end = span.end
    assert is_blank(normalise(sent[end:]))


@pytest.mark.parametrize(
    "cut",
    [
        "Dr. Smith paid $3.50 at 9 a.m. today.| He left.",
        "The U.S. economy fell.| We care.",
        "Mr. and Mrs. Brown vs. the world.| Fun.",
        "I gave it 3.5/5.| Would go.",
        "v2.0 is better than v1.5.| Update now.",
        "Wow... just wow...| Amazing",
        "What?!| No way!?| Yes.",
        '"I hated it!" she said.| I loved it.',
        "‘Awful.’| Then “Brilliant.”",
        "no punctuation at all it just goes on and on",
        "lowercase.| sentences here.| like this!| ok",
        "- Good plot\n|- Bad acting",
        "Good plot\n\n|Bad acting",
        "great!!| loved it!!| would buy again",
        "No.| I hate it.",
        "This film was not for me.| I hated it.",
        "The plot is thin... but the cast is warm.",
        "1. Good plot.| 2. Bad acting.",
        "Loved it! 😍| Hated the end. 😡| Fine. ❤️",
        "Loved it!😍| Hated the end.😡",
        "Loved it! :)| Hated the end. :(",
        "👍 Good sound.| 👎 Bad screen.",
        "Good\r\n\r\n|bad\r\n\r\n|worse",
        "Loved it!<br /><br />|best <i>hour</i><br>|ever",
        "😍",
    ],
)
def test_a_text_is_cut_at_its_sentences(cut):
    assert texts(cut.replace("|", "")) == [BREAKS.sub("", part).strip() for part in cut.split("|")]


def test_a_blank_text_has_no_sentences():
    assert split("") == split(" \n\u200b") == []


def test_a_text_without_any_end_is_cut_at_a_space_before_the_limit(monkeypatch):
    monkeypatch.setattr(sentences, "MAX_CHARACTERS", 10)
    assert texts("aaaa bbbb cccc dddd") == ["aaaa bbbb", "cccc dddd"]
    assert texts("a" * 25) == ["a" * 10, "a" * 10, "a" * 5]
    assert texts("One. Two. Three four. Five.") == ["One.", "Two.", "Three", "four.", "Five."]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_longest_text_is_cut_in_linear_time(family):
    sent = FAMILIES[family](Settings().max_text_characters)
    started = time.process_time()
    split(sent)
    assert time.process_time() - started < 5
