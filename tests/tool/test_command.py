"""What all commands share, ``sentiment serve`` and ``sentiment keys``."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from app import __version__
from app.access import keys
from local.ports import free_port
from tests.conftest import ROOT
from tests.tool.conftest import COMMAND, environment, start

COMMANDS = [[], ["predict"], ["explain"], ["score"], ["serve"], ["keys"], ["keys", "new"]]


def test_version_is_that_of_the_service(run):
    assert run("--version").stdout == f"{__version__}\n"


@pytest.fixture
def try_example(tmp_path: Path) -> Callable[..., None]:
    """Run an example in a shell, in a folder with the files that examples name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "sentiment"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    script.chmod(0o755)
    for name in ("reviews.csv", "january.csv", "february.csv"):
        (tmp_path / name).write_text("id,review\n1,A joy from start to end.\n")
    for name in ("reviews.txt", "review.txt"):
        (tmp_path / name).write_text("A joy from start to end.\nA dull, lifeless mess.\n")
    settings = environment(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")

    def run(*example: str) -> None:
        subprocess.run(example, cwd=tmp_path, env=settings, check=True)

    return run


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples_that_work(run, try_example, command):
    shown = run(*command, "--help").stdout
    examples = re.findall(r"^  (.*\bsentiment .*)", shown, re.MULTILINE)
    assert len(examples) > 1
    for example in examples:
        if "sentiment serve" not in example:
            try_example("bash", "-c", example)


def test_guide_has_examples_that_work(try_example):
    guide = (ROOT / "docs/command-line.md").read_text()
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    for language, code in blocks:
        if language == "python":
            try_example(sys.executable, "-c", code)
        for example in re.findall(r"^sentiment (?!serve).*", code, re.MULTILINE):
            try_example("bash", "-c", example)


def test_every_command_is_in_the_help(run):
    shown = run("--help").stdout
    for [name, *_] in COMMANDS[1:]:
        assert re.search(rf"^    {name} ", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [[], ["keys"], ["predict"], ["guess"], ["predict", "--json", "--table", "Good."], ["score"]],
    ids=" ".join,
)
def test_invalid_arguments_end_with_status_2(run, arguments):
    done = run(*arguments)
    assert done.stderr.startswith("usage: sentiment")
    assert (done.stdout, done.returncode) == ("", 2)


def test_new_key_is_printed_with_its_entry(run):
    printed = run("keys", "new", "shop", "--limit", "100/minute").stdout.splitlines()
    [key] = keys.parse(printed[-1])
    assert (key.name, key.limit) == ("shop", "100/minute")
    assert keys.match([key], printed[0]) == key


def test_invalid_name_of_a_key_is_refused(run):
    done = run("keys", "new", "a b")
    assert "a name has 1 to 64 letters" in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)


def test_service_answers_until_it_is_interrupted(tmp_path: Path):
    port = free_port()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict",
        b'{"text": "A dull, lifeless mess."}',
        {"content-type": "application/json"},
    )
    with start("serve", "--port", str(port), cwd=tmp_path) as server:
        assert server.stderr.readline() == (
            f"serving on http://127.0.0.1:{port}, docs on http://127.0.0.1:{port}/docs\n"
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                answer = json.load(urllib.request.urlopen(request, timeout=10))
                break
            except urllib.error.URLError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=20)
    assert answer["sentiment"] == "Negative"
    assert (errors, server.returncode) == ("", 0)


def test_service_without_a_model_does_not_start(run):
    done = run("serve", SENTIMENT_MODEL_DIR="/nowhere")
    assert done.stderr.splitlines()[-1] == (
        "sentiment: no model bundle in /nowhere: SHA256SUMS: No such file or directory"
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
