"""A headless Chromium: the machine's own or, where there is none, one that is installed.

``python -m local.browser`` makes sure of one: a browser on the PATH, else Playwright's, else
Debian's package where this runs as root.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",  # for root, as in containers; it sees this project's own pages alone
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PLAYWRIGHTS = (sys.executable, "-m", "playwright", "install", "--no-shell", "chromium")
DEBIANS = [
    ("apt-get", "-qq", "update"),
    ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", "install", "-y", "chromium"),
]


def on_path() -> str | None:
    """Return the machine's own browser, if it has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield a browser that runs until the end of the block."""
    own = on_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=own, channel=None if own else "chromium", args=ARGUMENTS
        )
        yield browser
        browser.close()


def ensure() -> None:
    """Install a browser unless there is one.

    Raises:
        SystemExit: none can be installed here; it says what to do.
    """
    if on_path():
        return
    with sync_playwright() as playwright:
        if Path(playwright.chromium.executable_path).exists():
            return
    attempts: dict[str, Sequence[Sequence[str]]] = {
        "no Chromium on the PATH: asking Playwright for one": [PLAYWRIGHTS]
    }
    if shutil.which("apt-get") and os.geteuid() == 0:
        attempts["Playwright has none for here: installing Debian's"] = DEBIANS
    output: list[str] = []
    for what, commands in attempts.items():
        print(what)
        if all(_succeeds(command, output) for command in commands):
            return
    missing = "the page's tests need a browser: put chromium or google-chrome on the PATH"
    sys.exit("\n".join([*output, missing]))


def _succeeds(command: Sequence[str], output: list[str]) -> bool:
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000",
    }
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output.append(done.stdout)
    return done.returncode == 0


if __name__ == "__main__":
    ensure()
