"""Labelled reviews: files in, deduplicated and split examples out, then batches of token ids."""

import hashlib
import html
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from pyarrow import csv
from tokenizers import Tokenizer

from app.sentiment.text import normalise
from training import tables
from training.tables import Columns

LABELS = ("Negative", "Neutral", "Positive")
NEGATIVE, NEUTRAL, POSITIVE = range(3)
RUN = 6
"""Words that two texts must have in a row for it to be more than a phrase they share."""
TWIN = 1 / 3
"""Share of a text's runs of words found in others, from which it is taken for an edit of one."""
NEUTRAL_SHARE = 0.5
"""The share of Neutral in a target that was a probability of Positive of a half (`three_way`)."""
MIN_HELD_OUT = 30
"""Texts to hold out at least: with fewer, nothing can be chosen or calibrated by them."""
MAX_SHARED = 2000
"""Texts to hold out at most where a share of all is asked for."""
SHARE = 0.2
"""The share to hold out where a recipe's number is more than half of the texts."""
GRADES = np.array(
    [
        [0.95, 0.04, 0.01],
        [0.80, 0.18, 0.02],
        [0.10, 0.80, 0.10],
        [0.02, 0.18, 0.80],
        [0.01, 0.04, 0.95],
    ]
)
"""What to learn of each grade from 1 to 5, (grades, labels)."""
_NAMES = {
    "negative": NEGATIVE,
    "neg": NEGATIVE,
    "0": NEGATIVE,
    "neutral": NEUTRAL,
    "neu": NEUTRAL,
    "positive": POSITIVE,
    "pos": POSITIVE,
    "1": POSITIVE,
}
_ALLOWED = "Negative (neg, 0), Neutral (neu), Positive (pos, 1)"
_SHOWN = 5
"""Unknown labels that an error shows."""

_FIFTH = 5
_LINKS_AND_HANDLES = re.compile(r"https?://\S+|@\w+")
_NOT_IN_KEYS = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True)
class Examples:
    """Normalised texts and what a model shall learn of them."""

    texts: list[str]
    labels: np.ndarray
    """Positions in `LABELS`, (examples,)."""
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))
    """How often an epoch sees each, (examples,): 0.5 is every other epoch. By default once."""
    targets: np.ndarray = field(default_factory=lambda: np.empty(0))
    """The probability of each label to learn, (examples, 3); by default 1 for the label."""

    def __post_init__(self) -> None:
        if not len(self.weights):
            object.__setattr__(self, "weights", np.ones(len(self.texts)))
        if not len(self.targets):
            object.__setattr__(self, "targets", np.eye(len(LABELS))[self.labels])

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int] | np.ndarray) -> "Examples":
        """Return the examples at these positions, in this order."""
        chosen = np.asarray(indices, dtype=int)
        texts = [self.texts[i] for i in chosen]
        return Examples(texts, self.labels[chosen], self.weights[chosen], self.targets[chosen])


def three_way(positive: np.ndarray, doubt: np.ndarray | None = None) -> np.ndarray:
    """Return the probabilities of three labels, (examples, 3), that stand for one of Positive.

    Where two labels are all that was asked for, a text without an opinion gets a half. So the
    nearer a probability is to a half, the more of it is Neutral's; the two sides share the rest.
    ``doubt``: the probability of Positive that Neutral's share follows from, if it is another.
    """
    neutral = NEUTRAL_SHARE * (1 - np.abs(2 * (positive if doubt is None else doubt) - 1))
    sides = 1 - neutral
    return np.stack([(1 - positive) * sides, neutral, positive * sides], axis=1)


def key(text: str) -> str:
    """Return what tells a text from others, whatever its case, punctuation, links and handles.

    It is the beginning of a SHA-256, in hexadecimal digits, of the letters and figures that remain.
    """
    text = _LINKS_AND_HANDLES.sub("", html.unescape(text).lower())
    return hashlib.sha256(_NOT_IN_KEYS.sub("", text).encode()).hexdigest()[:16]


def half(text: str) -> int:
    """Return the half, 1 or 2, that a text belongs to by its `key`."""
    return int(key(text), 16) // _FIFTH % 2 + 1


def source(argument: str) -> tuple[Path, float]:
    """Split ``path`` or ``path=weight`` into the path and its weight, by default 1.

    Raises:
        ValueError: the weight is not a number above 0.
    """
    path, separator, weight = argument.rpartition("=")
    if not separator or Path(argument).exists():
        return Path(argument), 1.0
    try:
        factor = float(weight)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ValueError(f"{argument}: the weight must be a number above 0, as in {path}=0.5")
    return Path(path), factor


def read(path: Path, weight: float = 1.0, columns: Columns = Columns()) -> Examples:  # noqa: B008
    """Read labelled texts from a file, a folder or, where there is a hub, a data set of its.

    A file is a table (`training.tables`). Its labels are 0/1, Negative/Neutral/Positive or a
    probability of Positive, which is then what to learn (`three_way`), or grades if ``columns``
    says so. A folder like aclImdb's has a text a file under ``neg`` and ``pos``; a data set of the
    Hugging Face hub is named ``owner/name`` or ``owner/name:split``, by default its split train.
    Rows without a text or a label are left out, and their number is printed.

    Raises:
        ValueError: the file's kind is unknown, a column is missing, or a label is none of these.
    """
    if path.is_dir():
        examples = _read_folder(path)
    else:
        table = _source(path)
        rows = tables.read(table, columns)
        labels, targets = _labels(table.name, rows)
        examples = Examples(rows.texts, labels, targets=targets)
        for reason, count in rows.left_out.items():
            print(f"{table.name}: {count} rows {reason} are left out", file=sys.stderr)
    return replace(examples, weights=np.full(len(examples), weight))


def ratings(path: Path, columns: Columns = Columns()) -> np.ndarray | None:  # noqa: B008
    """Return the stars that came with each text, (texts,), where the source says them.

    A table says them in the column ``rating`` or, if its labels are grades, there; a folder like
    aclImdb's in its files' names, ``<number>_<stars>.txt``.
    """
    if path.is_dir():
        stems = [file.stem.split("_") for of_label in _text_files(path) for file in of_label]
        if not all(len(stem) == 2 and stem[1].isdigit() for stem in stems):
            return None
        return np.array([int(stars) for _, stars in stems])
    return tables.read(tables.source(path), columns).ratings if path.exists() else None


def read_graded(path: Path, weight: float = 1.0) -> Examples:
    """Read labelled texts that have `ratings` from 1 to 5, to learn the `GRADES`.

    Raises:
        ValueError: a rating is missing or another number, or see `read`.
    """
    examples = read(path, weight)
    grades = ratings(path)
    if grades is None or not np.isin(grades, np.arange(1, len(GRADES) + 1)).all():
        raise ValueError(f"{path}: no column rating with numbers from 1 to {len(GRADES)}")
    targets = GRADES[grades.astype(int) - 1]
    return replace(examples, labels=targets.argmax(axis=1), targets=targets)


def _read_folder(folder: Path) -> Examples:
    files = _text_files(folder)
    if not all(files):
        raise ValueError(f"{folder}: expected text files in its folders neg and pos")
    texts = [normalise(path.read_text(encoding="utf-8")) for of_label in files for path in of_label]
    return Examples(texts, np.repeat([NEGATIVE, POSITIVE], [len(of_label) for of_label in files]))


def _text_files(folder: Path) -> list[list[Path]]:
    return [sorted((folder / name).glob("*.txt")) for name in ("neg", "pos")]


def _source(path: Path) -> tables.Source:
    if tables.is_table(path) or path.exists() or "/" not in str(path):
        return tables.source(path)
    return tables.arrow_source(str(path), _hub_table(str(path)))


def _hub_table(argument: str) -> pa.Table:
    import datasets  # half a second, and only for those who have a hub

    name, _, split = argument.partition(":")
    try:
        loaded = datasets.load_dataset(name, split=split or "train")
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{argument} is no file or folder, and as a data set: {error}") from error
    table = loaded.with_format("arrow")[:]
    kind = loaded.features.get("label")
    if isinstance(kind, datasets.ClassLabel):
        # A split without labels has -1 in their place, which is no name.
        names = pa.array([kind.names[i] if i >= 0 else "none" for i in table["label"].to_pylist()])
        table = table.set_column(table.column_names.index("label"), "label", names)
    return table


def _labels(source: str, rows: tables.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(labels, targets)`` of labels that are names, 0 and 1, or probabilities.

    Raises:
        ValueError: a label is none of these.
    """
    labels = np.empty(len(rows.labels), dtype=np.int64)
    positive = np.full(len(labels), np.nan)
    unknown: dict[str, int] = {}
    for i, value in enumerate(rows.labels):
        name = str(value).strip().lower()
        if name in _NAMES:
            labels[i] = _NAMES[name]
            continue
        positive[i] = _probability(name)
        labels[i] = POSITIVE if positive[i] >= 0.5 else NEGATIVE
        if np.isnan(positive[i]):
            unknown.setdefault(repr(value), rows.numbers[i])
    if unknown:
        shown = [f"{value} (row {row})" for value, row in islice(unknown.items(), _SHOWN)]
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise ValueError(
            f"{source}: unknown labels: {', '.join(shown)}{more}; allowed are {_ALLOWED} and "
            "a probability of Positive; for grades, as from 1 to 5, set --stars 1-5 (STARS=1-5)"
        )
    return labels, np.where(
        np.isnan(positive)[:, None], np.eye(len(LABELS))[labels], three_way(positive)
    )


def _probability(value: str) -> float:
    """Return the probability that is written there; not a number if there is none."""
    try:
        number = float(value)
    except ValueError:
        return float("nan")
    return number if 0 <= number <= 1 else float("nan")


def write(examples: Examples, path: Path) -> None:
    """Write the texts and the names of their labels as CSV."""
    names = [LABELS[label] for label in examples.labels]
    csv.write_csv(pa.table({"text": examples.texts, "label": names}), path)


def tests(texts: Sequence[str]) -> np.ndarray:
    """Return which texts are of the fifth that tests, by their keys, (texts,)."""
    return np.array([int(key(text), 16) % _FIFTH == 0 for text in texts])


def divide(examples: Examples, path: Path) -> None:
    """Write ``<path>-test.csv``, a fifth of the texts by their keys, and ``<path>-train.csv``."""
    tested = tests(examples.texts)
    for name, chosen in (("train", ~tested), ("test", tested)):
        part = path.with_name(f"{path.name}-{name}.csv")
        part.parent.mkdir(parents=True, exist_ok=True)
        write(examples.take(np.flatnonzero(chosen)), part)
        print(f"{part}: {chosen.sum()} texts")


def digest(parts: Sequence[Examples]) -> str:
    """Return a checksum of texts and labels."""
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update("\n".join(part.texts).encode())
        checksum.update(part.labels.tobytes())
        if (part.weights != 1).any():
            checksum.update(part.weights.tobytes())
        if (part.targets != np.eye(len(LABELS))[part.labels]).any():
            checksum.update(part.targets.tobytes())
    return checksum.hexdigest()


def join(parts: Sequence[Examples]) -> Examples:
    """Return the examples of all parts, in their order."""
    return Examples(
        [text for part in parts for text in part.texts],
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.targets for part in parts]),
    )


def without(examples: Examples, others: Sequence[str] = ()) -> Examples:
    """Drop blank texts, repeats, and whatever stands among the others (a test set, say)."""
    dropped = {"", *others}
    kept = []
    for i, text in enumerate(examples.texts):
        if text not in dropped:
            kept.append(i)
            dropped.add(text)
    return examples.take(kept)


def unseen(
    examples: Examples, others: Sequence[str], excluded: frozenset[str] = frozenset()
) -> Examples:
    """Give weight 0 to each example that is nearly one of the others, so that no epoch sees it.

    That is one with the same letters and figures, and one that shares with them over a third of
    its runs of six words, as an edited twin does, and one whose `key` is excluded. It keeps its
    place: what a teacher scored of the texts stays valid when another test set is added.
    """
    keys = {folded(text) for text in others} - {""}
    other_runs = np.unique(np.concatenate([np.empty(0, np.int64), *map(_runs, others)]))
    weights = examples.weights.copy()
    for i, text in enumerate(examples.texts):
        runs = _runs(text)
        shared = (
            other_runs[np.searchsorted(other_runs, runs) % max(1, len(other_runs))] == runs
            if len(other_runs)
            else runs[:0]
        )
        twin = folded(text) in keys or (len(runs) and shared.mean() > TWIN)
        if twin or key(text) in excluded:
            weights[i] = 0
    return replace(examples, weights=weights)


def folded(text: str) -> str:
    """Return the letters and digits of a text, without regard to case."""
    return "".join(filter(str.isalnum, text.casefold()))


def _runs(text: str) -> np.ndarray:
    """Return a hash of each run of six words, (runs,), without regard to case or punctuation."""
    words = re.findall(r"\w+", text.casefold())
    hashes = np.array([zlib.crc32(word.encode()) for word in words], dtype=np.int64)
    if len(hashes) < RUN:
        return np.empty(0, np.int64)
    powers = np.array([1_000_003**k % 2**31 for k in range(RUN)], dtype=np.int64)
    return np.lib.stride_tricks.sliding_window_view(hashes, RUN) @ powers


def hold_out(examples: Examples, count: int, seed: int) -> tuple[Examples, Examples]:
    """Split into (the rest, ``count`` held out), each label with the share it has in the whole.

    What is held out comes in random order, so that its beginning is a sample of it.

    Raises:
        ValueError: nothing would be left.
    """
    if count >= len(examples):
        raise ValueError(f"of {len(examples)} texts {count} cannot be held out: see held_out")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(examples))
    held: list[int] = []
    for label in range(len(LABELS)):
        members = order[examples.labels[order] == label]
        held.extend(members[: round(count * len(members) / len(examples))])
    rest = np.setdiff1d(np.arange(len(examples)), held)
    return examples.take(rest), examples.take(rng.permutation(held))


def held_out_count(texts: int, wanted: float) -> int:
    """Return how many of so many texts to hold out: ``wanted``, a number or a share below 1.

    Of a share, it is at least `MIN_HELD_OUT` and at most `MAX_SHARED`. Where a number is more than
    half of the texts, it is `SHARE` of them.

    Raises:
        ValueError: more would be held out than learnt.
    """
    if wanted >= 1 and 2 * wanted <= texts:
        return int(wanted)
    share = wanted if wanted < 1 else SHARE
    count = min(max(round(share * texts), MIN_HELD_OUT), MAX_SHARED)
    if 2 * count > texts:
        raise ValueError(
            f"{texts} texts are too few: {count} are held out, and as many at least must remain; "
            f"label {2 * count - texts} more, or set held_out in the recipe"
        )
    return count


def encode(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> list[np.ndarray]:
    """Return each text's token ids, at most ``length`` with the special tokens.

    A longer text keeps its head and its tail, half each, where reviews say what they think
    (Sun et al. 2019, arXiv:1905.05583).
    """
    start, end = tokenizer.encode("").ids
    head = (length - 2) // 2
    tail = length - 2 - head
    rows = []
    for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False):
        ids = encoding.ids
        if len(ids) > length - 2:
            ids = ids[:head] + ids[-tail:]
        rows.append(np.array([start, *ids, end], dtype=np.int32))
    return rows


def batches(
    lengths: Sequence[int],
    size: int,
    seed: int,
    epoch: int,
    weights: np.ndarray | None = None,
    tokens: int = 0,
) -> list[np.ndarray]:
    """Return an epoch's batches of indices: similar lengths together, all of it shuffled.

    A batch has at most ``size`` examples and, unless ``tokens`` is 0, at most so many tokens with
    its padding. An example of weight 2 comes twice, one of 0.5 in half of the epochs, chosen at
    random. Sorting within pools of 50 batches keeps the padding low and each batch a random draw;
    the order depends on the seed and the epoch alone, so a resumed run sees what it would have
    seen.
    """
    rng = np.random.default_rng([seed, epoch])
    drawn = np.arange(len(lengths)) if weights is None else _drawn(weights, rng)
    order = drawn[rng.permutation(len(drawn))]
    pools = [order[i : i + 50 * size] for i in range(0, len(order), 50 * size)]
    by_length = [pool[np.argsort(np.asarray(lengths)[pool], kind="stable")] for pool in pools]
    cut = [batch for pool in by_length for batch in _cut(pool, lengths, size, tokens)]
    return [cut[i] for i in rng.permutation(len(cut))]


def _cut(pool: np.ndarray, lengths: Sequence[int], size: int, tokens: int) -> Iterator[np.ndarray]:
    """Yield consecutive batches of a pool in ascending order of length."""
    start = 0
    for end in range(1, len(pool) + 1):
        full = end - start == size
        if tokens and end < len(pool):
            full |= lengths[pool[end]] * (end + 1 - start) > tokens
        if full or end == len(pool):
            yield pool[start:end]
            start = end


def _drawn(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return indices, each as often as its weight says, those of one weight a fixed number."""
    indices = []
    for weight in np.unique(weights):
        members = np.flatnonzero(weights == weight)
        whole, part = divmod(round(weight * len(members)), len(members))
        indices += [members] * whole
        if part:
            indices.append(np.sort(rng.permutation(members)[:part]))
    return np.concatenate(indices)


def pad(rows: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(ids, mask)``, both (rows, longest), padded with 0."""
    width = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.from_numpy(row)
        mask[i, : len(row)] = 1
    return ids, mask


def padded(
    rows: Sequence[np.ndarray], size: int
) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
    """Yield ``(indices, ids, mask)`` over all rows, longest first, ``size`` rows a batch."""
    order = np.argsort([-len(row) for row in rows], kind="stable")
    for i in range(0, len(order), size):
        chosen = order[i : i + size]
        yield chosen, *pad([rows[j] for j in chosen])
