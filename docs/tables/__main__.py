"""Writes the figures and tables of the README and the guides from what measured or defines them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import cost
from docs.tables import performance, readme, reference, scale
from scripts import image

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

SECTIONS: Mapping[str, Callable[[], str]] = {
    **readme.SECTIONS,
    **reference.SECTIONS,
    **scale.SECTIONS,
    **cost.SECTIONS,
    **image.SECTIONS,
    **performance.SECTIONS,
}
"""By the name that a page's ``<!-- name -->`` gives."""

_SECTION = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def names(page: str) -> list[str]:
    """Return the names of a page's sections."""
    return [name for _, name, _ in _SECTION.findall(page)]


def _write(section: re.Match[str]) -> str:
    start, name, end = section.groups()
    try:
        return f"{start}{SECTIONS[name]()}\n{end}"
    except FileNotFoundError:  # nothing was measured yet
        return section[0]


def main() -> None:
    """Write every section of every page."""
    for page in PAGES:
        page.write_text(_SECTION.sub(_write, page.read_text()))


if __name__ == "__main__":
    main()
