"""A client of the application, as most tests call it."""

import threading
from typing import Any

from fastapi.testclient import TestClient

from app.settings import Settings
from app.web import application


def client(**settings: object) -> TestClient:
    """Return a client of an application before which there is no proxy."""
    settings = {"trusted_proxies": 0, **settings}
    return TestClient(application.create(Settings(**settings)), raise_server_exceptions=False)


def hold(target: Any, method: str) -> tuple[threading.Event, threading.Event]:
    """Have calls of a method wait, at most 10 seconds; return the events ``entered`` and ``leave``.

    The first is set by a call, the second lets calls go on.
    """
    entered, leave = threading.Event(), threading.Event()
    original = getattr(target, method)

    def held(*arguments: Any) -> Any:
        entered.set()
        leave.wait(10)
        return original(*arguments)

    setattr(target, method, held)
    return entered, leave
