"""Memory size to latency to cost: `docs/cost.md` from runs that have as much of the processors as
Lambda gives each size.

Lambda gives 1,769 MB one processor and other sizes their share. Whole processors are had here by
binding the process to so many; a share of one by stopping it for the rest of every 20 ms. Sizes of
more processors than this machine has are left out.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from app.settings import MEGABYTES_PER_VCPU
from bench import instruction_sets, prices, report
from bench.report import ON_LAMBDA, THREADS, spread, text_of
from bench.service import Service, event_of

SIZES = (512, 884, 1769, 3538)
LENGTHS = (16, 219, 512)
PERIOD_SECONDS = 0.02
RECOMMENDED = 1769
MILLION = 1_000_000
_HEADER = [f"{t} tokens, ms" for t in LENGTHS] + [f"{t} tokens, $" for t in LENGTHS]


def measure(rounds: int = 30) -> dict[str, Any]:
    """Return milliseconds a request, with quartiles, by memory size and by instruction set."""
    milliseconds: dict[str, dict[str, list[float]]] = {}
    for size in tqdm([s for s in SIZES if s <= THREADS * MEGABYTES_PER_VCPU], desc="sizes"):
        milliseconds[str(size)] = _milliseconds(size, ON_LAMBDA, rounds)
    by_set = {
        held.title: _milliseconds(RECOMMENDED, {**ON_LAMBDA, **held.environment}, rounds)
        for held in tqdm(instruction_sets.available(), desc="instruction sets")
    }
    sets = {"machine": report.machine(), "milliseconds": by_set}
    characters = {str(t): len(text_of(t)) for t in LENGTHS}
    return {"milliseconds": milliseconds, "sets": sets, "characters": characters}


def _milliseconds(size: int, environment: Mapping[str, str], rounds: int) -> dict[str, list[float]]:
    """Return milliseconds a request, with quartiles, by tokens."""
    threads = max(1, round(size / MEGABYTES_PER_VCPU))
    with Service("handler", {**environment, "SENTIMENT_THREADS": str(threads)}) as service:
        service.bind(threads)
        for tokens in LENGTHS:
            service.ask(event_of(text_of(tokens)))
        with _share(service.process_id, size / MEGABYTES_PER_VCPU):
            return {
                str(tokens): spread(
                    [service.ask(event_of(text_of(tokens))).seconds * 1000 for _ in range(rounds)]
                )
                for tokens in LENGTHS
            }


@contextmanager
def _share(process: int, share: float) -> Iterator[None]:
    """Let a process run for this share of each period, where it is less than all."""
    if share >= 1:
        yield
        return
    ended = threading.Event()

    def stop_and_go() -> None:
        while not ended.is_set():
            os.kill(process, signal.SIGSTOP)
            time.sleep(PERIOD_SECONDS * (1 - share))
            os.kill(process, signal.SIGCONT)
            time.sleep(PERIOD_SECONDS * share)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _lambda_dollars(milliseconds: float, size: int, gb_second: float) -> float:
    """Return what a million invocations cost; a duration is billed by the millisecond begun."""
    billed = -(-milliseconds // 1) / 1000
    return MILLION * (billed * size / 1024 * gb_second + prices.INVOCATION)


def _columns(by: Mapping[str, list[float]], size: int) -> list[str]:
    """Return the cells below `_HEADER` of what `_milliseconds` returned for a memory size."""
    times = [by[str(t)][1] for t in LENGTHS]
    dollars = [_lambda_dollars(t, size, prices.GB_SECOND) for t in times]
    return [*(f"{t:.1f}" for t in times), *(f"{d:.2f}" for d in dollars)]


def sizes() -> str:
    """Return latency and cost by memory size as a table."""
    result = report.read("cost")
    header = ["memory (MB)", "processors", *_HEADER]
    body = []
    for size, by in result["milliseconds"].items():
        processors = f"{int(size) / MEGABYTES_PER_VCPU:.2f}"
        body.append([f"{int(size):,}", processors, *_columns(by, int(size))])
    return f"{report.of_machine(result)}\n\n{report.rows(header, body)}"


def sets() -> str:
    """Return latency and cost by instruction set, of one processor, as a table."""
    result = report.read("cost")["sets"]
    header = [f"{RECOMMENDED:,} MB", *_HEADER]
    body = [[title, *_columns(by, RECOMMENDED)] for title, by in result["milliseconds"].items()]
    return f"{report.of_machine(result)}\n\n{report.rows(header, body)}"


def arithmetic() -> str:
    """Return one row of that table, step by step."""
    result = report.read("cost")
    milliseconds = result["milliseconds"][str(RECOMMENDED)]["219"][1]
    billed = -(-milliseconds // 1)
    return (
        f"At {RECOMMENDED:,} MB a review of 219 tokens took {milliseconds:.1f} ms, billed as "
        f"{billed:.0f} ms: {billed / 1000} s × {RECOMMENDED} / 1024 GB × ${prices.GB_SECOND:.10f} "
        f"+ ${prices.INVOCATION:.7f} for the invocation. A million of them cost "
        f"${_lambda_dollars(milliseconds, RECOMMENDED, prices.GB_SECOND):.2f}."
    )


def others() -> str:
    """Return what a million texts cost, here and elsewhere, as a table."""
    result = report.read("cost")
    by = {t: result["milliseconds"][str(RECOMMENDED)][str(t)][1] for t in LENGTHS}
    x86 = {t: _lambda_dollars(by[t], RECOMMENDED, prices.GB_SECOND) for t in LENGTHS}
    arm = {t: _lambda_dollars(by[t], RECOMMENDED, prices.ARM_GB_SECOND) for t in LENGTHS}
    gateway = MILLION * prices.REST_REQUEST
    best = {t: min(result["milliseconds"].values(), key=lambda f: f[str(t)][1]) for t in LENGTHS}
    rows = {
        f"Lambda x86, {RECOMMENDED:,} MB": x86,
        "the same behind a REST API": {t: cost + gateway for t, cost in x86.items()},
        "Lambda arm64, as fast (computed, not measured)": arm,
        "the same behind a REST API (computed)": {t: cost + gateway for t, cost in arm.items()},
        "an instance of 2 processors, never idle": {
            t: MILLION * best[t][str(t)][1] / 1000 / 3600 * prices.INSTANCE_HOUR for t in LENGTHS
        },
        "Amazon Comprehend": {
            t: MILLION * _units(result["characters"][str(t)]) * prices.COMPREHEND_UNIT
            for t in LENGTHS
        },
        "Cloudflare Workers AI, DistilBERT int8": {
            t: MILLION * t * prices.CLOUDFLARE_TOKEN for t in LENGTHS
        },
    }
    header = ["dollars a million texts", *(f"{t} tokens" for t in LENGTHS)]
    body = [[name, *(f"{cost[t]:,.2f}" for t in LENGTHS)] for name, cost in rows.items()]
    return report.rows(header, body)


def instance() -> str:
    """Return at how many reviews a month an instance that is always on costs as much."""
    result = report.read("cost")
    milliseconds = result["milliseconds"][str(RECOMMENDED)]["219"][1]
    month = prices.INSTANCE_HOUR * 730
    each = _lambda_dollars(milliseconds, RECOMMENDED, prices.GB_SECOND) / MILLION
    return (
        f"The instance costs ${month:.2f} a month of 730 hours whether it is busy or idle, as much "
        f"as {month / each / MILLION:.1f} million reviews of 219 tokens on Lambda."
    )


def headline() -> str:
    """Return what 200,000 reviews cost here and at Amazon Comprehend, in a sentence."""
    result = report.read("cost")
    milliseconds = result["milliseconds"][str(RECOMMENDED)]["219"][1]
    texts = 200_000 / MILLION
    function = texts * _lambda_dollars(milliseconds, RECOMMENDED, prices.GB_SECOND)
    gateway = function + texts * MILLION * prices.REST_REQUEST
    units = _units(result["characters"]["219"])
    comprehend = texts * MILLION * units * prices.COMPREHEND_UNIT
    return (
        f"Scoring 200,000 reviews of 219 tokens costs ${function:.2f} on Lambda, ${gateway:.2f} "
        f"with a REST API in front, and ${comprehend:.0f} with Amazon Comprehend."
    )


def _units(characters: int) -> int:
    return max(prices.COMPREHEND_LEAST_UNITS, -(-characters // prices.COMPREHEND_CHARACTERS))


def table() -> str:
    """Return the last result as both tables."""
    return f"{sizes()}\n\n{others()}"


SECTIONS = {
    "headline": headline,
    "sizes": sizes,
    "sets": sets,
    "arithmetic": arithmetic,
    "others": others,
    "instance": instance,
}
