import re
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from app.sentiment.engines.tokenizer import BundleTokenizer
from app.sentiment.slips import _ENDINGS as ENDINGS
from app.sentiment.slips import LETTERS, SlipRepair
from app.sentiment.text import Text, normalise
from tests.hostile import texts

TOKENIZER = Tokenizer.from_file(str(Path(__file__).parents[2] / "model" / "tokenizer.json"))
TOKENIZER.no_padding()
TOKENIZER.no_truncation()
VOCABULARY = frozenset(TOKENIZER.get_vocab())
WORDS = sorted(
    word for word in VOCABULARY if word.isascii() and word.isalpha() and len(word) in LETTERS
)


def tokens(text):
    ids = TOKENIZER.encode(text, add_special_tokens=False).ids
    return [TOKENIZER.id_to_token(i) for i in SlipRepair(TOKENIZER).repaired(ids)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wonderufl", "wonderful"),
        ("Terrilbe, I say.", "terrible , i say ."),
        ("ahppiness", "happiness"),
        ("embarassing", "embarrassing"),
        ("excelent recomended", "excellent recommended"),
        ("sooooo goood", "so good"),
        ("looooove", "love"),
        ("YESSSSS!!!", "yes ! ! !"),
        ("awesoooome", "awesome"),
        ("toooo loooose", "too loose"),
        ("goooo offff", "go off"),
    ],
)
def test_a_slip_becomes_the_word_that_was_meant(typed, meant):
    assert " ".join(tokens(typed)) == meant


@pytest.mark.parametrize(
    "word",
    [
        "Streep",  # street
        "Scorsese",
        "fiend",  # fined
        "grate",  # great
        "devotes",  # devotees
        "closets",  # closest
        "griping",  # gripping
        "taping",  # tapping
        "rarest",  # arrest
        "covfefe",
        "naïvvely".replace("ï", "ł"),
        "x86asm",
    ],
)
def test_a_word_that_no_slip_explains_keeps_its_tokens(word):
    assert tokens(word) == TOKENIZER.encode(word, add_special_tokens=False).tokens


@given(st.sampled_from(WORDS), st.data())
def test_two_letters_swapped_in_a_word_give_a_word_of_the_same_letters(word, data):
    at = data.draw(st.integers(0, len(word) - 2))
    slip = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    assume(not re.search(r"(.)\1\1", slip))
    assume(not any(slip.removesuffix(ending) in VOCABULARY for ending in ENDINGS))
    [repaired] = tokens(slip)
    assert sorted(repaired) == sorted(word)


@given(st.sampled_from(WORDS), st.data())
def test_a_letter_held_down_is_released(word, data):
    at = data.draw(st.integers(0, len(word) - 1))
    held = word[:at] + word[at] * data.draw(st.integers(3, 9)) + word[at:]
    [repaired] = tokens(held)
    assert re.sub(r"(.)\1+", r"\1", repaired) == re.sub(r"(.)\1+", r"\1", word)


@given(st.one_of(texts(), st.text(ascii_lowercase + " ", max_size=60)))
def test_a_text_keeps_the_number_of_its_words(sent):
    text = normalise(sent)
    before = TOKENIZER.encode(text, add_special_tokens=False).tokens
    after = tokens(text)
    assert len(_beginnings(after)) == len(_beginnings(before))
    assert len(after) <= len(before)


def _beginnings(pieces):
    return [piece for piece in pieces if not piece.startswith("##")]


@pytest.mark.parametrize("languages", [["en", "de"], ["de"], None])
def test_other_languages_are_read_as_they_are_typed(bundle, languages):
    tokenizer = BundleTokenizer(replace(bundle, card={"languages": languages}))
    [ids] = tokenizer.tokenise(["wonderufl"])
    assert ids == TOKENIZER.encode("wonderufl", add_special_tokens=False).ids


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_a_slip_does_not_change_the_score(engine, request):
    classifier = request.getfixturevalue(engine)
    typed, meant = classifier.score(
        [Text("An embarassing, terirble film."), Text("An embarrassing, terrible film.")]
    ).logits
    assert typed == meant
