"""Templates whose label is right by construction, by the ability that they teach or test.

``training.txt`` and ``tests.txt`` contain an ability's name in brackets and below it its templates,
each a label and a text with slots. The labels are ``P`` Positive, ``p`` mildly so (Neutral is not
wrong), ``O`` Neutral, ``n`` mildly Negative and ``N`` Negative. No template of a test occurs in
training, and few of its words do (`training.behaviour.lexicon`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Template(NamedTuple):
    """A label and a text with slots."""

    label: str
    text: str


def parse(lines: str) -> dict[str, list[Template]]:
    """Return the templates of each ability."""
    abilities: dict[str, list[Template]] = {}
    for line in filter(None, lines.splitlines()):
        if line.startswith("["):
            templates = abilities.setdefault(line.strip("[]"), [])
        else:
            label, _, text = line.partition(" ")
            templates.append(Template(label, text))
    return abilities


def _read(name: str) -> dict[str, list[Template]]:
    return parse(Path(__file__).with_name(name).read_text(encoding="utf-8"))


TRAINING: Mapping[str, list[Template]] = _read("training.txt")
TESTS: Mapping[str, list[Template]] = _read("tests.txt")
