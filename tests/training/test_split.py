from dataclasses import replace

import numpy as np

from tests.training.conftest import RECIPE, sentences
from training import data
from training.feedback import Corrections
from training.split import Sources, read_split


def test_what_is_held_out_or_tested_is_not_trained_on(tmp_path):
    first, second = sentences(60, 1), sentences(40, 2)
    data.write(first, tmp_path / "a.csv")
    data.write(data.join([second, first]), tmp_path / "b.csv")
    data.write(second.take(range(10)), tmp_path / "test.csv")
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    sources = Sources(paths, tests=[tmp_path / "test.csv"])
    parts = read_split(sources, replace(RECIPE, held_out=20))
    training, held_out = parts.training, parts.held_out
    seen = {t for t, weight in zip(training.texts, training.weights, strict=True) if weight}
    assert len(held_out) == 20
    assert not seen & {*held_out.texts, *second.texts[:10]}
    assert len(seen) >= 60


def test_a_correction_replaces_the_label_of_the_data(tmp_path):
    reviews, more = sentences(80, 1), sentences(40, 2)
    for name, examples in (("a", reviews), ("b", data.join([more, reviews.take([3])]))):
        data.write(examples, tmp_path / f"{name}.csv")
    data.write(more.take([7]), tmp_path / "test.csv")
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    sources = Sources(paths, tests=[tmp_path / "test.csv"], also=paths)
    texts = [*reviews.texts[:6], more.texts[0], more.texts[7]]
    learnt = data.Examples(texts, np.full(8, data.NEUTRAL), np.full(8, 3.0))
    held_out = data.Examples([reviews.texts[10]], np.array([data.NEUTRAL]))
    corrections = Corrections(learnt, held_out, "")
    recipe = replace(RECIPE, held_out=20, also_held_out=10)
    parts = read_split(sources, recipe, corrections)
    known = {*parts.training.texts, *parts.held_out.texts, *parts.also_held_out.texts}
    assert not known & {*corrections.texts}
    weighted = zip(parts.also.texts, parts.also.labels, parts.also.weights, strict=True)
    taught = {text for text, label, weight in weighted if (label, weight) == (data.NEUTRAL, 3)}
    assert taught == {*texts[:-1]}
    assert not {texts[-1], *held_out.texts} & {*parts.also.texts}
    assert parts.also.texts.count(texts[0]) == 1


def test_what_is_also_learnt_stays_whole_and_leaves_out_what_is_tested(tmp_path):
    reviews, more = sentences(60, 1), sentences(40, 2)
    data.write(reviews, tmp_path / "a.csv")
    data.write(more, tmp_path / "more.csv")
    data.write(more.take(range(10)), tmp_path / "test.csv")
    sources = Sources(
        [str(tmp_path / "a.csv")],
        tests=[tmp_path / "test.csv"],
        also=[f"{tmp_path / 'more.csv'}=2"],
    )
    parts = read_split(sources, replace(RECIPE, held_out=20, also_held_out=8))
    assert not {*parts.training.texts} & {*more.texts}
    weighted = zip(parts.also.texts, parts.also.weights, strict=True)
    learnt = {text for text, weight in weighted if weight == 2}
    held_out = {*parts.held_out.texts, *parts.also_held_out.texts}
    assert len(parts.also_held_out) == 8
    assert learnt
    assert learnt <= {*more.texts} - {*more.texts[:10]} - held_out


def test_graded_texts_are_learnt_by_their_grades(tmp_path):
    data.write(sentences(60, 1), tmp_path / "a.csv")
    graded = "text,label,rating\nthe plot was great,Positive,4\na cast is awful,Negative,1\n"
    (tmp_path / "graded.csv").write_text(graded)
    sources = Sources([str(tmp_path / "a.csv")], graded=[f"{tmp_path / 'graded.csv'}=3"])
    parts = read_split(sources, replace(RECIPE, held_out=20))
    assert parts.also.targets.tolist() == [[0.02, 0.18, 0.80], [0.95, 0.04, 0.01]]
    assert parts.also.weights.tolist() == [3, 3]
