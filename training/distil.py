"""What a student learns from a teacher: pieces of the texts, each with the teacher's score.

A review has one label, but its passages say different things. The teacher scores each piece by
itself, so that the student sees texts of every length, the windows that it will be served in among
them, under the soft targets of a larger model (Hinton et al. 2015, arXiv:1503.02531).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import AutoModelForSequenceClassification

from training import data
from training.data import NEGATIVE, POSITIVE, Examples
from training.train import bf16_is_faster, predict

WINDOW = 190
"""Words in a piece at most: about 256 tokens, a window as served."""
PASSAGE = (3, 48)
"""Words in a passage, the shortest and the longest asked for; it ends with a sentence."""
PASSAGES = 0.3
"""Share of a text's passages that are taken."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SAVED_ROWS = 4096


@dataclass(frozen=True)
class Pieces:
    """Texts for a teacher to score."""

    texts: list[str]
    sources: np.ndarray
    """The example that each was cut from, (pieces,)."""
    whole: np.ndarray
    """Whether it is that example's text as it stands, so that the label holds, (pieces,)."""

    def digest(self) -> str:
        """Return a checksum of the texts."""
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()


def cut(texts: Sequence[str], seed: int) -> Pieces:
    """Cut each text into windows that cover it, and add some of its passages; none comes twice."""
    rng = np.random.default_rng(seed)
    source_of: dict[str, int] = {}
    for i, text in enumerate(texts):
        for piece in [*_windows(text), *_passages(text, rng)]:
            source_of.setdefault(piece, i)
    pieces = list(source_of)
    sources = np.array(list(source_of.values()))
    whole = [piece == texts[i] for piece, i in source_of.items()]
    return Pieces(pieces, sources, np.array(whole))


def _windows(text: str) -> list[str]:
    """Return consecutive parts of equal length, at most ``WINDOW`` words."""
    words = text.split()
    count = -(-len(words) // WINDOW)
    bounds = np.linspace(0, len(words), count + 1).astype(int)
    return [" ".join(words[start:end]) for start, end in pairwise(bounds)]


def _passages(text: str, rng: np.random.Generator) -> list[str]:
    """Return some of the runs of whole sentences that the text falls into, long and short ones."""
    passages = []
    passage: list[str] = []
    low, high = np.log(PASSAGE)
    wanted = np.exp(rng.uniform(low, high))
    for sentence in _SENTENCE_END.split(text):
        passage += sentence.split()
        if len(passage) >= wanted:
            if len(passage) <= WINDOW and rng.random() < PASSAGES:
                passages.append(" ".join(passage))
            passage = []
            wanted = np.exp(rng.uniform(low, high))
    return passages


def label(checkpoint: Path, length: int, pieces: Pieces, path: Path) -> None:
    """Write a teacher's log-odds of Positive against Negative, (pieces,), as fp16 in ``.npz``.

    Killed, it goes on from what it had scored. The texts are not in the file, only their checksum
    and the teacher's.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    teacher = AutoModelForSequenceClassification.from_pretrained(checkpoint).to(device)
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    rows = data.encode(tokenizer, pieces.texts, length)
    with (checkpoint / "model.safetensors").open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    digests = {"sha256": pieces.digest(), "teacher": weights}
    unfinished = path.with_name(f"{path.name}.unfinished.npz")
    log_odds = np.full(len(rows), np.nan, dtype=np.float16)
    if unfinished.exists():
        with np.load(unfinished) as file:
            if all(str(file[name]) == value for name, value in digests.items()):
                log_odds = file["log_odds"]
    bf16 = bf16_is_faster(device)
    with tqdm(total=len(rows), unit="piece", desc="labelling") as bar:
        for start in range(0, len(rows), _SAVED_ROWS):
            part = slice(start, start + _SAVED_ROWS)
            if np.isnan(log_odds[part]).any():
                logits = predict(teacher, rows[part], bf16)
                log_odds[part] = logits[:, -1] - logits[:, 0]
                _save(unfinished, log_odds, digests)
            bar.update(len(rows[part]))
    _save(path, log_odds, digests)
    unfinished.unlink(missing_ok=True)


def _save(path: Path, log_odds: np.ndarray, digests: Mapping[str, str]) -> None:
    """Replace the file in one step, so that a kill leaves the old one or the new."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        arrays: dict[str, Any] = {"log_odds": log_odds, **digests}
        np.savez_compressed(file, **arrays)
    new.replace(path)


def learnable(
    examples: Examples, pieces: Pieces, path: Path, temperature: float, label_share: float
) -> Examples:
    """Return the pieces of the examples with what a student shall learn of each.

    That is the teacher's probability, softened by ``temperature``; where the piece is a whole text,
    ``label_share`` of it is what the text was to teach without a teacher. How near the teacher's
    own probability is to a half says how much of the target is Neutral's (`training.data`).

    Raises:
        ValueError: the scores in ``path`` were made for other pieces.
    """
    with np.load(path) as file:
        log_odds, sha256 = file["log_odds"].astype(np.float64), str(file["sha256"])
    if sha256 != pieces.digest():
        raise ValueError(
            f"{path} labels other texts: --data, --test, held_out and seed must be those that it "
            "was made with"
        )
    own = examples.targets[pieces.sources]
    share = np.where(pieces.whole, label_share, 0.0)[:, None]
    softened = data.three_way(_sigmoid(log_odds / temperature), doubt=_sigmoid(log_odds))
    targets = share * own + (1 - share) * softened
    sides = targets[:, POSITIVE] >= targets[:, NEGATIVE]
    return Examples(
        pieces.texts,
        np.where(sides, POSITIVE, NEGATIVE),
        examples.weights[pieces.sources],
        targets,
    )


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    probabilities: np.ndarray = 1 / (1 + np.exp(-log_odds))
    return probabilities
