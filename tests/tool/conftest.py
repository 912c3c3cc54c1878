"""The command ``sentiment`` as a process, with pipes or a terminal."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMMAND = [sys.executable, "-m", "sentiment"]
Run = Callable[..., subprocess.CompletedProcess]


def environment(**settings: str) -> dict[str, str]:
    paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **settings}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command in `tmp_path`, its output in pipes; keywords are settings."""

    def run(*arguments: str, text: str = "", **settings: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment(**settings),
            input=text,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return run


def start(*arguments: str, **options: object) -> subprocess.Popen:
    """Start the command with pipes."""
    # Jobs in a shell's background ignore SIGINT, and so would what they start.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        [*COMMAND, *arguments], **{"env": environment(), "text": True, **pipes, **options}
    )


@pytest.fixture
def in_terminal(tmp_path: Path) -> Callable[..., str]:
    """Run the command with a terminal of 80 columns as its output; return what it shows."""

    def run(*arguments: str, **settings: str) -> str:
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "wb") as output:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=tmp_path,
                env=environment(COLUMNS="80", **settings),
                stdout=output,
                stderr=output,
            )
        shown = b""
        # At the end of its output, Linux makes reading a terminal fail.
        with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):
            while chunk := terminal.read(4096):
                shown += chunk
        assert process.wait() == 0, shown
        return shown.decode().replace("\r\n", "\n")

    return run
