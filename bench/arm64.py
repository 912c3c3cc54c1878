"""arm64, counted: instructions of a forward pass under emulation, and cycles of the inner loops.

Time under emulation says nothing of a real processor. QEMU counts what a pass executes, and
`llvm-mca` says how many cycles of a Neoverse N1 (Graviton2, which Lambda has) a loop takes, beside
what its two dot products a cycle would take alone.

onnxruntime's instructions are counted too where ``ARM64_PYTHON`` is the folder of an emulated
Python with it (``scripts/arm64-python FOLDER numpy onnxruntime``) and ``ONNX_GRAPH`` the network's
int8 graph (``make onnx OUT=graph.onnx``); otherwise those of the last time stay.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from distilbert_int8.network import _map
from distilbert_int8.weights import read

from bench import report
from bench.service import ROOT
from local import arm64

WEIGHTS = ROOT / "model/model.int8.safetensors"
LENGTHS = (16, 128, 256, 512)
PROCESSORS = ("neoverse-n1", "max")
"""QEMU's processors."""
RIVAL = "onnxruntime"
CORE = "neoverse-n1"
PRODUCTS_A_CYCLE = 2
ROWS = {
    "neoverse-n1": "ours, Neoverse N1",
    "max": "ours, with i8mm",
    RIVAL: "onnxruntime int8, Neoverse N1",
}
"""The rows of the table."""
LOOPS = {
    "linear layers": ("gemm__dotprod", "sdot"),
    "attention's weighted sums": ("attention__dotprod", "udot"),
}
"""The functions that have the inner loops, and their instruction for dot products."""
ITERATIONS = 100
MCA = next(filter(shutil.which, (*(f"llvm-mca-{v}" for v in range(25, 15, -1)), "llvm-mca")), "")
"""The newest llvm-mca. LLVM knows this core from version 16 on."""


class Missing(RuntimeError):
    """A tool is not installed; the message says which."""


def measure() -> dict[str, Any]:
    """Return instructions by processor and length, and cycles of the inner loops.

    Raises:
        Missing: QEMU, a compiler for arm64 or llvm-mca is not installed.
    """
    if reason := arm64.missing():
        raise Missing(reason)
    if not _knows_core():
        raise Missing("llvm-mca of LLVM 16 or later is missing (Debian: llvm-19)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = arm64.build(folder)
        plugin = arm64.build_counter(folder)
        instructions = {p: _instructions(folder, program, plugin, p) for p in PROCESSORS}
        instructions[RIVAL] = _rivals_instructions(plugin)
        loops = {title: _loop(program, *names)._asdict() for title, names in LOOPS.items()}
    return {"instructions": instructions, "loops": loops}


def _instructions(folder: Path, program: Path, plugin: Path, processor: str) -> dict[str, int]:
    """Return what a pass executes at each length, without what loading the network does."""
    network = read(_map(WEIGHTS))
    rng = np.random.default_rng(0)
    counted = {}
    for length in (0, *LENGTHS):
        plan = folder / f"plan-{length}"
        rows = [rng.integers(1000, network.vocabulary, length).tolist()] if length else []
        arm64.write_plan(plan, network, rows)
        counted[length] = arm64.count(plugin, processor, [str(program), str(WEIGHTS), str(plan)])
    return {str(length): counted[length] - counted[0] for length in LENGTHS}


def _rivals_instructions(plugin: Path) -> dict[str, int]:
    """Return what a pass of onnxruntime executes, without what its start and the graph take."""
    folder, graph = os.environ.get("ARM64_PYTHON"), os.environ.get("ONNX_GRAPH")
    if not folder or not graph:
        last = report.read("arm64") if (report.RESULTS / "arm64.json").exists() else {}
        return dict(last.get("instructions", {}).get(RIVAL, {}))
    python = Path(folder)
    script = str(ROOT / "bench/onnxruntime_pass.py")
    command = ["-L", str(python / "root"), "-E", f"PYTHONPATH={python / 'site'}"]
    command += [str(python / "root/usr/bin/python3.11"), script, graph]

    def counted(length: int, passes: int) -> int:
        return arm64.count(plugin, CORE, [*command, str(length), str(passes)])

    once = {length: counted(length, 1) for length in LENGTHS}
    start = 2 * once[LENGTHS[0]] - counted(LENGTHS[0], 2)
    return {str(length): once[length] - start for length in LENGTHS}


class Loop(NamedTuple):
    """What an iteration of a loop has, and how many cycles it takes."""

    instructions: int
    products: int
    cycles: float


class Instruction(NamedTuple):
    address: int
    mnemonic: str
    operands: str


def _loop(program: Path, function: str, product: str) -> Loop:
    """Return the innermost loop of a function that has most products, as llvm-mca sees it."""
    code = _disassembled(program, function)
    first, last = max(
        _innermost(code),
        key=lambda loop: sum(i.mnemonic == product for i in code[loop[0] : loop[1] + 1]),
    )
    body = code[first : last + 1]
    # The address that the last one branches to means nothing to the assembler.
    *lines, _ = (f"{i.mnemonic} {i.operands}" for i in body)
    source = "\n".join([*lines, "b.ne ."])
    command = [MCA, "-mtriple=aarch64", f"-mcpu={CORE}", f"-iterations={ITERATIONS}"]
    output = subprocess.run(command, input=source, check=True, capture_output=True, text=True)
    cycles = re.search(r"Total Cycles: +(\d+)", output.stdout)
    assert cycles
    products = sum(i.mnemonic == product for i in body)
    return Loop(len(body), products, int(cycles[1]) / ITERATIONS)


def _disassembled(program: Path, function: str) -> list[Instruction]:
    objdump = shutil.which("aarch64-linux-gnu-objdump") or shutil.which("llvm-objdump-19")
    assert objdump
    command = [objdump, "-d", "--no-show-raw-insn", f"--disassemble={function}", str(program)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    line = re.compile(r"^ *([0-9a-f]+):\s+(\S+)[ \t]*(.*?)(?:\s*//.*)?$", re.MULTILINE)
    return [Instruction(int(m[1], 16), m[2], m[3]) for m in line.finditer(output)]


def _innermost(code: Sequence[Instruction]) -> Iterator[tuple[int, int]]:
    """Yield the first and last instruction of each loop that is one block, without branches."""
    places = {instruction.address: i for i, instruction in enumerate(code)}
    for i, (_, mnemonic, operands) in enumerate(code):
        target = re.match(r"([0-9a-f]+) <", operands)
        if mnemonic.startswith("b.") and target:
            begin = places.get(int(target[1], 16), i + 1)
            between = code[begin:i]
            if between and not any(re.match(r"b\.|b$|bl$|cb|tb", x.mnemonic) for x in between):
                yield begin, i


def _knows_core() -> bool:
    if not MCA:
        return False
    command = [MCA, "-mtriple=aarch64", f"-mcpu={CORE}"]
    dot = subprocess.run(
        command, input="sdot v0.4s, v1.16b, v2.16b", capture_output=True, text=True
    )
    # Before LLVM 16 another core's tables stood for this one's: they have no second pipe for it.
    return not dot.returncode and "N1UnitV1" in dot.stdout


def table() -> str:
    """Return both tables."""
    result = report.read("arm64")
    passes = report.rows(
        ["millions of instructions a pass", *(f"{length} tokens" for length in LENGTHS)],
        [
            [title, *(f"{result['instructions'][p][str(n)] / 1e6:,.0f}" for n in LENGTHS)]
            for p, title in ROWS.items()
            if result["instructions"][p]
        ],
    )
    loops = report.rows(
        ["inner loop", "instructions", "dot products", "cycles", "of the bound"],
        [
            [
                title,
                str(loop["instructions"]),
                str(loop["products"]),
                f"{loop['cycles']:.1f}",
                f"{loop['products'] / PRODUCTS_A_CYCLE / loop['cycles']:.0%}",
            ]
            for title, loop in result["loops"].items()
        ],
    )
    return f"{passes}\n\n{loops}"
