import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sentiment.emoji import MAX_REPEATS, spell, spellings
from app.sentiment.text import normalise
from tests.hostile import EMOJI, texts


@pytest.mark.parametrize(
    ("sent", "spelled"),
    [
        ("👍", "thumbs up"),
        ("so good👍!", "so good thumbs up !"),
        ("👍🏽 👍🏿", "thumbs up thumbs up"),
        ("❤️ ❤ ♥️ 🖤", "heart heart heart heart"),
        ("👨‍👩‍👧", "man woman girl"),
        ("❤️‍🔥", "heart fire"),
        ("🤦🏽‍♀️ 🤦🏽‍♂️ 🤦", "frustrated face palm " * 3),
        ("😮‍💨 ❤️‍🩹", "face exhaling mending heart"),
        ("👩‍👩‍👩‍👩‍👩", "woman woman woman"),
        ("👩‍", "woman"),
        ("🏳️‍🌈", "flag rainbow"),
        ("🇩🇪 🇫🇷🇮🇹", "flag flag flag"),
        ("🇩🇪🇫", "flag f"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "flag"),
        ("🏽", "skin tone"),
        ("1️⃣0️⃣ #️⃣ 🔟 ❿", "10 # 10 10"),
        ("🅶🅾🅾🅳 🆒 🅰\u0301", "good cool a \u0301"),
        ("What❓❗❗❗❗", "What?!!!!"),
        ("✅ ✔️ ❌ ❎ ✘", "check mark check mark cross mark cross mark cross mark"),
        ("💯", "hundred points"),
        ("\U0001fae8 \U0001fadd", "shaking face \U0001fadd"),
        ("3 ≤ 5 − ½ ░▓ ⠿ €", "3 ≤ 5 − 1⁄2 ░▓ ⠿ €"),
    ],
)
def test_emoji_are_spelled_out(sent, spelled):
    assert normalise(sent) == spelled.strip()


@pytest.mark.parametrize(
    ("sent", "spelled"),
    [
        ("★★☆☆☆", "2 out of 5 stars"),
        ("⭐️⭐️⭐️☆☆", "3 out of 5 stars"),
        ("★ ☆ ☆ ☆ ☆", "1 out of 5 stars"),
        ("★★★½", "3.5 stars"),
        ("★★★½☆", "3.5 out of 5 stars"),
        ("☆☆☆☆☆", "0 out of 5 stars"),
        ("🌟🌟🌟🌟🌟", "5 stars"),
        ("☆☆☆", "3 stars"),
        ("a ⭐ film", "a star film"),
        ("☆★☆", "stars"),
    ],
)
def test_stars_are_a_rating(sent, spelled):
    assert normalise(sent) == spelled


@pytest.mark.parametrize("times", [1, 2, 3, 4, 100])
def test_repeated_emoji_are_spelled_out_three_times_at_most(times):
    assert normalise("😡" * times) == " ".join(["enraged face"] * min(times, MAX_REPEATS))
    assert sum(each.end - each.start for each in spellings("😡" * times)) == times


@pytest.mark.parametrize(
    "sent", ["worst day </3", "</3 again", "&lt;/3, sigh", "(</3)", "why</3</3"]
)
def test_a_broken_heart_is_spelled_out(sent):
    assert "broken heart" in normalise(sent)


@pytest.mark.parametrize(
    "sent",
    [
        ":) :-) -_- :D ;) =) <3 :-D ^_^ :') (: xD :( :-( :'( D: >:( :/ =( :-/ ): T_T",
        "at 10:30, http://a.b/c, 3:1, 5/3, x</30, </3>, </div>, a-_-b, --_--, snake_case, D:/x",
    ],
)
def test_other_emoticons_and_what_looks_like_some_stay(sent):
    assert normalise(sent) == sent


@pytest.mark.parametrize(
    ("char", "words"),
    [
        ("😡", "enraged face"),
        ("😤", "angry face steam from nose"),
        ("🤬", "angry face cursing"),
        ("😥", "sad face sweat"),
        ("😜", "playful winking face tongue"),
        ("🙏", "praying hands"),
        ("🚩", "red flag"),
        ("❎", "cross mark"),
        ("👹", "ogre"),
    ],
)
def test_names_that_mislead_are_replaced(char, words):
    assert normalise(char) == words


def test_every_named_emoji_becomes_ascii_words():
    """Emoji are symbols of the planes of pictographs; all that Unicode has named are known."""
    pictographs = [*range(0x1F300, 0x1F650), *range(0x1F680, 0x1F700), *range(0x1F900, 0x1FA00)]
    for code in [*pictographs, *range(0x2600, 0x27C0), *range(0x1FA70, 0x1FB00)]:
        char = chr(code)
        if unicodedata.name(char, ""):
            assert spell(char).strip().isascii(), char
            assert len(spell(char)) <= 53


@pytest.mark.property
@given(st.lists(st.sampled_from(EMOJI) | st.text(max_size=3)).map("".join) | texts())
def test_spelling_twice_changes_nothing(text):
    once = spell(text)
    assert spell(once) == once
    assert len(once) <= 53 * len(text)
