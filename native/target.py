"""What the kernels are compiled for: this machine, or any other platform that zig knows."""

import os
import platform
import re
import shutil
import sys

from setuptools.command.bdist_wheel import bdist_wheel

TARGET = os.environ.get("DISTILBERT_INT8_TARGET", "")
"""A target of zig, such as ``aarch64-linux-gnu.2.17``, which ends in the oldest glibc to run with.
Without one the kernels are compiled for this machine, with its own compiler if it has one. The
compiler that ``CC`` names, such as a cross compiler for the target, comes before zig."""
ARCHITECTURE = TARGET.partition("-")[0] or platform.machine()


def zig() -> str | None:
    """Return the command of zig as a C compiler, or None if this machine's own is to be used."""
    if os.environ.get("CC") or (not TARGET and shutil.which("cc")):
        return None
    # Without a target, zig would compile for this machine's processor only.
    target = TARGET or (f"{ARCHITECTURE}-linux-gnu" if sys.platform == "linux" else "")
    return f"{sys.executable} -m ziglang cc {f'-target {target}' if target else ''}"


class PlatformWheel(bdist_wheel):  # type: ignore[misc]  # setuptools has no annotations
    """A wheel for every Python: its library is loaded by ctypes and is no extension module."""

    def get_tag(self) -> tuple[str, str, str]:
        linux = re.fullmatch(r"(\w+)-linux-gnu\.(\d+)\.(\d+)", TARGET)
        manylinux = linux and f"manylinux_{linux[2]}_{linux[3]}_{linux[1]}"
        return "py3", "none", manylinux or super().get_tag()[2]
