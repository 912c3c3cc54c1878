import json
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from training import data
from training.data import NEGATIVE, NEUTRAL, POSITIVE, Examples

TEXTS = ["Good,\nreally.", 'A "bad" one.', "Fine<br />then."]


def examples(texts: list[str], labels: list[int] | None = None) -> Examples:
    return Examples(texts, np.array(labels or [0] * len(texts)))


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_each_kind_of_file_reads_alike(tmp_path, kind):
    path = tmp_path / f"reviews.{kind}"
    if kind == "parquet":
        parquet.write_table(pa.table({"text": TEXTS, "label": [1, 0, 1]}), path)
    elif kind == "csv":
        data.write(examples(TEXTS, [POSITIVE, NEGATIVE, POSITIVE]), path)
    else:
        lines = [json.dumps({"text": t, "label": n}) for t, n in zip(TEXTS, [1, 0, 1], strict=True)]
        path.write_text("\n".join(lines))
    found = data.read(path)
    assert found.texts == ["Good, really.", 'A "bad" one.', "Fine then."]
    assert found.labels.tolist() == [POSITIVE, NEGATIVE, POSITIVE]


def test_texts_may_look_like_numbers(tmp_path):
    (tmp_path / "r.csv").write_text("text,label\n10,1\n1,0\n")
    assert data.read(tmp_path / "r.csv").texts == ["10", "1"]


def test_labels_may_be_names(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\na,Positive\nb,negative\nc,Neutral\n")
    assert data.read(path).labels.tolist() == [POSITIVE, NEGATIVE, NEUTRAL]


def test_labels_may_be_probabilities(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\na,0.9\nb,0.25\n")
    found = data.read(path)
    np.testing.assert_allclose(found.targets, [[0.09, 0.1, 0.81], [0.5625, 0.25, 0.1875]])
    assert found.labels.tolist() == [POSITIVE, NEGATIVE]


@given(st.floats(0, 1))
def test_a_probability_of_positive_is_that_of_a_side_and_half_of_neutral(positive):
    [[negative, neutral, of_positive]] = data.three_way(np.array([positive]))
    assert negative + neutral + of_positive == pytest.approx(1)
    assert (of_positive > negative) == (positive > 0.5) or abs(positive - 0.5) < 1e-9
    assert neutral <= data.NEUTRAL_SHARE


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("r.txt", "a", "expected a file ending in .parquet, .csv, .jsonl"),
        ("r.csv", "words,label\na,1\n", "no column 'text' or .*; it has words, label: name it"),
        ("r.csv", "text,label\na,2\n", "unknown labels: '2' .row 1.; allowed are Negative"),
        ("r.jsonl", '{"text": null, "label": 1}\n{"text": "", "label": 0}', "holds no texts"),
        ("r.csv", "text,label\n", "holds no texts"),
        ("r.csv", "text,label\na,1\na,meh\n", "unknown labels: 'meh' .row 2.; .* Neutral"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=reason):
        data.read(tmp_path / name)


def test_a_folder_like_aclimdbs_reads_as_well(tmp_path):
    for name, text in (
        ("neg/0_2.txt", "Dull.<br />"),
        ("pos/0_9.txt", "Bright."),
        ("pos/1_8.txt", "Fun."),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = data.read(tmp_path)
    assert found.texts == ["Dull.", "Bright.", "Fun."]
    assert found.labels.tolist() == [NEGATIVE, POSITIVE, POSITIVE]


def test_a_folder_without_both_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected text files in its folders neg and pos"):
        data.read(tmp_path)


@pytest.mark.parametrize("names", [["neg", "pos"], ["positive", "negative"]])
def test_a_data_set_of_the_hub_reads_as_well(tmp_path, monkeypatch, names):
    """The library is real; a folder stands where the hub would be."""
    kinds = datasets.Features(
        {"content": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}
    )
    stored = datasets.Dataset.from_dict({"content": TEXTS, "label": names[::-1] + names[:1]}, kinds)
    stored.to_parquet(tmp_path / "acme" / "reviews" / "test-00000.parquet")
    load = datasets.load_dataset
    monkeypatch.setattr(
        datasets,
        "load_dataset",
        lambda name, split: load(str(tmp_path / name), split=split, cache_dir=tmp_path / "cache"),
    )
    found = data.read(Path("acme/reviews:test"))
    assert found.texts == ["Good, really.", 'A "bad" one.', "Fine then."]
    positive = [name.startswith("pos") for name in names[::-1] + names[:1]]
    expected = [POSITIVE if each else NEGATIVE for each in positive]
    assert found.labels.tolist() == expected


def test_stars_come_from_a_column_or_from_the_files_names(tmp_path):
    parquet.write_table(
        pa.table({"text": ["a", "b"], "label": [1, 0], "rating": [8, 2]}), tmp_path / "r.parquet"
    )
    assert data.ratings(tmp_path / "r.parquet").tolist() == [8, 2]
    for name in ("neg/0_2.txt", "pos/0_9.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("text")
    assert data.ratings(tmp_path).tolist() == [2, 9]
    (tmp_path / "pos" / "unrated.txt").write_text("text")
    assert data.ratings(tmp_path) is None


def test_a_source_may_have_a_weight():
    assert data.source("a.csv") == (Path("a.csv"), 1.0)
    assert data.source("a=b.csv=0.5") == (Path("a=b.csv"), 0.5)


def test_a_file_whose_name_looks_like_a_weight_is_a_file(tmp_path):
    (tmp_path / "run=3").touch()
    assert data.source(str(tmp_path / "run=3")) == (tmp_path / "run=3", 1.0)


@pytest.mark.parametrize("weight", ["0", "-1", "much", "nan", "inf"])
def test_a_weight_that_is_no_share_is_refused(weight):
    with pytest.raises(ValueError, match="weight must be a number above 0, as in a.csv=0.5"):
        data.source(f"a.csv={weight}")


def test_an_epoch_sees_each_text_as_often_as_its_weight_says():
    weights = np.repeat([0.5, 1, 2.5], [40, 30, 20])
    counts = [
        np.bincount(np.concatenate(data.batches([8] * 90, 16, 0, epoch, weights)), minlength=90)
        for epoch in range(2)
    ]
    for count in counts:
        assert [part.sum() for part in np.split(count, [40, 70])] == [20, 30, 50]
        assert set(count[40:70]) == {1}
        assert set(count[70:]) == {2, 3}
    assert (counts[0] != counts[1]).any()


def test_blanks_repeats_and_test_texts_are_dropped():
    found = data.without(examples(["a", "", "b", "a", "c"]), ["b"])
    assert found.texts == ["a", "c"]


TOLD = "The plot is thin, the cast is tired, and by the end nobody in the room cared at all."


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("the PLOT is thin the cast is tired and by the end nobody in the room cared at all", 0),
        (TOLD.replace("tired", "superb"), 0),
        ("The plot is thin, the cast is tired, but I loved what they made of so very little.", 1),
        ("Thin!", 1),
    ],
    ids=["punctuation", "twin", "phrase", "short"],
)
def test_what_is_nearly_a_test_text_keeps_its_place_but_is_not_seen(text, weight):
    found = data.unseen(examples([text, "Another film."]), ["Unrelated.", TOLD])
    assert found.weights.tolist() == [weight, 1]


def test_an_example_of_weight_0_is_in_no_batch():
    weights = np.array([1.0] * 40 + [0.0] * 8)
    seen = np.concatenate(data.batches([8] * 48, 16, 0, 0, weights))
    assert sorted(seen) == list(range(40))


def test_holding_out_all_there_is_is_refused():
    with pytest.raises(ValueError, match="of 3 texts 3 cannot be held out"):
        data.hold_out(examples(["a", "b", "c"]), 3, seed=0)


@pytest.mark.parametrize(
    ("texts", "wanted", "count"),
    [
        (25_000, 2000, 2000),
        (2000, 1000, 1000),
        (200, 1000, 40),
        (100, 1000, 30),
        (60, 0.2, 30),
        (200, 0.2, 40),
        (200_000, 0.2, 2000),
        (10, 5, 5),
    ],
)
def test_of_few_texts_a_share_is_held_out(texts, wanted, count):
    assert data.held_out_count(texts, wanted) == count


def test_too_few_texts_to_hold_any_out_say_how_many_are_needed():
    with pytest.raises(ValueError, match="47 texts are too few: 30 are held out.* label 13 more"):
        data.held_out_count(47, 1000)


def test_numbers_in_texts_stay_as_they_are_written(tmp_path):
    (tmp_path / "r.csv").write_text("text,label\n007,1\n1.50,0\n")
    assert data.read(tmp_path / "r.csv").texts == ["007", "1.50"]


def test_held_out_examples_are_stratified_and_apart():
    labels = [0] * 300 + [1] * 100
    rest, held = data.hold_out(examples([str(i) for i in range(400)], labels), 40, seed=3)
    assert (held.labels == 1).sum() == 10
    assert (held.labels[:20] == 1).any()
    assert len(held) == 40
    assert set(rest.texts) | set(held.texts) == {str(i) for i in range(400)}
    assert not set(rest.texts) & set(held.texts)


def test_a_long_text_keeps_its_head_and_its_tail(tokenizer):
    [row] = data.encode(tokenizer, ["great " * 5 + "film " * 50 + "awful " * 5], 12)
    great, awful = tokenizer.token_to_id("great"), tokenizer.token_to_id("awful")
    assert row.tolist() == [2, *[great] * 5, *[awful] * 5, 3]


def test_batches_hold_every_row_once_and_differ_by_epoch():
    lengths = list(np.random.default_rng(0).integers(3, 256, 2001))
    first, again, second = (data.batches(lengths, 32, 1, epoch) for epoch in (0, 0, 1))
    assert sorted(np.concatenate(first)) == list(range(2001))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert [b.tolist() for b in first] != [b.tolist() for b in second]


def test_batches_waste_little_on_padding():
    lengths = np.random.default_rng(0).integers(3, 256, 3200)
    padded = sum(lengths[b].max() * len(b) for b in data.batches(lengths, 32, 1, 0))
    assert padded < 1.05 * lengths.sum()


def test_a_key_is_of_the_letters_and_figures():
    assert data.key("@you  So GOOD &amp; cheap: https://t.co/x!") == data.key("so good, cheap")
    assert data.key("so good") != data.key("so bad")


def test_texts_are_divided_by_their_keys(tmp_path):
    texts = [f"text {i}" for i in range(200)]
    data.divide(examples(texts), tmp_path / "plain")
    training, test = (data.read(tmp_path / f"plain-{part}.csv") for part in ("train", "test"))
    assert sorted(training.texts + test.texts) == sorted(texts)
    assert 20 < len(test) < 60
    assert all(int(data.key(text), 16) % 5 == 0 for text in test.texts)


def test_what_is_excluded_by_its_key_is_not_trained_on():
    unseen = data.unseen(examples(["Fine.", "Good."]), [], frozenset({data.key("fine")}))
    assert unseen.weights.tolist() == [0, 1]


@given(
    st.lists(st.integers(3, 40), min_size=1, max_size=200),
    st.integers(1, 20),
    st.integers(40, 200),
)
def test_batches_hold_every_example_once_within_both_limits(lengths, size, tokens):
    batches = data.batches(lengths, size, seed=0, epoch=0, tokens=tokens)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= size
        assert len(batch) * max(lengths[i] for i in batch) <= tokens


def test_halves_are_about_equal_whatever_the_fifth_and_the_punctuation():
    texts = [f"text number {i}" for i in range(2000)]
    halves = np.array([data.half(text) for text in texts])
    fifth = np.array([int(data.key(text), 16) % 5 == 0 for text in texts])
    assert set(halves) == {1, 2}
    assert 0.45 < (halves == 1).mean() < 0.55
    assert 0.4 < (halves[fifth] == 1).mean() < 0.6
    assert data.half("Text, NUMBER 7! https://t.co/abc") == halves[7]


@pytest.mark.parametrize("ratings", [("0", "5"), ("3.5", "4"), ("good", "bad")])
def test_grades_that_are_no_numbers_from_1_to_5_are_refused(tmp_path, ratings):
    rows = [f"text {i},Positive,{rating}" for i, rating in enumerate(ratings)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label,rating", *rows]))
    with pytest.raises(ValueError, match="no column rating with numbers from 1 to 5"):
        data.read_graded(tmp_path / "a.csv")


def test_each_grade_is_a_distribution_that_mirrors_another():
    np.testing.assert_allclose(data.GRADES.sum(axis=1), 1)
    np.testing.assert_allclose(data.GRADES, data.GRADES[::-1, ::-1])
