"""The kernels on an emulated arm64 processor: `native/` cross-compiled, and run by QEMU.

It needs QEMU's user emulation (Debian's `qemu-user`), and a compiler for arm64: Debian's
`gcc-aarch64-linux-gnu`, or `ziglang` from PyPI.
"""

import importlib.util
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from distilbert_int8.weights import Contents

ROOT = Path(__file__).parents[1]
NATIVE = ROOT / "native"
QEMU = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
GCC = shutil.which("aarch64-linux-gnu-gcc")
COMPILE = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]

PYTHON = ROOT / ".cache/arm64-python/python"
"""An emulated Python with the service's packages, which ``make arm64`` makes."""

PROCESSORS = {"cortex-a57": "portable", "neoverse-n1": "dotprod", "max": "i8mm"}
"""QEMU's processors, and the instruction set that each uses. Graviton2 is a Neoverse N1."""


def missing() -> str:
    """Return what is not installed that the emulation needs; nothing if all is there."""
    if not QEMU:
        return "qemu-aarch64 is missing: install qemu-user"
    if not GCC and not importlib.util.find_spec("ziglang"):
        return "no compiler for arm64: install gcc-aarch64-linux-gnu or ziglang"
    return ""


def build(folder: Path) -> Path:
    """Compile the kernels and `native/emulate/logits.c` into a static program; return its path.

    Raises:
        subprocess.CalledProcessError: it does not compile.
    """
    target = "aarch64-linux-musl"  # zig has no static glibc
    _, objects = _compile(folder, target)
    program = folder / "logits"
    compiler = [GCC] if GCC else [sys.executable, "-m", "ziglang", "cc", "-target", target]
    link = [*compiler, *COMPILE, "-static", str(NATIVE / "emulate/logits.c")]
    compiled = sorted(map(str, objects.rglob("*.o")))
    subprocess.run([*link, *compiled, "-o", str(program), "-lm", "-lpthread"], check=True)
    return program


def build_package(folder: Path) -> Path:
    """Compile the package `distilbert_int8` for arm64; return the folder to import it from.

    Raises:
        subprocess.CalledProcessError: it does not compile.
    """
    packages, _ = _compile(folder, "aarch64-linux-gnu")
    name = "distilbert_int8"
    shutil.copytree(NATIVE / name, packages / name, dirs_exist_ok=True)
    return packages


def _compile(folder: Path, target: str) -> tuple[Path, Path]:
    """Compile the library as its installation does; return the folders of library and objects."""
    source, library, objects = folder / "source", folder / "library", folder / "objects"
    shutil.copytree(NATIVE, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    environment = {"DISTILBERT_INT8_TARGET": target}
    if GCC:
        environment |= {"CC": GCC, "LDSHARED": f"{GCC} -shared"}
    command = [sys.executable, "setup.py", "--quiet", "build_ext"]
    command += [f"--build-lib={library}", f"--build-temp={objects}"]
    subprocess.run(
        command, cwd=source, env={**os.environ, **environment}, check=True, capture_output=True
    )
    return library, objects


def build_counter(folder: Path) -> Path:
    """Compile the plug-in that counts instructions, for this machine.

    Raises:
        subprocess.CalledProcessError: it does not compile.
    """
    assert QEMU
    version = subprocess.run([QEMU, "--version"], check=True, capture_output=True, text=True)
    major = re.search(r"version (\d+)", version.stdout)
    assert major
    interface = 1 if int(major[1]) < 9 else 2
    plugin = folder / "count.so"
    command = ["cc", *COMPILE, "-shared", "-fPIC", f"-DPLUGIN_VERSION={interface}"]
    subprocess.run([*command, str(NATIVE / "emulate/count.c"), "-o", str(plugin)], check=True)
    return plugin


def write_plan(
    path: Path,
    network: Contents,
    rows: Sequence[Sequence[int]],
    token_percent: Sequence[int] = (),
    min_tokens: int = 1,
) -> None:
    """Write what `logits.c` reads: where the network's tensors are, and rows of token ids.

    ``token_percent`` and ``min_tokens`` are those of `distilbert_int8.Network`.
    """
    spans = network.tensors.values()
    numbers = [*astuple(network.shape), network.vocabulary, network.positions, len(spans)]
    for span in spans:
        numbers += [span.start, len(span)]
    numbers += [min_tokens, *(token_percent or [100] * (network.shape.layers - 1))]
    numbers += [len(rows), *map(len, rows)]
    for row in rows:
        numbers += row
    path.write_text(" ".join(str(int(number)) for number in numbers))


def logits(
    program: Path, weights: Path, plan: Path, processor: str, threads: int = 1
) -> tuple[str, list[float]]:
    """Return the instruction set that an emulated processor used, and all rows' logits in a list.

    Raises:
        subprocess.CalledProcessError: the program failed.
    """
    assert QEMU
    command = [QEMU, "-cpu", processor, str(program), str(weights), str(plan), "best", str(threads)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    name, *values = output.split()
    return name, [struct.unpack(">f", bytes.fromhex(value))[0] for value in values]


def count(plugin: Path, processor: str, command: Sequence[str]) -> int:
    """Return how many instructions a program executes.

    Raises:
        subprocess.CalledProcessError: the program failed.
    """
    assert QEMU
    emulate = [QEMU, "-cpu", processor, "-plugin", str(plugin), *command]
    errors = subprocess.run(emulate, check=True, capture_output=True, text=True).stderr
    counted = re.search(r"instructions: (\d+)", errors)
    assert counted
    return int(counted[1])


if __name__ == "__main__":
    sys.exit(missing() or 0)
