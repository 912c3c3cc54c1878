"""`make screenshots`: the README's pictures of the demo page, taken in a real browser."""

import io
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from app.settings import Settings
from app.web import application
from local.browser import launched
from local.server import serving

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
REVIEWS = ROOT / "training/reviews.csv"
TEXT = "A great cast and gorgeous pictures, wasted on a story that goes nowhere."
COLOURS = 256
"""In a picture, which makes it about a third of the size."""


class Picture(NamedTuple):
    """A state of the page, and the window that shows it."""

    name: str
    show: Callable[[Page], None]
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"


def show_text(page: Page, word: str = "wasted") -> None:
    """Score and explain a text, and point at a word."""
    page.get_by_label("Your text").fill(TEXT)
    expect(page.locator("#facts")).to_contain_text("17 tokens")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#explanation")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name=word).hover()


def show_file(page: Page) -> None:
    """Score a file and list its least confident rows first."""
    page.get_by_role("tab", name="File").click()
    page.locator("#file").set_input_files(REVIEWS)
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)
    page.get_by_label("Order").select_option("least")


PICTURES = [
    Picture("text-light", show_text, 1060, 740),
    Picture("text-dark", show_text, 1060, 740, "dark"),
    Picture("text-phone", partial(show_text, word="gorgeous"), 360, 1350),
    Picture("file-light", show_file, 1060, 1080),
]


def quantised(png: bytes) -> bytes:
    """Return the picture with few colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def main() -> None:
    """Take every picture and write it to docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    logging.getLogger("app").setLevel(logging.WARNING)
    with serving(application.create(Settings())) as url, launched() as browser:
        for name, show, width, height, scheme in PICTURES:
            page = browser.new_page(
                viewport=ViewportSize(width=width, height=height),
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            page.goto(f"{url}/demo")
            show(page)
            (IMAGES / f"{name}.png").write_bytes(quantised(page.screenshot()))
            page.close()
            print(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
