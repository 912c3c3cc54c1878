"""A client of the application, as most tests call it."""

from fastapi.testclient import TestClient

from app.settings import Settings
from app.web import application


def client(**settings: object) -> TestClient:
    """Return a client of an application before which there is no proxy."""
    settings = {"trusted_proxies": 0, **settings}
    return TestClient(application.create(Settings(**settings)), raise_server_exceptions=False)
