"""A headless Chromium: the machine's own or, where there is none, one that is installed.

``python -m scripts.browser`` makes sure of one: a browser on the PATH, else Playwright's, else
Debian's package where this runs as root.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
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


def on_path() -> str | None:
    """Return the machine's own browser, if it has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield a browser that runs until the end of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=on_path(), args=ARGUMENTS)
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
    print("no Chromium on the PATH: asking Playwright for one")
    brief = {**os.environ, "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000"}
    if _succeeds(sys.executable, "-m", "playwright", "install", "chromium", env=brief):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Playwright has none for here: installing the package chromium")
        quiet = ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0")
        if _succeeds(*quiet, "update") and _succeeds(*quiet, "install", "-y", "chromium"):
            return
    sys.exit("the page's tests need a browser: put chromium or google-chrome on the PATH")


def _succeeds(*command: str, env: dict[str, str] | None = None) -> bool:
    # What it says is shown only where it fails.
    done = subprocess.run(
        command,
        env={**(env or os.environ), "DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    ensure()
