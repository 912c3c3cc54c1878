"""A start with less work: imported before all else where each start is paid for, on Lambda.

What it saves is a third of the processor time until the first answer; `docs/performance.md` has the
parts. `tests/test_startup.py` says what must not be imported on the way.
"""

import gc
import sys

# Imports make objects that stay, so that looking for garbage among them again and again finds none.
gc.disable()

# FastAPI asks of each of our models whether it is one of pydantic 1, and takes an ImportError for a
# no. To find out by importing pydantic's copy of its old self takes longer than all of our routes.
sys.modules["pydantic.v1"] = None  # type: ignore[assignment]

import pydantic  # noqa: E402

# The models of an OpenAPI document are needed where one is asked for, so they are built then.
pydantic.BaseModel.model_config["defer_build"] = True
import fastapi  # noqa: E402, F401

del pydantic.BaseModel.model_config["defer_build"]


def finish() -> None:
    """Look for garbage again from now on, but not among what the start has made."""
    gc.freeze()
    gc.enable()
