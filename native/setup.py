"""Compiles the kernels once for each instruction set; the library picks one at run time."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError
from target import ARCHITECTURE, PlatformWheel, zig

FLAGS = [
    "-std=gnu11",
    "-D_GNU_SOURCE",  # for the threads' affinity
    "-O3",
    "-fwrapv",
    "-fno-math-errno",
    "-ffp-contract=off",  # simd.h says where: every instruction set rounds alike
    "-Wall",
    "-DNDEBUG",
]
SANITISERS = os.environ.get("DISTILBERT_INT8_SANITISERS")
"""Sanitisers to compile in for tests, such as ``address,undefined``. They enable the assertions."""
if SANITISERS:
    FLAGS += ["-UNDEBUG", "-g", "-O2", f"-fsanitize={SANITISERS}", "-fno-sanitize-recover=all"]
AVX2 = ["-mavx2", "-mfma"]
AVXVNNI = [*AVX2, "-mavxvnni"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni"]
AVX512 += ["-mprefer-vector-width=512"]
AMX = [*AVX512, "-mamx-tile", "-mamx-int8"]
# GCC's scheduling before it allocates registers makes it copy sums from one to another.
NEON_FLAGS = [] if zig() or sys.platform == "darwin" else ["-fno-schedule-insns"]
ARMV8, ARMV82 = ["-march=armv8-a"], "-march=armv8.2-a"
if zig():  # has names of its own for these
    ARMV8, ARMV82 = ["-mcpu=generic"], "-mcpu=generic+v8_2a"
DOTPROD = [f"{ARMV82}+dotprod", *NEON_FLAGS]
I8MM = [f"{ARMV82}+dotprod+i8mm", *NEON_FLAGS]

COMMON = sorted(map(str, Path().glob("src/*.c")))
AMX_GEMM = "src/kernels/gemm_amx.c"
NEON = ["src/kernels/attention_neon.c", "src/kernels/gemm_neon.c"]
KERNELS = sorted({*map(str, Path().glob("src/kernels/*.c"))} - {AMX_GEMM, *NEON})
NEON += sorted({*KERNELS} - {"src/kernels/attention.c", "src/kernels/gemm.c"})

INSTRUCTION_SETS: dict[str, tuple[list[str], list[str]]] = {"portable": (KERNELS, [])}
"""Sources and compiler flags. AMX has only a gemm of its own; all other kernels are AVX-512's."""
if ARCHITECTURE in ("x86_64", "AMD64"):
    INSTRUCTION_SETS |= {
        "avx2": (KERNELS, AVX2),
        "avxvnni": (KERNELS, AVXVNNI),
        "avx512": (KERNELS, AVX512),
        "amx": ([AMX_GEMM], AMX),
    }
elif ARCHITECTURE in ("aarch64", "arm64"):
    INSTRUCTION_SETS = {
        # Apple's compiler would take the dot product for granted.
        "portable": (KERNELS, ARMV8),
        "dotprod": (NEON, DOTPROD),
        "i8mm": (NEON, I8MM),
    }
if sys.platform == "darwin":
    # Python may be compiled for both of a Mac's architectures; the flags above are for one.
    os.environ.setdefault("ARCHFLAGS", f"-arch {ARCHITECTURE}")
OPTIONAL = {"avxvnni", "amx"}
"""GCC has them from version 11 on."""

LINK = [f"-fsanitize={SANITISERS}"] if SANITISERS else []


class BuildPackage(build_py):  # type: ignore[misc]  # setuptools has no annotations
    def run(self) -> None:
        # What an earlier build left there, perhaps for another platform, would be in this wheel.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class BuildKernels(build_ext):  # type: ignore[misc]
    def get_ext_filename(self, name: str) -> str:
        """Return the library's path: without a Python's version, because any Python can load it."""
        return f"{name.replace('.', '/')}.so"

    def build_extension(self, extension: Extension) -> None:
        if compiler := zig():
            # In place of the flags too that this Python was compiled with, on this machine.
            self.compiler.set_executables(
                compiler_so=f"{compiler} -fPIC", linker_so=f"{compiler} -shared"
            )
        objects, macros = [], []
        for name, (sources, flags) in INSTRUCTION_SETS.items():
            try:
                objects += self._compile(sources, name, flags)
                macros.append((f"WITH_{name.upper()}", "1"))
            except CompileError:
                if name not in OPTIONAL:
                    raise
                self.warn(f"this compiler is too old for {name}: built without it")
        objects += self._compile(COMMON, "common", [], macros)
        path = self.get_ext_fullpath(extension.name)
        self.compiler.link_shared_object(
            objects, path, libraries=["m", "pthread"], extra_postargs=LINK
        )

    def _compile(
        self,
        sources: Sequence[str],
        folder: str,
        flags: Sequence[str],
        macros: Sequence[tuple[str, str]] = (),
    ) -> list[str]:
        """Compile into a folder for these flags; return the objects' paths."""
        objects: list[str] = self.compiler.compile(
            list(sources),
            output_dir=f"{self.build_temp}/{folder}",
            macros=list(macros),
            extra_postargs=[*FLAGS, *flags],
        )
        return objects


kernels = Extension(
    "distilbert_int8._kernels",
    [*COMMON, *KERNELS],
    depends=[str(header) for header in Path().glob("src/**/*.h")],
)
setup(
    ext_modules=[kernels],
    cmdclass={
        "build_py": BuildPackage,
        "build_ext": BuildKernels,
        "bdist_wheel": PlatformWheel,
    },
)
