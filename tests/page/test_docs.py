"""The documentation at `/docs`, where every route can be tried at once."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import Visit


def unfold(page: Page, path: str) -> Locator:
    # A route that another service's clients call too is listed with those of that service again.
    own = page.locator("[id^=operations-sentiment-]")
    route = own.and_(page.locator(".opblock", has=page.locator(f'[data-path="{path}"]')))
    route.locator(".opblock-summary").click()
    return route


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
def test_try_it_out_works_as_it_stands(visit: Visit, url: str, path: str) -> None:
    route = unfold(visit(f"{url}/docs"), path)
    route.get_by_role("button", name="Try it out").click()
    route.get_by_role("button", name="Execute").click()
    answer = route.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_have_text("200")
    expect(answer).to_contain_text('"sentiment": "Positive"')


def test_an_error_shows_a_problem_document(visit: Visit, url: str) -> None:
    refused = unfold(visit(f"{url}/docs"), "/predict").locator('[data-code="429"]')
    # The other is how text-embeddings-inference refuses.
    refused.get_by_label("Media Type").select_option("application/problem+json")
    expect(refused).to_contain_text("More than 100/minute are not allowed")
