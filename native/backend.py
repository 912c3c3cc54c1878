"""The build backend: setuptools, with `ziglang` as the compiler where the machine has none."""

import shutil
from collections.abc import Mapping

from setuptools.build_meta import *  # noqa: F403


def get_requires_for_build_wheel(config_settings: Mapping[str, object] | None = None) -> list[str]:
    return [] if shutil.which("cc") else ["ziglang==0.17.1"]
