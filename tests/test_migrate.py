"""The snippets of docs/migrate.md, run as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from app.web import application
from local.server import serving
from tests.access.test_keys import entry
from tests.conftest import ROOT

PAGE = (ROOT / "docs/migrate.md").read_text()
SNIPPETS = [
    pytest.param(snippet, id=f"{section.splitlines()[0]}-{number}")
    for section in PAGE.split("\n## ")[1:]
    for number, snippet in enumerate(re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S))
]


@pytest.fixture(scope="module")
def url(three_label_bundle: Path) -> Iterator[str]:
    settings = Settings(model_dir=three_label_bundle, api_keys=entry("shop", "sk_shop"))
    with serving(application.create(settings)) as address:
        yield address


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippet_prints_an_answer(url: str, snippet: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        env={**os.environ, "URL": f"{url}/", "KEY": "sk_shop", "HF_HUB_OFFLINE": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
