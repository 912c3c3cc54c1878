"""A real browser before a real server of the application, with the shipped model."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from app.settings import Settings
from app.web import application
from local.browser import launched
from local.server import serving

expect.set_options(timeout=15_000)

Visit = Callable[..., Page]


# Not for the session: while Playwright runs, nothing else can run an event loop in this thread.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    with serving(application.create(Settings())) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    """Open a page in a context of its own; an error that it raises or logs fails the test."""
    failures: list[str] = []
    with ExitStack() as contexts:

        def visit(address: str = f"{url}/demo", **options: object) -> Page:
            context = contexts.enter_context(browser.new_context(base_url=address, **options))
            page = context.new_page()
            page.on("pageerror", lambda error: failures.append(str(error)))
            page.on(
                "console", lambda message: _is_failure(message) and failures.append(message.text)
            )
            page.goto(address)
            return page

        yield visit
    assert failures == []


def _is_failure(message: ConsoleMessage) -> bool:
    # The browser logs a failed request as an error too; tests check how the page shows it.
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit()
