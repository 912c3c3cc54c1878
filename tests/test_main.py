"""uvicorn's entry point, by both of its names."""

import importlib

import pytest
import uvicorn
from fastapi import FastAPI

from app import main
from app.web import application


@pytest.fixture
def created(monkeypatch):
    """The applications that were created."""
    applications = []

    def create(settings):
        applications.append(FastAPI())
        return applications[-1]

    monkeypatch.setattr(application, "create", create)
    importlib.reload(main)  # without the application of another test
    yield applications
    vars(main).pop("app", None)


def test_import_creates_no_application(created):
    importlib.reload(main)
    assert created == []


def test_the_attribute_is_created_once(created):
    config = uvicorn.Config("app.main:app", log_config=None, proxy_headers=False)
    config.load()
    assert [config.loaded_app] == created
    assert main.app is created[0]


def test_the_factory_creates_an_application(created):
    config = uvicorn.Config("app.main:create", factory=True, log_config=None, proxy_headers=False)
    config.load()
    assert [config.loaded_app] == created


def test_other_attributes_do_not_exist():
    with pytest.raises(AttributeError, match="has no attribute 'application_'"):
        _ = main.application_
