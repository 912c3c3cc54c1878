import pytest

from docs.tables import __main__ as tables
from docs.tables import scale


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.stem)
def test_each_section_of_a_page_has_its_writer(page):
    assert set(tables.names(page.read_text())) <= tables.SECTIONS.keys()


def test_each_writer_has_its_section():
    names = [name for page in tables.PAGES for name in tables.names(page.read_text())]
    assert set(names) == tables.SECTIONS.keys()


@pytest.mark.parametrize(
    "section",
    [
        "problem",
        "accuracy",
        "settings",
        "parameters",
        "outputs",
        "standing",
        "metrics",
        *scale.SECTIONS,
    ],
)
def test_what_follows_from_the_repository_alone_is_up_to_date(section):
    """The other sections hold measurements of one machine."""
    written = [page.read_text() for page in tables.PAGES]
    assert any(tables.SECTIONS[section]() in page for page in written)


def test_costs_and_times_of_a_million_reviews_are_those_of_their_parts():
    of = scale.Measured(rows_a_second=100, row_bytes=1000, batch_rows=100)
    assert scale.computing_seconds(1e6, of) == 10_000
    # 1,769 MB for 10,000 seconds, and 10,000 invocations by as many express executions of a second.
    assert scale.computing_dollars(1e6, of) == pytest.approx(0.2879, abs=1e-4)
    rows, objects, queue = (way.dollars(1e6, of) for way in scale.WAYS)
    assert rows == pytest.approx(0.002 + 0.01 + 0.0104, abs=1e-4)
    assert objects == pytest.approx(50 * (0.2e-6 + 50e-6))
    assert queue == pytest.approx(0.16 + 0.002 + 0.625 + 1.0)
