"""The definition of the backfill's state machine; tests/stack runs it."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

PATH = Path(__file__).parents[1] / "statemachine/backfill.asl.json"
EXPRESS_SECONDS = 300
"""Time limit of an express execution."""
DEAD_LETTER = "Send to dead-letter queue"


@pytest.fixture(scope="module")
def machine() -> dict[str, Any]:
    return json.loads(PATH.read_text())


@pytest.fixture(scope="module")
def substitutions() -> dict[str, Any]:
    template = cfn_yaml.load(str(PATH.parents[1] / "template.yaml"))
    return template["Resources"]["Backfill"]["Properties"]["DefinitionSubstitutions"]


def test_template_substitutes_every_placeholder(substitutions) -> None:
    assert set(re.findall(r"\$\{([^}]*)\}", PATH.read_text())) == set(substitutions)


def maps(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for state in machine["States"].values():
        if state["Type"] == "Map":
            yield state


def row_maps(machine: dict[str, Any]) -> list[dict[str, Any]]:
    return [state for state in maps(machine) if "ReaderConfig" in state["ItemReader"]]


def tasks(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every task by name, including those of the items of maps."""
    machines = [machine, *(state["ItemProcessor"] for state in maps(machine))]
    return {
        name: state
        for each in machines
        for name, state in each["States"].items()
        if state["Type"] == "Task"
    }


def test_maps_are_distributed_with_limits_from_the_input(machine) -> None:
    for state in maps(machine):
        assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        assert state["MaxConcurrencyPath"] == "$.maximum_concurrency"
        assert state["ToleratedFailurePercentagePath"] == "$.tolerated_failure_percentage"


def test_rows_are_read_alike_in_every_format(machine) -> None:
    """The state language cannot choose a reader by the input, so there is a map for each."""

    def without_its_reader(state: dict[str, Any]) -> dict[str, Any]:
        state = deepcopy(state)
        del state["Label"], state["ItemReader"]["ReaderConfig"]
        processor = state["ItemProcessor"]
        [task] = processor["States"].values()
        return {**state, "ItemProcessor": {**processor, "StartAt": "", "States": {"": task}}}

    first, *others = map(without_its_reader, row_maps(machine))
    assert others == [first] * 4


def test_each_format_leads_to_its_map(machine) -> None:
    choices = machine["States"]["Which reader"]["Choices"]
    config = {
        choice["StringEquals"]: machine["States"][choice["Next"]]["ItemReader"]["ReaderConfig"]
        for choice in choices
    }
    assert config.pop("jsonl") == {"InputType": "JSONL"}
    assert {name: reader.pop("CSVDelimiter") for name, reader in config.items()} == {
        "comma": "COMMA",
        "semicolon": "SEMICOLON",
        "tab": "TAB",
        "pipe": "PIPE",
    }
    for reader in config.values():
        assert reader == {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


def test_batches_fit_into_the_payload_of_a_state(machine) -> None:
    for state in row_maps(machine):
        assert state["ItemBatcher"]["MaxInputBytesPerBatch"] < 256 * 1024
        assert state["ItemBatcher"]["MaxItemsPerBatch"] <= 512


def test_row_has_its_number_in_the_object(machine) -> None:
    for state in row_maps(machine):
        assert state["ItemSelector"] == {
            "index.$": "$$.Map.Item.Index",
            "row.$": "$$.Map.Item.Value",
        }


def test_rows_are_read_from_one_version(machine) -> None:
    for state in row_maps(machine):
        assert state["ItemReader"]["Parameters"]["VersionId.$"] == "$.version_id"


def test_map_results_do_not_trigger_the_bucket_rule(machine) -> None:
    for state in maps(machine):
        assert state["ResultWriter"]["Parameters"]["Prefix.$"].startswith("States.Format('scored/")


def test_throttled_invocations_are_retried_with_backoff_and_jitter(machine) -> None:
    for state in maps(machine):
        processor = state["ItemProcessor"]
        retry = processor["States"][processor["StartAt"]]["Retry"][0]
        assert "Lambda.TooManyRequestsException" in retry["ErrorEquals"]
        assert retry["BackoffRate"] > 1
        assert retry["JitterStrategy"] == "FULL"


def test_every_task_has_retries_and_a_timeout(machine) -> None:
    assert len(tasks(machine)) == 11
    for task in tasks(machine).values():
        assert task["Retry"]
        assert task["TimeoutSeconds"] <= 960


def test_batch_times_out_before_its_express_execution(machine) -> None:
    for state in row_maps(machine):
        [task] = state["ItemProcessor"]["States"].values()
        retry = task["Retry"][0]
        waiting = sum(
            min(retry["IntervalSeconds"] * 2**attempt, retry["MaxDelaySeconds"])
            for attempt in range(retry["MaxAttempts"])
        )
        assert waiting + task["TimeoutSeconds"] < EXPRESS_SECONDS


def test_execution_has_a_timeout(machine) -> None:
    assert machine["TimeoutSeconds"] == 7 * 86400


def test_every_failure_leads_to_the_dead_letter_queue(machine) -> None:
    failing = [
        state
        for name, state in machine["States"].items()
        if state["Type"] in ("Task", "Map") and name != DEAD_LETTER
    ]
    assert len(failing) == 9
    for state in failing:
        assert state["Catch"] == [
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": DEAD_LETTER}
        ]
    assert machine["States"]["Not mappable"]["Next"] == DEAD_LETTER


def test_execution_with_a_dead_letter_fails(machine) -> None:
    dead_letter = machine["States"][DEAD_LETTER]
    [catch] = dead_letter["Catch"]
    assert dead_letter["Next"] == catch["Next"] == "Failed"
    assert machine["States"]["Failed"]["Type"] == "Fail"
    assert dead_letter["Arguments"]["QueueUrl"] == "${DeadLetters}"


def test_each_failed_object_of_a_prefix_is_a_dead_letter(machine) -> None:
    states = machine["States"]["Score objects"]["ItemProcessor"]["States"]
    [catch] = states["Score object"]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    dead_letter = states[catch["Next"]]
    assert dead_letter["Parameters"]["QueueUrl"] == "${DeadLetters}"
    assert states[dead_letter["Next"]]["Type"] == "Fail"


def test_execution_ends_with_one_summary(machine) -> None:
    for state in maps(machine):
        assert state["Next"] == "Count"
    summary = machine["States"][machine["States"]["Count"]["Next"]]
    assert summary["End"] is True
    assert summary["Parameters"]["Body.$"] == "$.map.run"
