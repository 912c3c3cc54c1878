import pytest

from docs.tables import __main__ as tables
from docs.tables import scale


@pytest.mark.parametrize(
    ("page", "section"),
    [(page, section) for page, sections in tables.PAGES.items() for section in sections],
    ids=lambda found: getattr(found, "name", found),
)
def test_pages_have_every_section(page, section):
    assert f"<!-- {section} -->" in page.read_text()


@pytest.mark.parametrize("section", ["settings", "accuracy"])
def test_readme_says_what_the_code_and_the_card_say(section):
    """The other sections hold measurements of one machine, which `make readme` writes."""
    assert tables.SECTIONS[section]() in tables.README.read_text()


@pytest.mark.parametrize("section", scale.SECTIONS)
def test_scale_is_worked_out_from_the_last_benchmark(section):
    assert scale.SECTIONS[section]() in scale.PAGE.read_text()


def test_costs_and_times_of_a_million_reviews_are_those_of_their_parts():
    of = scale.Measured(rows_a_second=100, row_bytes=1000, batch_rows=100)
    assert scale.computing_seconds(1e6, of) == 10_000
    # 1,769 MB for 10,000 seconds, and 10,000 invocations by as many express executions of a second.
    assert scale.computing_dollars(1e6, of) == pytest.approx(0.2879, abs=1e-4)
    rows, objects, queue = (way.dollars(1e6, of) for way in scale.WAYS)
    assert rows == pytest.approx(0.002 + 0.01 + 0.0104, abs=1e-4)
    assert objects == pytest.approx(50 * (0.2e-6 + 50e-6))
    assert queue == pytest.approx(0.16 + 0.002 + 0.625 + 1.0)
