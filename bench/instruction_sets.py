"""The instruction sets that engines are held to, so that each is measured by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InstructionSet:
    """A generation of x86-64's int8 instructions."""

    title: str
    instructions: str
    """Its name in `bench/floor.c`."""
    flag: str
    """The last of its flags in `/proc/cpuinfo`."""
    environment: Mapping[str, str]
    """What holds our kernels, oneDNN (which OpenVINO uses) and CTranslate2 to it.

    onnxruntime has no such setting.
    """


SETS = (
    InstructionSet(
        "AVX2",
        "avx2",
        "avx2",
        {
            "DISTILBERT_INT8_INSTRUCTIONS": "avx2",
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "CT2_FORCE_CPU_ISA": "AVX2",
            "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        },
    ),
    InstructionSet(
        "AVX-VNNI",
        "avxvnni",
        "avx_vnni",
        {
            "DISTILBERT_INT8_INSTRUCTIONS": "avxvnni",
            "ONEDNN_MAX_CPU_ISA": "AVX2_VNNI",
            "CT2_FORCE_CPU_ISA": "AVX2",
            "MKL_ENABLE_INSTRUCTIONS": "AVX2_E1",
        },
    ),
    InstructionSet(
        "AVX-512 VNNI",
        "avx512",
        "avx512_vnni",
        {
            "DISTILBERT_INT8_INSTRUCTIONS": "avx512",
            "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI",
            "CT2_FORCE_CPU_ISA": "AVX512",
            "MKL_ENABLE_INSTRUCTIONS": "AVX512_E1",
        },
    ),
    InstructionSet(
        "AMX",
        "amx",
        "amx_int8",
        {
            "DISTILBERT_INT8_INSTRUCTIONS": "best",
            "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_AMX",
            "CT2_FORCE_CPU_ISA": "AVX512",
        },
    ),
)
"""From the oldest to the newest."""


def available(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[InstructionSet]:
    """Return the sets that this processor has; none on other processors than x86-64's."""
    flags = cpuinfo.read_text().split()
    return [isa for isa in SETS if isa.flag in flags]
