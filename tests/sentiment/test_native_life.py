"""A network's lifecycle: closing, freeing and forking, without leaks."""

import copy
import gc
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from distilbert_int8 import Network, Shape

from app.sentiment.engines.native import WEIGHTS

ROW = list(range(1000, 1100))


@pytest.fixture(scope="module")
def path(bundle):
    return bundle.folder / WEIGHTS


@pytest.fixture
def network(path):
    with Network(path, threads=2) as network:
        yield network


def threads():
    return {task.name for task in Path("/proc/self/task").iterdir()}


def ended(begun):
    """Whether these threads end: the kernel lists a thread for a moment after it was joined."""
    deadline = time.monotonic() + 10
    while begun & threads() and time.monotonic() < deadline:
        time.sleep(0.001)
    return not begun & threads()


def memory():
    """Return this process's anonymous memory in kilobytes, with freed heap that it keeps."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    fields = dict(line.split(":") for line in lines[1:])
    return int(fields["Anonymous"].split()[0])


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def in_child(function):
    """Call the function in a forked child; return its result."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(60)  # killed instead of hanging
        os.write(writing, json.dumps(function()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    assert os.waitpid(child, 0) == (child, 0)
    return json.loads(answer)


def test_a_closed_network_raises(network):
    network.close()
    with pytest.raises(ValueError, match="the network is closed"):
        network.logits([ROW])


def test_a_network_can_be_closed_again(network):
    network.close()
    network.close()


def test_a_block_closes_its_network(path):
    with Network(path, threads=2) as network:
        assert network.logits([ROW])
    with pytest.raises(ValueError, match="the network is closed"):
        network.logits([ROW])


def test_closing_ends_the_threads(path):
    before = threads()
    network = Network(path, threads=3)
    begun = threads() - before
    assert len(begun) == 2
    network.close()
    assert ended(begun)


def test_garbage_collecting_a_network_ends_its_threads(path):
    before = threads()
    network = Network(path, threads=3)
    begun = threads() - before
    assert len(begun) == 2
    network.logits([ROW])
    del network
    gc.collect()
    assert ended(begun)


def test_closing_waits_for_calls_in_progress(path):
    network = Network(path, threads=2)
    expected = network.logits([ROW])
    started, results = threading.Event(), []

    def compute():
        try:
            while True:
                results.append(network.logits([ROW]))
                started.set()
        except ValueError as error:
            results.append(str(error))

    callers = [threading.Thread(target=compute) for _ in range(3)]
    for caller in callers:
        caller.start()
    started.wait()
    network.close()
    for caller in callers:
        caller.join()
    assert results.count("the network is closed") == 3
    assert all(each == expected for each in results if each != "the network is closed")


def test_opening_and_closing_networks_leaks_no_memory(path):
    def open_and_close(times):
        for turn in range(times):
            network = Network(path, threads=2)
            network.logits([ROW])
            if turn % 2:
                network.close()

    open_and_close(5)
    gc.collect()  # networks of other tests, too
    before = threads(), memory()
    open_and_close(40)  # of some 5 MB each
    gc.collect()
    assert ended(threads() - before[0])
    assert memory() < before[1] + 10_000


def test_rejected_networks_leave_nothing(tmp_path, write_network):
    damaged = tmp_path / "network"
    write_network(damaged, Shape(16, 1, 16, 16, 1, 2, 0, 16), 8, 8)
    damaged.write_bytes(damaged.read_bytes()[:-4] + b"\0\0\xc0\x7f")
    before = open_files(), threads()
    for _ in range(50):
        with pytest.raises(ValueError, match="holds an infinity or NaN"):
            Network(damaged, threads=2)
    assert open_files() == before[0]
    assert ended(threads() - before[1])
    assert str(damaged) not in Path("/proc/self/maps").read_text()


def test_a_network_without_all_of_its_threads_is_not_made(path):
    script = (
        "import resource, sys, os\n"
        "from pathlib import Path\n"
        "from distilbert_int8 import Network\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "try:\n"
        "    Network(Path(sys.argv[1]), threads=1000)\n"
        "except MemoryError as error:\n"
        "    print(error, len(os.listdir('/proc/self/task')) - before)\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", script, str(path)], check=True, capture_output=True, text=True
    )
    assert completed.stdout == "cannot start the network's threads 0\n"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_network_is_not_copied(network, copied):
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        copied(network)


def test_a_child_gives_the_same_logits(network):
    rows = [ROW, ROW[:5], ROW[:1]]
    expected = network.logits(rows)
    assert in_child(lambda: network.logits(rows)) == expected
    assert network.logits(rows) == expected


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor only")
@pytest.mark.parametrize("computed_before", [False, True])
def test_a_childs_calling_thread_is_not_pinned(path, computed_before):
    with Network(path, threads=2) as network:
        if computed_before:
            network.logits([ROW])

        def processors():
            for _ in range(5):
                network.logits([ROW])
            return sorted(os.sched_getaffinity(0))

        assert in_child(processors) == sorted(os.sched_getaffinity(0))


def test_a_child_computes_with_threads_of_its_own(network):
    network.logits([ROW])

    def count():
        alone = threads()
        network.logits([ROW])
        begun = threads() - alone
        network.close()
        return [len(alone), len(begun), ended(begun)]

    assert in_child(count) == [1, 1, True]


def test_a_childs_child_gives_the_same_logits(network):
    expected = network.logits([ROW])

    def in_both():
        return [in_child(lambda: network.logits([ROW])), network.logits([ROW])]

    assert in_child(in_both) == [expected, expected]


def test_a_child_forked_during_calls_gives_the_same_logits(network):
    expected = network.logits([ROW])
    ending = threading.Event()

    def compute():
        while not ending.is_set():
            assert network.logits([ROW]) == expected

    callers = [threading.Thread(target=compute) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(20):
            assert in_child(lambda: [network.logits([ROW]), network.close()]) == [expected, None]
    finally:
        ending.set()
        for caller in callers:
            caller.join()


def test_a_process_of_multiprocessing_gives_the_same_logits(network):
    expected = network.logits([ROW])
    context = multiprocessing.get_context("fork")
    reading, writing = context.Pipe(duplex=False)
    child = context.Process(target=lambda: writing.send(network.logits([ROW])))
    child.start()
    assert reading.poll(60)
    assert reading.recv() == expected
    child.join()


def test_starting_a_program_does_not_disturb_the_network(network):
    expected = network.logits([ROW])
    subprocess.run(["true"], check=True)
    subprocess.run(["true"], check=True, preexec_fn=lambda: None)  # forks, rather than vforks
    assert network.logits([ROW]) == expected


def test_a_process_ends_while_a_thread_computes(path):
    script = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from distilbert_int8 import Network\n"
        "network = Network(Path(sys.argv[1]), threads=2)\n"
        "def compute():\n"
        "    while True: network.logits([[1] * 500] * 50)\n"
        "threading.Thread(target=compute, daemon=True).start()\n"
    )
    completed = subprocess.run([sys.executable, "-c", script, str(path)], timeout=60, check=False)
    assert completed.returncode == 0
