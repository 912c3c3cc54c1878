"""What all tests share: each engine loaded once, log lines, and how tests are divided."""

import asyncio
import csv
import io
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO
from unittest.mock import patch

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from app.scoring.configuration import load_classifier
from app.sentiment import engines
from app.sentiment.bundle import Bundle
from app.sentiment.bundle import load as load_bundle
from app.sentiment.classifier import SentimentClassifier
from app.sentiment.text import Text, normalise
from app.settings import Settings
from app.telemetry import logs
from tests import bundles

ROOT = Path(__file__).parents[1]

# Always the same cases, so that a change is judged by itself; `make properties` looks for new ones.
hypothesis.settings.register_profile("usual", max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", max_examples=20_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("PROPERTIES", "usual"))


SHARED = ("tests/stack", "tests/page", "tests/contract")
"""Folders whose tests share what takes seconds to start: a local AWS, a browser, an emulator."""
SLOW = (
    "tests/stack",
    "tests/page",
    "tests/local",
    "tests/training",
    "tests/objects/formats/test_memory.py",
    "tests/objects/formats/test_parquet.py",
    "tests/sentiment/test_native_arm64.py",
    "tests/sentiment/test_native_life.py",
    "tests/sentiment/test_reference.py",
    "tests/telemetry/test_secrets.py",
    "tests/test_commands.py",
    "tests/test_handler_arm64.py",
    "tests/test_hostile.py",
    "tests/test_migrate.py",
    "tests/test_score.py",
    "tests/test_startup.py",
    "tests/test_use.py",
    "tests/test_wheel.py",
    "tests/tool",
    "tests/web/test_connections.py",
    "tests/web/test_openapi.py",
)
"""Folders and files whose tests start processes, a browser or torch, or compute for long."""
SLOW_ENGINES = {"torch"}


def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are processors: many tests wait for another process."""
    return len(os.sched_getaffinity(0)) + 1


class GroupScheduling(LoadScopeScheduling):
    """Keeps together on one worker what shares what is slow to start, and else each file's tests.

    pytest-xdist's own groups have no effect with pytest 9.2, whose ids it cannot change.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next(
            (folder for folder in SHARED if nodeid.startswith(folder)), nodeid.split("::")[0]
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse two tests with one id, because a worker would run only one of them."""
    duplicates = [id_ for id_, n in Counter(item.nodeid for item in session.items).items() if n > 1]
    if duplicates:
        raise pytest.UsageError(f"tests with the same id: {', '.join(duplicates)}")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """Divide the tests among the workers by groups."""
    return GroupScheduling(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import the slow tests where they are left out: torch alone takes seconds."""
    path = collection_path.relative_to(ROOT).as_posix()
    return True if config.option.markexpr == "not slow" and path in SLOW else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the slow tests, and let workers begin with them."""
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        if path.startswith(SLOW) or SLOW_ENGINES & _engines(item):
            item.add_marker(pytest.mark.slow)
    if hasattr(config, "workerinput"):
        # The longest groups first, so that no worker begins one when the others end.
        items.sort(key=lambda item: not item.path.relative_to(ROOT).as_posix().startswith(SLOW))


def _engines(item: pytest.Item) -> set[str]:
    """Return the names of a test's fixtures, and the engines that it is parametrised with."""
    callspec = getattr(item, "callspec", None)
    given = callspec.params.values() if callspec else ()
    return {*getattr(item, "fixturenames", ()), *(one for one in given if isinstance(one, str))}


@pytest.fixture(scope="session", autouse=True)
def shared_engines() -> Iterator[None]:
    """Load each engine of the shipped bundle once for all applications in this process."""
    load = engines.load
    loaded: dict[tuple[str, int], engines.Engine] = {}

    def shared(name: str, bundle: Bundle, threads: int) -> engines.Engine:
        if bundle.folder.resolve() != ROOT / "model":
            return load(name, bundle, threads)
        if (name, threads) not in loaded:
            loaded[name, threads] = load(name, bundle, threads)
        return loaded[name, threads]

    with patch.object(engines, "load", shared):
        yield


EVENT_LOOP = asyncio.new_event_loop()
# Before any module creates one that nothing closes, such as a conftest.py that imports the handler.
asyncio.set_event_loop(EVENT_LOOP)


def pytest_sessionfinish() -> None:
    EVENT_LOOP.close()


@pytest.fixture(autouse=True)
def current_event_loop() -> None:
    """Give the thread the loop that Mangum expects there; `asyncio.run` leaves it without one."""
    asyncio.set_event_loop(EVENT_LOOP)


@pytest.fixture(autouse=True)
def unchanged_log_handlers() -> Iterator[None]:
    """Restore what `logs.configure` changes of pytest's own handlers, which capture all tests."""
    before = [(one, one.formatter, [*one.filters]) for one in logging.getLogger().handlers]
    yield
    for handler, formatter, filters in before:
        handler.setFormatter(formatter)
        handler.filters[:] = filters


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle(ROOT / "model")


@pytest.fixture(scope="session")
def three_label_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle that knows Neutral: the shipped one if it does."""
    folder = tmp_path_factory.mktemp("bundles") / "three"
    return bundles.relabelled(ROOT / "model", folder, ("Negative", "Neutral", "Positive"))


@pytest.fixture(scope="session")
def two_label_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle of two labels: the shipped one if it has two."""
    folder = tmp_path_factory.mktemp("bundles") / "two"
    return bundles.relabelled(ROOT / "model", folder, ("Negative", "Positive"))


@pytest.fixture(scope="session")
def three_labels(three_label_bundle: Path) -> SentimentClassifier:
    """Return a classifier that knows Neutral."""
    return load_classifier(Settings(engine="native", cache_size=0, model_dir=three_label_bundle))


@pytest.fixture(scope="session")
def two_labels(two_label_bundle: Path) -> SentimentClassifier:
    """Return a classifier that knows no Neutral."""
    return load_classifier(Settings(engine="native", cache_size=0, model_dir=two_label_bundle))


@pytest.fixture(scope="session")
def native() -> SentimentClassifier:
    return load_classifier(Settings(engine="native", cache_size=0))


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the session's own `XDG_CACHE_HOME`, for the engine that derives its files."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def torch(cache_home: Path) -> SentimentClassifier:
    with patch.dict(os.environ, XDG_CACHE_HOME=str(cache_home)):
        return load_classifier(Settings(engine="torch", cache_size=0, threads=1))


@pytest.fixture(scope="session", params=["native", "torch"])
def engine(request: pytest.FixtureRequest) -> SentimentClassifier:
    """Each engine in turn, behind the same classifier."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def reviews() -> list[Text]:
    """Reviews written for this project, short to several windows long."""
    with (ROOT / "training/reviews.csv").open(newline="") as file:
        return [Text(normalise(row["text"])) for row in csv.DictReader(file)]


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return each log line that was written so far, parsed."""
    written = io.StringIO()
    with logging_to(written):
        yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]


@contextmanager
def logging_to(stream: TextIO, **options: Any) -> Iterator[None]:
    """Have log lines written to a stream alone, as `logs.configure` has them by these options."""
    root, application = logging.getLogger(), logging.getLogger("app")
    before = [one for one in root.handlers if isinstance(one, logs.Handler)], application.level
    logs.configure("INFO", stream=stream, **options)
    try:
        yield
    finally:
        root.handlers = [one for one in root.handlers if not isinstance(one, logs.Handler)]
        for handler in before[0]:
            root.addHandler(handler)
        application.setLevel(before[1])


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine, and leave the thread's event loop as it is, which Mangum uses."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()
