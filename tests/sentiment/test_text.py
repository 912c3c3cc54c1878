import pytest

from app.sentiment.text import InvalidText, normalise, parse


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("one<br />two<BR>three</p>four", "one two three four"),
        ('one<br class="x"/>two＜br＞three', "one two three"),
        ("a brave <bride>", "a brave <bride>"),
        ("a &lt;br/&gt; b &amp; c", "a b & c"),
        (" \t many\n\n spaces\u00a0here\u3000", "many spaces here"),
        ("ﬁne ｆｕｌｌ 𝐛𝐨𝐥𝐝", "fine full bold"),
        ("cafe\u0301", "café"),
        ("zero\u200bwidth \x00 nul", "zerowidth nul"),
        ("half \ud83d emoji", "half \ufffd emoji"),
        ("whole \ud83d\ude00 emoji", "whole 😀 emoji"),
        ("3 < 5 and <b>bold</b>", "3 < 5 and <b>bold</b>"),
    ],
)
def test_normalise(sent, seen):
    assert normalise(sent) == seen


def test_normalising_twice_changes_nothing(reviews):
    assert [normalise(text) for text in reviews] == reviews


def test_parse_allows_exactly_the_limit():
    assert parse("abcd", 4) == "abcd"
    with pytest.raises(InvalidText, match="at most 4 characters, not 5"):
        parse("abcde", 4)
