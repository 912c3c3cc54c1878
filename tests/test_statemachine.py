"""What the backfill's state machine promises; how it runs is seen with the whole stack."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from app.objects.bucket import MAPPABLE

PATH = Path(__file__).parents[1] / "statemachine/backfill.asl.json"


@pytest.fixture(scope="module")
def machine() -> dict[str, Any]:
    return json.loads(PATH.read_text())


def test_the_template_fills_in_all_that_the_definition_leaves_open() -> None:
    template = cfn_yaml.load(str(PATH.parents[1] / "template.yaml"))
    given = template["Resources"]["Backfill"]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{([^}]*)\}", PATH.read_text())) == set(given)


def maps(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for state in machine["States"].values():
        if state["Type"] == "Map":
            yield state


def test_every_map_is_distributed_and_within_limits_that_the_input_may_set(machine) -> None:
    for state in maps(machine):
        assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        assert state["MaxConcurrencyPath"] == "$.maximum_concurrency"
        assert state["ToleratedFailurePercentagePath"] == "$.tolerated_failure_percentage"


def test_limits_that_the_input_does_not_set_are_the_templates(machine) -> None:
    defaults = machine["States"][machine["StartAt"]]["Parameters"]["job.$"]
    assert "${MaximumConcurrency}" in defaults
    assert "${ToleratedFailurePercentage}" in defaults
    assert defaults.endswith("$, false)")


def test_it_takes_over_what_the_function_hands_over(machine) -> None:
    choices = machine["States"]["What is it"]["Choices"]
    patterns = [choice["StringMatches"] for choice in choices if "StringMatches" in choice]
    assert {pattern.removeprefix("*") for pattern in patterns} <= set(MAPPABLE)


def test_rows_come_in_batches_that_a_state_may_hold(machine) -> None:
    batchers = [state["ItemBatcher"] for state in maps(machine) if "ItemBatcher" in state]
    assert len(batchers) == 2
    for batcher in batchers:
        assert batcher["MaxInputBytesPerBatch"] < 256 * 1024
        assert batcher["MaxItemsPerBatch"] <= 512


def test_every_map_writes_its_results_out_of_sight_of_the_bucket_s_rule(machine) -> None:
    for state in maps(machine):
        assert state["ResultWriter"]["Parameters"]["Prefix.$"].startswith("States.Format('scored/")


def test_throttled_functions_are_asked_again_later_and_not_all_at_once(machine) -> None:
    for state in maps(machine):
        [task] = state["ItemProcessor"]["States"].values()
        [retry] = task["Retry"]
        assert "Lambda.TooManyRequestsException" in retry["ErrorEquals"]
        assert retry["BackoffRate"] > 1
        assert retry["JitterStrategy"] == "FULL"


def test_an_execution_ends_with_one_summary(machine) -> None:
    for state in maps(machine):
        assert state["Next"] == "Count"
    summary = machine["States"][machine["States"]["Count"]["Next"]]
    assert summary["End"] is True
    assert summary["Parameters"]["Body.$"] == "$.map.run"
