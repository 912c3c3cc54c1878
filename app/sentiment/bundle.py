"""The model bundle: a directory with weights, tokenizer and card, verified by checksums."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.sentiment import temperature, token_pruning
from app.sentiment import windows as windowing
from app.sentiment.temperature import Temperature
from app.sentiment.token_pruning import TokenPruning
from app.sentiment.windows import Windows

CHECKSUMS = "SHA256SUMS"
LABELS = (("Negative", "Positive"), ("Negative", "Neutral", "Positive"))
"""The labels that a network may have, in the order of its logits."""


class BundleError(Exception):
    """The bundle is missing or damaged; the message names the file and the fault."""


@dataclass(frozen=True)
class Bundle:
    """What the classifier needs to know of a model, from ``card.json`` and ``config.json``."""

    folder: Path
    checksums: Mapping[str, str]
    card: Mapping[str, Any]
    labels: tuple[str, ...]
    windows: tuple[Windows, ...]
    """In ascending order of `Windows.up_to`; the last one is for texts of any length."""
    temperature: Temperature
    token_pruning: TokenPruning | None = None

    @property
    def name(self) -> str:
        return str(self.card["name"])

    @property
    def revision(self) -> str:
        return str(self.card["revision"])

    @property
    def english(self) -> bool:
        """Whether the card says that the model reads English and no other language."""
        return self.card.get("languages") == ["en"]

    def spans(self, tokens: int) -> list[tuple[int, int]]:
        """Return the ``(start, end)`` of each window of a text, not counting special tokens."""
        cut = next(cut for cut in self.windows if cut.up_to is None or tokens + 2 <= cut.up_to)
        return windowing.spans(tokens, cut.length - 2, cut.stride)

    def verify_outputs(self, outputs: int) -> None:
        """Verify that the network has as many outputs as the configuration has labels.

        Raises:
            BundleError: it has another number.
        """
        if outputs != len(self.labels):
            raise BundleError(
                f"{self.folder / 'config.json'} has {len(self.labels)} labels "
                f"({', '.join(self.labels)}), but the weights compute {outputs} logits"
            )

    def file(self, name: str) -> Path:
        """Return the path of a file of the bundle, whose checksum is verified.

        Raises:
            BundleError: the file is missing or its checksum is wrong.
        """
        path = self.folder / name
        if name not in self.checksums:
            raise BundleError(f"{self.folder / CHECKSUMS} has no line for {name}")
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(f"{path}: {error.strerror}") from None
        if digest != self.checksums[name]:
            raise BundleError(f"{path} has sha256 {digest}, expected {self.checksums[name]}")
        return path


def load(folder: Path) -> Bundle:
    """Open a bundle and verify its card and configuration; `Bundle.file` verifies other files.

    Raises:
        BundleError: the directory is not a bundle, or one of the two files is damaged.
    """
    try:
        lines = (folder / CHECKSUMS).read_text().splitlines()
    except OSError as error:
        raise BundleError(f"no model bundle in {folder}: {CHECKSUMS}: {error.strerror}") from None
    checksums = dict(map(_parse_checksum, lines))
    unread = Bundle(folder, checksums, {}, (), (), Temperature(1, 1))
    card_file, config_file = unread.file("card.json"), unread.file("config.json")
    try:
        card, config = (json.loads(path.read_bytes()) for path in (card_file, config_file))
        names, inference = config["id2label"], card["inference"]
        windows = tuple(Windows(**each) for each in inference["windows"])
        if not windows or windows[-1].up_to is not None:
            raise ValueError("no windows for texts of any length")
        labels = tuple(names[str(i)] for i in range(len(names)))
        if labels not in LABELS:
            raise ValueError(f"the labels are {', '.join(labels)}, not {_alternatives()}")
        return replace(
            unread,
            card=card,
            labels=labels,
            windows=windows,
            temperature=temperature.parse(inference["temperature"]),
            token_pruning=token_pruning.parse(config),
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"{card_file} and {config_file.name} are invalid: {reason}") from None


def _alternatives() -> str:
    return " or ".join(", ".join(labels) for labels in LABELS)


def _parse_checksum(line: str) -> tuple[str, str]:
    digest, _, name = line.partition("  ")
    return name.strip().lstrip("*"), digest
