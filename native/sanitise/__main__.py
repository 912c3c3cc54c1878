"""Runs the kernels and the file reader under GCC's sanitisers; prints how many cases passed.

ASan and UBSan find invalid memory accesses and undefined behaviour, TSan data races, and the
kernels' assertions wrong arguments. Only UBSan alone covers forks while other threads compute: the
other two do not support them. Any finding ends the run with its report and exit status 1. An
optional argument is the random seed.

Usage: ``python native/sanitise [SEED]``
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILDS = HERE.parent / "build/sanitise"
INSTRUCTIONS = ("portable", "avx2", "avxvnni", "avx512", "amx")
NETWORKS = {
    "address,undefined": {"portable": 2, "avx2": 12, "avxvnni": 4, "avx512": 12, "amx": 12},
    "thread": {"portable": 1, "avx2": 4, "avxvnni": 1, "avx512": 4, "amx": 4},
    "undefined": {"portable": 4, "avx2": 12, "avxvnni": 4, "avx512": 12, "amx": 12},
}
"""Random networks for each sanitiser and instruction set. The portable kernels are slow."""
FILES = 5_000
COMPILE = ("gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror")


def main() -> None:
    seed = sys.argv[1] if len(sys.argv) > 1 else "1"
    if not shutil.which("gcc"):
        sys.exit("the sanitisers need GCC")
    shutil.rmtree(BUILDS, ignore_errors=True)
    for sanitisers, networks in NETWORKS.items():
        folder = BUILDS / sanitisers.replace(",", "-")
        program = build(sanitisers, folder)
        for instructions in INSTRUCTIONS:
            count = str(networks[instructions])
            calls = output([*unrandomised(), str(program), instructions, count, seed])
            if calls == "skipped":
                print(
                    f"{sanitisers}, {instructions}: skipped, as this processor lacks it", flush=True
                )
            else:
                print(f"{sanitisers}, {instructions}: {int(calls):,} calls", flush=True)
        if sanitisers == "address,undefined":
            print(f"{sanitisers}, files: {files(folder, seed)}", flush=True)


def build(sanitisers: str, folder: Path) -> Path:
    """Build the package and fuzz_calls.c, linked with its library; return the program."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # From a copy: a build leaves its objects beside the source, where the next one would find them.
    source = folder / "source"
    shutil.copytree(HERE.parent, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    install += ["--no-deps", "--target", str(folder), str(source)]
    output(install, CC="gcc", DISTILBERT_INT8_SANITISERS=sanitisers)
    [library] = (folder / "distilbert_int8").glob("_kernels*")
    program = folder / "fuzz_calls"
    link = [str(library), "-lpthread", "-lm", "-o", str(program)]
    sanitise = [f"-fsanitize={sanitisers}", "-fno-sanitize-recover=all"]
    output([*COMPILE, *sanitise, str(HERE / "fuzz_calls.c"), *link])
    return program


def unrandomised() -> list[str]:
    """Return the prefix that turns address randomisation off, which TSan cannot start with.

    Where that is not permitted, the prefix is empty.
    """
    command = ["setarch", "--addr-no-randomize"]
    allowed = (
        shutil.which("setarch")
        and not subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode
    )
    return command if allowed else []


def files(folder: Path, seed: str) -> str:
    """Open mutated files; return how many were rejected and how many usable."""
    runtime = output(["gcc", "-print-file-name=libasan.so"])
    rejected, usable = output(
        [sys.executable, str(HERE / "fuzz_files.py"), str(FILES), seed],
        PYTHONPATH=str(folder),
        LD_PRELOAD=runtime,
        ASAN_OPTIONS="detect_leaks=0",  # Python itself leaks at exit
    ).split()
    return f"{int(rejected):,} rejected, {int(usable):,} usable"


def output(command: list[str], **environment: str) -> str:
    """Return a command's output; exit if it fails."""
    completed = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    if completed.returncode:
        sys.exit(f"{' '.join(command)}: exit status {completed.returncode}")
    return completed.stdout.strip()


if __name__ == "__main__":
    main()
