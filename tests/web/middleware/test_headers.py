"""Security headers."""

import pytest

from app.web.middleware.headers import DATA_POLICY, HEADERS, PAGE_POLICY
from tests.web.client import client


@pytest.mark.parametrize("path", ["/", "/demo", "/docs", "/none", "/static/docs.js"])
def test_every_response_has_them(path):
    answer = client().get(path)
    assert HEADERS.items() <= answer.headers.items()


def test_data_may_load_nothing():
    assert client().get("/").headers["content-security-policy"] == DATA_POLICY


def test_pages_may_load_from_this_origin_only():
    answer = client().get("/docs")
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert "<script>" not in answer.text
    assert "http" not in answer.text


def test_demo_page_may_not_have_inline_styles():
    answer = client().get("/demo")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "style=" not in answer.text
    assert "http" not in answer.text


def test_errors_have_them_too():
    answer = client(api_keys=f"a:{'0' * 64}").get("/model")
    assert answer.status_code == 401
    assert answer.headers["content-security-policy"] == DATA_POLICY
