"""Saves a third of a cold start's processor time; `docs/performance.md` lists the parts.

`tests/test_startup.py` lists the packages that a start must not import.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cold_start() -> Iterator[None]:
    """Import and create the application in this context, which saves three kinds of work.

    - Garbage collection is off: imports create objects that stay, so a collection finds nothing.
      On exit it is on again, and those objects are exempt from it.
    - FastAPI's models of an OpenAPI document are built when a document is first requested, not when
      FastAPI is imported. ``defer_build`` is pydantic's own setting for that, but FastAPI does not
      set it (github.com/fastapi/fastapi/pull/10546). So it is the default while FastAPI is
      imported, and no longer.
    - ``pydantic.v1`` cannot be imported, from here on. FastAPI imports it with the first route to
      recognise models of pydantic 1, which it rejects; an `ImportError` tells it that there are
      none. The import takes longer than the definition of all routes, and no setting prevents it
      (github.com/fastapi/fastapi/pull/16374). FastAPI builds routes on the first request too, so
      this remains in effect for the life of the process.
    """
    gc.disable()
    sys.modules["pydantic.v1"] = None  # type: ignore[assignment]
    _import_fastapi()
    yield
    gc.freeze()
    gc.enable()


def _import_fastapi() -> None:
    from pydantic import BaseModel

    BaseModel.model_config["defer_build"] = True
    import fastapi  # noqa: F401

    del BaseModel.model_config["defer_build"]
