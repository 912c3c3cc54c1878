"""New texts made of given ones, for teachers to score: phrases, other words, joined phrases.

A teacher's scores of new texts teach a student more than its scores of texts that the student knows
by heart (data augmentation in Jiao et al. 2020, arXiv:1909.10351).
"""

import random
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

from training import base

NEIGHBOURS = 8
"""Words that a word may be replaced by: those whose vectors are nearest."""
REWORDED = 0.2
"""Share of a text's words that are replaced, at least one."""
TRIES = 4
"""How many texts to make for one wanted until one is new."""
_KINDS = {"phrase": 0.4, "reworded": 0.35, "joined": 0.25}
_JOINTS = (", but ", ", and ", ". ", " but ", " - ", ", though ", "; ", "! ")
_CLAUSE_ENDS = re.compile(
    r"(?<=[,;:.!?)])\s+|\s+(?=(?:and|but|or|that|which|who|with|as|because|although|than)\b)"
)
_WORD = re.compile(r"[A-Za-z]{3,}")

Neighbours = Mapping[str, Sequence[str]]
"""Words that a lower-case word may be replaced by."""


def minilm_neighbours() -> dict[str, list[str]]:
    """Return the `neighbours` in the student's pretrained encoder."""
    folder = base.minilm_folder()
    vectors = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    return neighbours(Tokenizer.from_file(str(folder / "tokenizer.json")), vectors)


def neighbours(tokenizer: Tokenizer, vectors: torch.Tensor) -> dict[str, list[str]]:
    """Return for each whole word of the vocabulary those whose vectors, (tokens, dim), are nearest.

    By cosine, without the word itself.
    """
    words = {
        word: i for word, i in tokenizer.get_vocab().items() if word.isascii() and word.isalpha()
    }
    names = sorted(word for word in words if len(word) > 2)
    chosen = F.normalize(vectors[[words[name] for name in names]].double(), dim=1)
    nearest = torch.cat(
        [(part @ chosen.T).topk(NEIGHBOURS + 1).indices for part in chosen.split(1024)]
    )
    return {
        name: [names[j] for j in row if names[j] != name][:NEIGHBOURS]
        for name, row in zip(names, nearest.tolist(), strict=True)
    }


def augment(
    texts: Sequence[str],
    counts: Sequence[int],
    groups: Sequence[int],
    similar: Neighbours,
    seed: int,
) -> tuple[list[str], np.ndarray]:
    """Return new texts and the position of the text that each began with, (texts,).

    Args:
        texts: what to make them of.
        counts: how many to make of each text; fewer come of a text too short for more.
        groups: phrases are joined to those of texts of the same group only.
        similar: see `neighbours`.
        seed: decides every choice.
    """
    rng = random.Random(seed)
    members: dict[int, list[str]] = {}
    for text, group in zip(texts, groups, strict=True):
        members.setdefault(group, []).append(text)
    source_of: dict[str, int] = {}
    known = set(texts)
    for i, (text, count, group) in enumerate(zip(texts, counts, groups, strict=True)):
        for kind in rng.choices(list(_KINDS), list(_KINDS.values()), k=count):
            for _ in range(TRIES):
                if kind == "phrase":
                    made = phrase(text, rng)
                elif kind == "reworded":
                    made = reworded(text, similar, rng)
                else:
                    other = phrase(rng.choice(members[group]), rng)
                    made = phrase(text, rng).rstrip(",;:.") + rng.choice(_JOINTS) + other
                if made not in known and len(made.split()) > 1:
                    known.add(made)
                    source_of[made] = i
                    break
    return list(source_of), np.array(list(source_of.values()), dtype=int)


def phrase(text: str, rng: random.Random) -> str:
    """Return some of the clauses of a text that stand together, or of its words if it has one."""
    parts = [part for part in _CLAUSE_ENDS.split(text) if part]
    if len(parts) < 2 or rng.random() < 0.2:
        parts = text.split()
    if len(parts) < 2:
        return text
    length = rng.randint(1, len(parts) - 1)
    start = rng.randint(0, len(parts) - length)
    return " ".join(parts[start : start + length])


def reworded(text: str, similar: Neighbours, rng: random.Random) -> str:
    """Return the text with some words replaced by others of `neighbours`."""
    found = [match for match in _WORD.finditer(text) if match[0].lower() in similar]
    if not found:
        return text
    chosen = rng.sample(found, max(1, round(REWORDED * len(found))))
    for match in sorted(chosen, key=lambda each: -each.start()):
        text = text[: match.start()] + rng.choice(similar[match[0].lower()]) + text[match.end() :]
    return text
