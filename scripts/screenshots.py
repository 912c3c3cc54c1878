"""`make screenshots`: the README's pictures of the page, as a real browser shows it."""

import logging
from pathlib import Path

from playwright.sync_api import Page, expect

from app.main import create_app
from app.settings import Settings
from local.browser import launched
from local.server import serving

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
REVIEWS = ROOT / "training/reviews.csv"
TEXT = "A great cast and gorgeous pictures, wasted on a story that goes nowhere."
DESKTOP = {"width": 1060, "height": 760}
PHONE = {"width": 360, "height": 740}


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


def main() -> None:
    """Write every picture anew."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    logging.getLogger("app").setLevel(logging.WARNING)
    with serving(create_app(Settings())) as url, launched() as browser:
        for name, show, viewport, scheme in [
            ("text-light", text_tab, DESKTOP, "light"),
            ("text-dark", text_tab, DESKTOP, "dark"),
            ("text-phone", text_tab, PHONE, "light"),
            ("file-light", file_tab, {**DESKTOP, "height": 1240}, "light"),
        ]:
            page = browser.new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
            page.goto(f"{url}/demo")
            show(page)
            page.screenshot(path=IMAGES / f"{name}.png")
            page.close()
            print(f"docs/images/{name}.png")


if __name__ == "__main__":
    main()
