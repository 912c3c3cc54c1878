"""What the comparison of engines says of measured times."""

import json
import shutil
import sys
from dataclasses import replace

import pytest

from app.sentiment.token_pruning import TokenPruning
from bench import floor, instruction_sets, report, rivals, warm
from bench.process import Process

QUARTILES = [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("flags", "titles"),
    [
        ("fpu sse2", []),
        ("fpu avx2", ["AVX2"]),
        ("fpu avx2 avx_vnni", ["AVX2", "AVX-VNNI"]),
        ("fpu avx2 avx512f avx512_vnni", ["AVX2", "AVX-512 VNNI"]),
        ("fpu avx2 avx512_vnni amx_tile amx_int8", ["AVX2", "AVX-512 VNNI", "AMX"]),
    ],
)
def test_sets_are_those_of_the_processor(flags, titles, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"model name : any\nflags : {flags}\n")
    assert [isa.title for isa in instruction_sets.available(cpuinfo)] == titles


def test_ratios_are_of_the_same_turn():
    times = {
        rivals.OURS: {16: [1.0, 2.0, 4.0]},
        "other": {16: [3.0, 4.0, 4.0]},
    }
    summary = warm._summary(times)
    assert summary["ratios"] == {"other": {"16": [1.5, 2.0, 2.5]}}
    assert summary["milliseconds"][rivals.OURS]["16"][1] == 2.0


def test_table_gives_each_set_with_how_far_ours_is_from_its_floor(monkeypatch):
    def engine(milliseconds):
        return {str(tokens): [milliseconds] * 3 for tokens in warm.LENGTHS}

    held = {
        "machine": {"cores": 2, "python": "3", "load": 0.1},
        "milliseconds": {rivals.OURS: engine(3.0), "OpenVINO": engine(6.0), "floor": engine(2.0)},
        "ratios": {"OpenVINO": engine(2.0), "floor": engine(2 / 3)},
    }
    free = {
        "machine": held["machine"],
        "milliseconds": {rivals.TORCH: engine(12.0)},
        "ratios": {rivals.TORCH: engine(4.0)},
    }
    rows = {str(tokens): tokens for tokens in warm.LENGTHS} | {"512": 640}
    reviews = {rivals.TORCH: {"reviews": 100, "per_second": 5.0, "same_label_as_torch": 1.0}}
    result = {"sets": {"AVX2": held}, "free": free, "rows": rows, "reviews": reviews}
    monkeypatch.setattr(report, "read", lambda name: result)
    table = warm.table()
    assert "| AVX2: ms, batch 1 (times ours) | 16 | 219 | 256 | 512 |" in table
    assert "| OpenVINO | 6.00 (2.0 ×) |" in table
    assert "| ours ÷ floor (one row per token) | 1.50 × | 1.50 × | 1.50 × | 1.50 × |" in table
    assert "| ours ÷ floor (rows of all windows) | 1.50 × | 1.50 × | 1.50 × | 1.20 × |" in table
    assert "| torch fp32 | 12.00 (4.0 ×) |" in table


@pytest.mark.skipif(not shutil.which("cc"), reason="the floor is compiled by cc")
@pytest.mark.parametrize("isa", instruction_sets.available(), ids=lambda isa: isa.title)
def test_floor_of_more_tokens_takes_longer(isa):
    few, many = (
        min(floor.seconds(tokens, isa.instructions) for _ in range(3)) for tokens in (16, 160)
    )
    assert 0 < few < many


def test_floor_has_the_rows_that_a_pruning_network_computes(monkeypatch):
    bundle = floor.load_bundle(floor.ROOT / "model")
    layers = json.loads(bundle.file("config.json").read_text())["n_layers"]
    pruning = TokenPruning(100, [100] + [50] * (layers - 2))
    monkeypatch.setattr(floor, "load_bundle", lambda folder: replace(bundle, token_pruning=pruning))
    rows = [rows for rows, _, _ in floor.shapes(200)]
    # Keys and values of a layer's input, then four products of what it keeps.
    assert rows == [200] * 5 + [200] + [150] * 4 + ([150] * 5) * (layers - 3) + [150]


def test_process_that_ends_says_why():
    command = [sys.executable, "-c", "raise SystemExit('there are no weights')"]
    with (
        Process(command, {}) as process,
        pytest.raises(RuntimeError, match="there are no weights"),
    ):
        process.ask(["a text"])
