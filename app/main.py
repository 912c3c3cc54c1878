"""Entry point of uvicorn: ``uvicorn app.main:app``, or ``uvicorn --factory app.main:create``.

Importing this module loads no model. ``app`` is created when it is first read (PEP 562).
"""

from fastapi import FastAPI

from app.web import application

create = application.from_environment


def __getattr__(name: str) -> FastAPI:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = app = create()
    return app
