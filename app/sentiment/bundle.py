"""The model bundle: a folder of weights, tokenizer and card whose checksums are verified."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

CHECKSUMS = "SHA256SUMS"


class BundleError(Exception):
    """The bundle cannot be served; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Bundle:
    """What the classifier needs to know of a model, from ``card.json`` and ``config.json``."""

    folder: Path
    checksums: Mapping[str, str]
    card: Mapping[str, Any]
    labels: tuple[str, ...]
    window: int
    """Tokens scored in one pass, with the two special tokens."""
    stride: int
    """Tokens from the start of one window to the start of the next."""
    temperature: float
    """What the logits are divided by before the softmax (Guo et al. 2017, arXiv:1706.04599)."""

    @property
    def name(self) -> str:
        return str(self.card["name"])

    @property
    def revision(self) -> str:
        return str(self.card["revision"])

    def with_windows(self, window: int, stride: int) -> "Bundle":
        """Return the bundle as it is with these windows.

        Raises:
            ValueError: they leave gaps.
        """
        if not 0 < stride <= window - 2:
            raise ValueError(f"stride {stride} leaves gaps between windows of {window}")
        return replace(self, window=window, stride=stride)

    def file(self, name: str) -> Path:
        """Return the path of one of the bundle's files, verified.

        Raises:
            BundleError: the file is missing, or is not the one that the checksums were made of.
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
    """Open a bundle; its card and configuration are verified here, other files when asked for.

    Raises:
        BundleError: the folder is no bundle, or one of those files is damaged.
    """
    try:
        lines = (folder / CHECKSUMS).read_text().splitlines()
    except OSError as error:
        raise BundleError(f"no model bundle in {folder}: {CHECKSUMS}: {error.strerror}") from None
    checksums = {name.strip().lstrip("*"): digest for digest, name in map(_split, lines)}
    unread = Bundle(folder, checksums, {}, (), 0, 0, 0.0)
    files = [unread.file(name) for name in ("card.json", "config.json")]
    try:
        card, config = (json.loads(path.read_bytes()) for path in files)
        names, inference = config["id2label"], card["inference"]
        return replace(
            unread,
            card=card,
            labels=tuple(names[str(i)] for i in range(len(names))),
            temperature=inference["temperature"],
        ).with_windows(inference["window"], inference["stride"])
    except (KeyError, ValueError) as error:
        shown = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"{files[0]} and {files[1].name} are not a bundle's: {shown}") from None


def _split(line: str) -> tuple[str, str]:
    digest, _, name = line.partition("  ")
    return digest, name
