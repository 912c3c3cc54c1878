"""The snippets of docs/use.md over HTTP, run as they stand there.

Those through AWS are run in ``tests/stack/test_use.py``.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from app.settings import Settings
from app.web import application
from local.ports import free_port
from local.server import serving
from tests.access.test_keys import entry
from tests.conftest import ROOT

PAGE = (ROOT / "docs/use.md").read_text()
SNIPPETS = dict(re.findall(r"^## (.+?)$.*?^```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
"""The code under each heading."""
COMMANDS = {
    "sh": ["bash", "-euc"],
    "python": [sys.executable, "-c"],
    "js": ["node", "--input-type=module", "--eval"],
}


def run(heading: str, environment: Mapping[str, str]) -> str:
    """Return what the snippet under the heading prints."""
    [language] = re.findall(rf"^## {heading}$.*?^```(\w+)$", PAGE, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [*COMMANDS[language], SNIPPETS[heading]],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_snippet_is_run() -> None:
    over_http = {"curl", "Python", "JavaScript", "A page of your product"}
    through_aws = {"Invoke the function", "Send to the queue", "Read the results"}
    assert SNIPPETS.keys() == over_http | through_aws
    stack_outputs = 1
    assert PAGE.count("```") == 2 * (len(SNIPPETS) + stack_outputs)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """A service that asks for a key."""
    with serving(application.create(Settings(api_keys=entry("shop", "sk_shop")))) as url:
        yield {"URL": f"{url}/", "KEY": "sk_shop"}


def test_curl(environment: dict[str, str]) -> None:
    assert json.loads(run("curl", environment))["sentiment"] == "Positive"


def test_curl_prints_the_problem(environment: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="The API key is invalid"):
        run("curl", {**environment, "KEY": "sk_wrong"})


def test_python(environment: dict[str, str]) -> None:
    lines = run("Python", environment).splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["0", "Positive"],
        ["1", "Negative"],
        ["2", "None"],
    ]
    assert "must not be blank" in lines[2]


def test_python_raises_what_the_problem_says(environment: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="RuntimeError: Forbidden: The API key is invalid"):
        run("Python", {**environment, "KEY": "sk_wrong"})


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node here to run it")
def test_javascript(environment: dict[str, str]) -> None:
    assert re.fullmatch(r"Negative 0\.\d+\n", run("JavaScript", environment))


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node here to run it")
def test_javascript_throws_what_the_problem_says(environment: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="Error: Forbidden: The API key is invalid"):
        run("JavaScript", {**environment, "KEY": "sk_wrong"})


@pytest.mark.parametrize(
    "heading",
    [
        "curl",
        "Python",
        pytest.param(
            "JavaScript",
            marks=pytest.mark.skipif(not shutil.which("node"), reason="there is no node here"),
        ),
    ],
)
def test_each_waits_as_long_as_it_is_told(heading: str) -> None:
    settings = Settings(api_keys=entry("shop", "sk_shop", "1/second"))
    with serving(application.create(settings)) as url:
        environment = {"URL": f"{url}/", "KEY": "sk_shop"}
        run("curl", environment)
        assert run(heading, environment)


def test_a_page_reaches_the_api_through_a_backend_that_keeps_the_key(
    environment: dict[str, str],
) -> None:
    port = free_port()
    backend = subprocess.Popen(
        [sys.executable, "-c", SNIPPETS["A page of your product"]],
        env={**os.environ, **environment, "PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    try:
        retries = HTTPAdapter(max_retries=Retry(connect=10, backoff_factor=0.1))
        with requests.Session() as session:
            session.mount("http://", retries)
            answer = session.post(f"http://127.0.0.1:{port}/api/sentiment", json={"text": "Dull."})
    finally:
        backend.kill()
        backend.wait()
    assert answer.json()["sentiment"] == "Negative"
