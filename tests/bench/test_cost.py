"""What docs/cost.md works out from measured times and prices."""

import pytest

from bench import cost, prices
from tests.conftest import ROOT


def test_a_million_invocations_cost_their_memory_seconds_and_themselves():
    # 10,000 seconds of 1,769 / 1,024 GB, and a million invocations.
    assert cost._lambda_dollars(10, 1769, prices.GB_SECOND) == pytest.approx(0.28793 + 0.20, 1e-4)


def test_a_millisecond_that_has_begun_is_billed():
    begun = cost._lambda_dollars(10.01, 1769, prices.GB_SECOND)
    assert begun == cost._lambda_dollars(11, 1769, prices.GB_SECOND)


@pytest.mark.parametrize(("characters", "units"), [(1, 3), (300, 3), (301, 4), (1000, 10)])
def test_comprehend_counts_hundreds_of_characters_and_three_at_least(characters, units):
    assert cost._units(characters) == units


@pytest.mark.parametrize(
    ("page", "row"),
    [
        (
            "README.md",
            "| a million reviews of 1,000 characters | ${here}; ${gateway} with a REST API |",
        ),
        ("docs/migrate.md", "| this service on Lambda | ${here} |"),
        ("docs/migrate.md", "| this service behind a REST API | ${gateway} |"),
    ],
)
def test_other_pages_have_the_costs_of_the_cost_page(page, row):
    here, gateway = (line.split(" | ")[2] for line in cost.others().splitlines()[2:4])
    assert row.format(here=here, gateway=gateway) in (ROOT / page).read_text()
