"""The build backend: setuptools, with `ziglang` as the compiler where the machine has none."""

from collections.abc import Mapping

from setuptools.build_meta import *  # noqa: F403
from target import zig


def get_requires_for_build_wheel(config_settings: Mapping[str, object] | None = None) -> list[str]:
    return ["ziglang==0.17.1"] if zig() else []
