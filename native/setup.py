"""Compiles the forward pass once for each instruction set; which one runs is chosen at start."""

import os
import platform
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

FLAGS = [
    "-std=gnu11",
    "-O3",
    "-fwrapv",
    "-fno-math-errno",
    "-ffp-contract=fast",
    "-Wall",
    "-DNDEBUG",
]
SANITISERS = os.environ.get("DISTILBERT_INT8_SANITISERS")
"""What to compile in for tests, such as ``address,undefined``; the kernels' assertions come too."""
if SANITISERS:
    FLAGS += ["-UNDEBUG", "-g", "-O2", f"-fsanitize={SANITISERS}", "-fno-sanitize-recover=all"]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni"]
AVX512 += ["-mprefer-vector-width=512"]
AMX = ["-mamx-tile", "-mamx-int8"]
INSTRUCTIONS = {"portable": []}
if platform.machine() in ("x86_64", "AMD64"):
    INSTRUCTIONS |= {"avx2": AVX2, "avx512": AVX512, "amx": [*AVX512, *AMX]}
OPTIONAL = {"amx"}
"""GCC knows it from version 11 on."""

LINK = [f"-fsanitize={SANITISERS}"] if SANITISERS else []

if not shutil.which("cc"):
    # Left to itself, it would compile for this machine's processor alone.
    target = f"-target {platform.machine()}-linux-gnu" if sys.platform == "linux" else ""
    os.environ["CC"] = f"{sys.executable} -m ziglang cc {target}"
    os.environ["LDSHARED"] = f"{os.environ['CC']} -shared"


class BuildKernels(build_ext):
    def build_extension(self, extension: Extension) -> None:
        objects, macros = [], []
        for name, flags in INSTRUCTIONS.items():
            try:
                objects += self.compiler.compile(
                    ["forward.c"],
                    output_dir=f"{self.build_temp}/{name}",
                    macros=[("FORWARD", f"forward_{name}")],
                    extra_postargs=[*FLAGS, *flags],
                )
                macros.append((f"WITH_{name.upper()}", "1"))
            except CompileError:
                if name not in OPTIONAL:
                    raise
                self.warn(f"this compiler is too old for {name}: built without it")
        objects += self.compiler.compile(
            ["library.c"], output_dir=self.build_temp, macros=macros, extra_postargs=FLAGS
        )
        path = self.get_ext_fullpath(extension.name)
        self.compiler.link_shared_object(
            objects, path, libraries=["m", "pthread"], extra_postargs=LINK
        )


kernels = Extension(
    "distilbert_int8._kernels",
    ["forward.c", "library.c"],
    depends=[str(header) for header in Path().glob("*.h")],
)
setup(ext_modules=[kernels], cmdclass={"build_ext": BuildKernels})
