"""Repairs slips of the keyboard in words that the vocabulary lacks.

WordPiece cuts ``wonderufl`` into pieces that say nothing of *wonderful*. Such a word is replaced by
one of the vocabulary that differs by a slip: two letters swapped, a letter held down (``sooo``), or
a double letter typed once (``embarassing``). A word of the vocabulary is never changed. Other
slips, a wrong or a missing letter, are left: they turn names into words (*Streep*, *street*).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import cast

from tokenizers import Tokenizer

CONTINUATION = "##"
"""What the WordPiece tokens begin with that continue a word."""
LETTERS = range(6, 25)
"""In a word with a swapped or missing letter: shorter ones are often names or rare words, such as
*fiend* beside *fined*."""
COMMON = 10_000
"""Ids below this are of common words: BERT's English vocabularies are in the order of frequency."""
REMEMBERED_WORDS = 4096
"""So many words are looked up once, as names and misspellings are repeated."""

_CONTINUED = re.compile(rb"\x00\x01+")
"""The tokens of a word of several, where a 1 stands for a token that continues the word."""
_HELD_DOWN = re.compile(r"([a-z])\1\1+", re.IGNORECASE)
_ENDINGS = ("s", "es", "d", "ed", "r", "er", "st", "est", "ing", "ly")
"""A word of the vocabulary with one of these is no slip: *devotes* is not *devotees*."""
_STEM = 3
"""Letters before such an ending at least."""


class SlipRepair:
    """Repairs slips in the token ids of texts, by the vocabulary of their tokenizer.

    ``english``: whether the texts are English; those of other languages stay as they are typed.
    """

    def __init__(self, tokenizer: Tokenizer, *, english: bool = True) -> None:
        self._english = english
        self._id = tokenizer.token_to_id
        # Every id of a text has a token.
        self._token = cast(Callable[[int], str], tokenizer.id_to_token)
        self._continues = cache(lambda i: self._token(i).startswith(CONTINUATION))
        self._intended = lru_cache(REMEMBERED_WORDS)(self._find_intended)

    def repaired(self, ids: list[int]) -> list[int]:
        """Return the ids of a text, with one id in place of those of each repaired word."""
        if not self._english:
            return ids
        continues = bytes(map(self._continues, ids))
        repaired: list[int] = []
        copied = 0
        for pieces in _CONTINUED.finditer(continues):
            start, end = pieces.span()
            word = "".join(map(self._token, ids[start:end])).replace(CONTINUATION, "")
            intended = self._intended(word)
            if intended is not None:
                repaired += (*ids[copied:start], intended)
                copied = end
        return [*repaired, *ids[copied:]] if copied else ids

    def _find_intended(self, word: str) -> int | None:
        """Return the id of the most common word that a slip may have turned into this one."""
        if not (word.isascii() and word.isalpha()):
            return None
        if _HELD_DOWN.search(word):
            return self._released(word)
        if len(word) not in LETTERS or self._inflected(word):
            return None
        swapped = self._most_common(_swapped(word))
        return self._most_common(_doubled(word)) if swapped is None else swapped

    def _released(self, word: str) -> int | None:
        """Return the id of the word without the repeated letters; ``toooo`` is *too*, not *to*."""
        single, double = (self._id(_HELD_DOWN.sub(kept, word)) for kept in (r"\1", r"\1\1"))
        if single is None or (double is not None and double < COMMON):
            return double
        return single

    def _inflected(self, word: str) -> bool:
        stems = (word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending))
        return any(len(stem) >= _STEM and self._id(stem) is not None for stem in stems)

    def _most_common(self, words: Iterable[str]) -> int | None:
        return min((i for i in map(self._id, words) if i is not None), default=None)


def _swapped(word: str) -> Iterator[str]:
    """Yield the word with each two neighbouring letters swapped."""
    for i in range(len(word) - 1):
        yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _doubled(word: str) -> Iterator[str]:
    """Yield the word with each letter doubled."""
    for i, letter in enumerate(word):
        yield word[:i] + letter + word[i:]
