"""What a student learns from a teacher: pieces of the texts, each with the teacher's score.

A review has one label, but its passages say different things. The teacher scores each piece by
itself, so that the student sees texts of every length, the windows that it will be served in among
them, under the soft targets of a larger model (Hinton et al. 2015, arXiv:1503.02531).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import PreTrainedModel

from training import data
from training.data import Examples
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
    found = []
    passage: list[str] = []
    low, high = np.log(PASSAGE)
    wanted = np.exp(rng.uniform(low, high))
    for sentence in _SENTENCE_END.split(text):
        passage += sentence.split()
        if len(passage) >= wanted:
            if len(passage) <= WINDOW and rng.random() < PASSAGES:
                found.append(" ".join(passage))
            passage = []
            wanted = np.exp(rng.uniform(low, high))
    return found


def label(
    teacher: PreTrainedModel, tokenizer: Tokenizer, length: int, pieces: Pieces, path: Path
) -> None:
    """Write the teacher's log-odds of Positive for each piece, (pieces,), as fp16 in ``.npz``.

    Killed, it goes on from what it had scored. The texts are not in the file, only their checksum.
    """
    rows = data.encode(tokenizer, pieces.texts, length)
    unfinished = path.with_name(f"{path.name}.unfinished.npy")
    log_odds = np.full(len(rows), np.nan, dtype=np.float16)
    if unfinished.exists() and len(found := np.load(unfinished)) == len(rows):
        log_odds = found
    bf16 = bf16_is_faster(teacher.device)
    with tqdm(total=len(rows), unit="piece", desc="labelling") as bar:
        for start in range(0, len(rows), _SAVED_ROWS):
            part = slice(start, start + _SAVED_ROWS)
            if np.isnan(log_odds[part]).any():
                logits = predict(teacher, rows[part], bf16)
                log_odds[part] = logits[:, 1] - logits[:, 0]
                np.save(unfinished, log_odds)
            bar.update(len(rows[part]))
    np.savez_compressed(path, log_odds=log_odds, sha256=pieces.digest())
    unfinished.unlink()


def learnable(
    examples: Examples, pieces: Pieces, path: Path, temperature: float, label_share: float
) -> Examples:
    """Return the pieces of the examples with what a student shall learn of each.

    That is the teacher's probability, softened by ``temperature``; where the piece is a whole text,
    ``label_share`` of it is what the text was to teach without a teacher.

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
    share = np.where(pieces.whole, label_share, 0.0)
    targets = share * own + (1 - share) / (1 + np.exp(-log_odds / temperature))
    return Examples(
        pieces.texts, (targets >= 0.5).astype(np.int64), examples.weights[pieces.sources], targets
    )
