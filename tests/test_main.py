"""Where servers find the application: the attribute ``app.main:app``, and the factory."""

import importlib.util
import os
import subprocess
import sys

import pytest
import uvicorn
from fastapi import FastAPI

from app.telemetry import logs
from app.web import application
from tests.conftest import ROOT


@pytest.fixture
def created(monkeypatch):
    """The applications that were created."""
    applications = []

    def create(settings):
        applications.append(FastAPI())
        return applications[-1]

    monkeypatch.setattr(application, "create", create)
    # It would change the handlers of the test runner.
    monkeypatch.setattr(logs, "configure", lambda *args, **options: None)
    return applications


@pytest.fixture
def main(created, monkeypatch):
    """The module ``app.main``, imported anew."""
    spec = importlib.util.find_spec("app.main")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "app.main", module)
    spec.loader.exec_module(module)
    return module


def test_the_attribute_is_created_once(main, created):
    config = uvicorn.Config("app.main:app", log_config=None, proxy_headers=False)
    config.load()
    assert [config.loaded_app] == created


def test_servers_that_list_attributes_find_the_application(main, created):
    assert [vars(main)["app"]] == created  # as hypercorn looks it up
    assert "app" in dir(main)  # as the FastAPI CLI does


def test_the_factory_creates_an_application(created):
    factory = "app.web.application:from_environment"
    config = uvicorn.Config(factory, factory=True, log_config=None, proxy_headers=False)
    config.load()
    assert [config.loaded_app] == created


def test_import_of_the_factory_loads_no_model():
    command = [sys.executable, "-c", "import app.web.application"]
    environment = {**os.environ, "SENTIMENT_MODEL_DIR": "nowhere"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
