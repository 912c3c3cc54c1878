"""`make screenshots`: the README's pictures of the page, as a real browser shows it."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Page, ViewportSize, expect

from app.settings import Settings
from app.web import application
from local.browser import launched
from local.server import serving

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
REVIEWS = ROOT / "training/reviews.csv"
TEXT = "A great cast and gorgeous pictures, wasted on a story that goes nowhere."
DESKTOP: ViewportSize = {"width": 1060, "height": 760}
LONG: ViewportSize = {"width": 1060, "height": 1240}
PHONE: ViewportSize = {"width": 360, "height": 740}


class Picture(NamedTuple):
    """A picture of the page: what is done on it first, and how it is shown."""

    name: str
    prepare: Callable[[Page], None]
    viewport: ViewportSize
    scheme: Literal["light", "dark"]


def text_tab(page: Page) -> None:
    """Score and explain a text."""
    page.get_by_label("Your text").fill(TEXT)
    expect(page.locator("#facts")).to_contain_text("tokens")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#explanation")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="wasted").hover()


def file_tab(page: Page) -> None:
    """Score a file and put the doubtful rows first."""
    page.get_by_role("tab", name="A file").click()
    page.locator("#file").set_input_files(REVIEWS)
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)
    page.get_by_label("Order").select_option("doubtful")


PICTURES = [
    Picture("text-light", text_tab, DESKTOP, "light"),
    Picture("text-dark", text_tab, DESKTOP, "dark"),
    Picture("text-phone", text_tab, PHONE, "light"),
    Picture("file-light", file_tab, LONG, "light"),
]


def main() -> None:
    """Write every picture anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    logging.getLogger("app").setLevel(logging.WARNING)
    with serving(application.create(Settings())) as url, launched() as browser:
        for picture in PICTURES:
            page = browser.new_page(
                viewport=picture.viewport, color_scheme=picture.scheme, reduced_motion="reduce"
            )
            page.goto(f"{url}/demo")
            picture.prepare(page)
            page.screenshot(path=IMAGES / f"{picture.name}.png")
            page.close()
            print(f"docs/images/{picture.name}.png")


if __name__ == "__main__":
    main()
