"""Corrections, joined with the texts that they are about."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.telemetry.privacy import pseudonym
from tests.events.conftest import aws  # noqa: F401
from tests.web.client import client
from training import data, feedback
from training.data import NEGATIVE, NEUTRAL, POSITIVE

START = datetime(2026, 11, 1, tzinfo=UTC)


def correction(prediction: str, sentiment: str, hour: int = 0) -> dict[str, str]:
    time = (START + timedelta(hours=hour)).isoformat()
    return {
        "id": f"feedback/{prediction}",
        "prediction": prediction,
        "sentiment": sentiment,
        "time": time,
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def join(
    tmp_path: Path,
    corrections: list[dict[str, Any]],
    texts: list[dict[str, Any]],
    **columns: str,
) -> feedback.Corrections:
    sources = [(write(tmp_path / "feedback.jsonl", corrections), 1.0)]
    return feedback.read(sources, [write(tmp_path / "texts.jsonl", texts)], **columns)


def learnt(corrections: feedback.Corrections) -> dict[str, int]:
    return dict(zip(corrections.learnt.texts, corrections.learnt.labels.tolist(), strict=True))


def test_corrections_are_joined_with_their_texts_by_id(tmp_path: Path) -> None:
    corrections = [
        correction("a", "Negative"),
        correction("b#1", "Positive"),
        correction("c", "Neutral"),
    ]
    texts = [{"id": id, "text": f"Text <br> {id}."} for id in ("a", "b#0", "b#1", "c", "d")]
    joined = join(tmp_path, corrections, texts)
    assert learnt(joined) == {"Text a.": NEGATIVE, "Text b#1.": POSITIVE, "Text c.": NEUTRAL}
    assert "3 predictions were corrected: 3 have a text, 0 have none" in joined.summary
    assert len(joined.held_out) == 0


@pytest.mark.parametrize("name", ["texts.csv", "texts.jsonl", "texts.log"])
@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({}, ("Correlation_ID", "Review")),
        ({"id_column": "ticket", "text_column": "words"}, ("ticket", "words")),
        ({"id_column": "ticket", "text_column": "elsewhere"}, ("ticket", "comment")),
    ],
)
def test_ids_and_texts_are_found_by_their_columns(
    tmp_path: Path, name: str, columns: dict[str, str], names: tuple[str, str]
) -> None:
    id, text = names
    texts = write(tmp_path / name, [{"other": "x", id: "a", text: "Fine."}])
    sources = [(write(tmp_path / "feedback.jsonl", [correction("a", "Negative")]), 1.0)]
    assert learnt(feedback.read(sources, [texts], **columns)) == {"Fine.": NEGATIVE}


def test_the_latest_correction_of_a_prediction_and_of_a_text_counts(tmp_path: Path) -> None:
    corrections = [
        correction("a", "Negative", hour=3),
        correction("a", "Positive", hour=1),
        correction("b", "Positive", hour=5),
        correction("c", "Negative", hour=4),
    ]
    texts = [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}, {"id": "c", "text": "Two."}]
    joined = join(tmp_path, corrections, texts)
    assert learnt(joined) == {"One.": NEGATIVE, "Two.": POSITIVE}
    assert "of 1 predictions and of 1 texts with different ones" in joined.summary


def test_without_times_the_last_correction_counts(tmp_path: Path) -> None:
    corrections = [{"prediction": "a", "sentiment": label} for label in ("Negative", "Positive")]
    assert learnt(join(tmp_path, corrections, [{"id": "a", "text": "One."}])) == {"One.": POSITIVE}


def test_what_cannot_be_joined_is_counted(tmp_path: Path) -> None:
    corrections = [correction(id, "Negative") for id in "abcd"]
    corrections += [{"prediction": "e", "sentiment": "Good"}]
    texts = [{"id": "a", "text": "One."}, {"id": "b", "text": " "}]
    texts += [{"id": "c", "text": "Two."}, {"id": "c", "text": "Three."}]
    joined = join(tmp_path, corrections, texts)
    assert learnt(joined) == {"One.": NEGATIVE}
    assert "4 predictions were corrected: 1 have a text, 2 have none, 1 have an id of several" in (
        joined.summary
    )
    assert "1 lines could not be read" in joined.summary


def test_a_file_of_corrections_may_have_a_weight(tmp_path: Path) -> None:
    sources = [
        (write(tmp_path / f"{name}.jsonl", [correction(name, "Negative")]), weight)
        for name, weight in (("a", 1.0), ("b", 4.0))
    ]
    texts = write(tmp_path / "texts.csv", [{"id": "a", "text": "A."}, {"id": "b", "text": "B."}])
    assert feedback.read(sources, [texts]).learnt.weights.tolist() == [1, 4]


def test_of_many_corrections_a_fifth_is_held_out(tmp_path: Path) -> None:
    corrections = [correction(str(i), "Negative", i) for i in range(200)]
    texts = [{"id": str(i), "text": f"Text {i}."} for i in range(200)]
    joined = join(tmp_path, corrections, texts)
    assert 20 < len(joined.held_out) < 60
    assert len(joined.texts) == 200
    assert data.tests(joined.held_out.texts).all()
    assert not data.tests(joined.learnt.texts).any()


@pytest.mark.parametrize(
    ("corrections", "texts", "reason"),
    [
        ([{"id": "a"}], [], 'no feedback; a line of it has at least ."prediction"'),
        ([correction("a", "Negative")], [{"id": "b", "text": "B."}],
         "1 predictions, such as 'a', were corrected, and none has a text in .*: set TEXTS="),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_what_to_set(
    tmp_path: Path, corrections: list[dict[str, Any]], texts: list[dict[str, Any]], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        join(tmp_path, corrections, texts)


def test_a_table_without_ids_is_refused(tmp_path: Path) -> None:
    texts = write(tmp_path / "texts.csv", [{"number": "a", "text": "A."}])
    sources = [(write(tmp_path / "feedback.jsonl", [correction("a", "Negative")]), 1.0)]
    with pytest.raises(ValueError, match="it has number, text: name them with --id-column"):
        feedback.read(sources, [texts])


def test_the_services_log_has_both_if_texts_are_logged(
    tmp_path: Path,
    lines: Any,
    aws: Any,  # noqa: F811
) -> None:
    caller = client(results_queue_url=aws.queue_url, log_texts=True)
    long = "A fine film. " * 2000
    for id, text in (("mine", "Superb!"), ("long", long), ("other", "Awful.")):
        caller.post("/predict", json={"text": text}, headers={"x-correlation-id": id})
    for id in ("mine", "long"):
        caller.post("/feedback", json={"prediction": id, "sentiment": "Negative"})
    log = write(tmp_path / "service.log", lines())
    joined = learnt(feedback.read([(log, 1.0)], [log]))
    assert joined.keys() == {"Superb!", long[:16384].strip()}
    sent = write(tmp_path / "queue.jsonl", aws.queue())
    texts = write(tmp_path / "texts.csv", [{"id": pseudonym("mine"), "text": "Superb!"}])
    assert learnt(feedback.read([(sent, 1.0)], [texts])) == {"Superb!": NEGATIVE}
