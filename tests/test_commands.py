"""The commands that others' scripts call, run as they would run them."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.conftest import ROOT


def test_make_invoke_prints_the_answer_and_the_durations():
    command = ["make", "invoke", "EVENT=tests/events/direct-text.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    assert answer["sentiment"] == "Positive"
    assert "init" in done.stderr
    assert "first run" in done.stderr


def test_make_invoke_without_an_event_says_how():
    done = subprocess.run(["make", "invoke"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "make invoke EVENT=tests/events/rest-api.json" in done.stdout


def test_uvicorn_serves_the_application():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as server:
        try:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/predict",
                b'{"text": "A dull, lifeless mess. I want my two hours back."}',
                {"content-type": "application/json"},
            )
            assert json.load(_patiently(request))["sentiment"] == "Negative"
        finally:
            server.terminate()


def _patiently(request):
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(request, timeout=10)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("heavy", ["torch", "transformers", "boto3", "sklearn", "tqdm"])
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
