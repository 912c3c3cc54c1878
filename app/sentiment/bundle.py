"""The model bundle: a folder of weights, tokenizer and card whose checksums are verified."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.sentiment import windows as windowing
from app.sentiment.windows import Windows

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
    windows: tuple[Windows, ...]
    """By the longest text that they are for; the last ones are for any."""
    temperature: float
    """What the logits are divided by before the softmax (Guo et al. 2017, arXiv:1706.04599)."""

    @property
    def name(self) -> str:
        return str(self.card["name"])

    @property
    def revision(self) -> str:
        return str(self.card["revision"])

    def spans(self, tokens: int) -> list[tuple[int, int]]:
        """Return where the windows start and end of a text of so many tokens, no special ones."""
        cut = next(w for w in self.windows if w.up_to is None or tokens + 2 <= w.up_to)
        return windowing.spans(tokens, cut.length - 2, cut.stride)

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
    unread = Bundle(folder, checksums, {}, (), (), 0.0)
    files = [unread.file(name) for name in ("card.json", "config.json")]
    try:
        card, config = (json.loads(path.read_bytes()) for path in files)
        names, inference = config["id2label"], card["inference"]
        windows = tuple(Windows(**each) for each in inference["windows"])
        if not windows or windows[-1].up_to is not None:
            raise ValueError("no windows for texts of any length")
        return replace(
            unread,
            card=card,
            labels=tuple(names[str(i)] for i in range(len(names))),
            windows=windows,
            temperature=inference["temperature"],
        )
    except (KeyError, TypeError, ValueError) as error:
        shown = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise BundleError(f"{files[0]} and {files[1].name} are not a bundle's: {shown}") from None


def _split(line: str) -> tuple[str, str]:
    digest, _, name = line.partition("  ")
    return digest, name
