"""Any text, and with preference what normalisation, HTML and tokenizers stumble over."""

from hypothesis import strategies as st

EMOJI = [
    "👍🏽", "😡", "❤\ufe0f", "👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "🤦🏽\u200d♀\ufe0f",
    "😮\u200d💨", "1\ufe0f\u20e3", "🔟", "🇩🇪", "🇭", "🏴\U000e0067\U000e0062\U000e007f", "🏽",
    "★★☆☆☆", "★★★½", "⭐", "☆ ", "🌟", "❗", "🅰", "🅱\ufe0e", "➑", "→", "&#x1f44e;",
    "\U0001fae8", "\U0001fadd", "\u20e3", "</3",
]  # fmt: skip
UNITS = [
    *"ab1,;-!? \n\t&<>#/'", "<br", "< br / >", "<p>", "</p>", "br>", "—", "..", "--", "&amp;",
    "&lt", "&nbsp;",
    "&notit;", "&#", "&#x301;", "&#55357;", "&#0", "&#00000000065;", "&#99999999999", "&#xfdfa;",
    "&shy;", "\x00", "\x1c", "\x85", "\u00ad", "\u00b4", "é", "ﬁ", "½", "…", "＜", "＆", "İ", "ſ",
    "\u0301", "\u0316", "\u0323", "\u0334", "\u0344", "\u0345", "\u0f73", "\u0f75", "\u1faf",
    "\u302e", "\u3099", "\uff76", "\uff9e", "\uff9f", "\U0001d165", "\U00016ff0", "\u034f",
    "\u1100", "\u1161", "\u11a8", "한", "\u09c7", "\u09be", "ﷺ", "\u337f", "好", "\u2028", "\u3000",
    "\u200b", "\u200d", "\ufe0f", "\ufeff", "👍", "\ud83d", "\ude00", "\ue000", "\uffff", "[SEP]",
    *EMOJI,
]  # fmt: skip
ANY_CHARACTER = st.characters(exclude_categories=())
"""Lone surrogates, which JSON can escape, included."""


def texts() -> st.SearchStrategy[str]:
    """Return what makes any string, of short runs and long ones."""
    runs = st.tuples(st.sampled_from(UNITS) | ANY_CHARACTER, st.sampled_from([1, 1, 2, 30, 70]))
    marks = st.lists(st.sampled_from([unit for unit in UNITS if unit > "\u02ff"]), max_size=80)
    return st.lists(runs.map(lambda run: run[0] * run[1]) | marks.map("".join), max_size=12).map(
        "".join
    ) | st.text(ANY_CHARACTER)
