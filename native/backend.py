"""Builds with the machine's C compiler or, where there is none, with the one in `ziglang`."""

import shutil
from collections.abc import Mapping

from setuptools.build_meta import *  # noqa: F403


def get_requires_for_build_wheel(config_settings: Mapping[str, object] | None = None) -> list[str]:
    return [] if shutil.which("cc") else ["ziglang==0.17.1"]
