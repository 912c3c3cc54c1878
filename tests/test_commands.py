"""The commands that others' scripts call, run as they would run them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from local.ports import free_port
from tests.conftest import ROOT

# Without what a `make` that runs the tests hands down, such as its own EVENT.
INHERITED = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "EVENT"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in INHERITED}


def make(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, **options
    )


def test_make_invoke_prints_the_answer_and_the_durations():
    done = make("invoke", "EVENT=tests/events/direct-text.json", check=True)
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    assert answer["sentiment"] == "Positive"
    assert "init" in done.stderr
    assert "first run" in done.stderr


def test_make_invoke_without_an_event_says_how():
    done = make("invoke")
    assert done.returncode != 0
    assert "make invoke EVENT=tests/events/rest-api.json" in done.stdout


def test_make_serve_answers_on_its_port(tmp_path):
    port = free_port()
    log = tmp_path / "log"
    with log.open("w") as output:
        command = ["make", "serve", f"PORT={port}"]
        server = subprocess.Popen(
            command, cwd=ROOT, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
        )
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict",
        b'{"text": "A dull, lifeless mess. I want my two hours back."}',
        {"content-type": "application/json"},
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = json.load(urllib.request.urlopen(request, timeout=10))
                break
            except urllib.error.URLError:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=10)
    assert answer["sentiment"] == "Negative"


@pytest.mark.parametrize("heavy", ["torch", "transformers", "boto3", "sklearn", "tqdm", "shap"])
def test_serving_imports_nothing_heavy(heavy, imported):
    assert heavy not in imported


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The modules that are loaded once the function has answered."""
    code = "import handler, sys; handler.handler({'text': 'Good.'}, None); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())
