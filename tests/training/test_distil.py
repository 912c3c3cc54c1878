from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.conftest import RECIPE, plain_sentences, sentences, tiny_model
from training import data, distil, outcomes, train
from training.data import NEGATIVE, NEUTRAL, POSITIVE, Examples
from training.distil import Pieces, Teacher
from training.recipe import Phase

SOFT = replace(RECIPE, softness=2, label_share=0.25)
AS_SCORED = replace(RECIPE, softness=1, label_share=0)
REVIEW = " ".join(f"Scene {i} begins well. Then it sags! Does it end?" for i in range(60))


def test_windows_cover_a_text_and_passages_are_runs_of_its_sentences():
    pieces = distil.cut([REVIEW], seed=0)
    windows, passages = pieces.texts[:4], pieces.texts[4:]
    assert " ".join(windows) == REVIEW
    assert all(len(window.split()) <= distil.WINDOW for window in windows)
    assert passages
    assert all(passage in REVIEW and passage[-1] in ".!?" for passage in passages)
    assert len({len(passage.split()) for passage in passages}) > 3


def test_pieces_say_where_they_are_from_and_whether_they_are_all_of_it():
    pieces = distil.cut(["All of this.", REVIEW, "All of this."], seed=0)
    assert pieces.texts.count("All of this.") == 1
    assert pieces.sources.tolist() == [0] + [1] * (len(pieces.texts) - 1)
    assert pieces.whole.tolist() == [True] + [False] * (len(pieces.texts) - 1)


def test_pieces_depend_on_the_seed_alone():
    first, again, other = (distil.cut([REVIEW], seed) for seed in (0, 0, 1))
    assert first.digest() == again.digest() != other.digest()


@pytest.fixture
def pieces():
    return Pieces(sentences(300, 1).texts, np.arange(300), np.ones(300, dtype=bool))


@pytest.fixture
def teacher(tmp_path, model, tokenizer):
    """A checkpoint that was trained on nothing."""
    model.save_pretrained(tmp_path / "teacher")
    tokenizer.save(str(tmp_path / "teacher" / "tokenizer.json"))
    return tmp_path / "teacher"


def test_labels_are_the_teachers_log_odds(tmp_path, teacher, model, tokenizer, pieces):
    distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz")
    logits = train.predict(model, data.encode(tokenizer, pieces.texts, 32))
    found = np.load(tmp_path / "l.npz")["log_odds"]
    np.testing.assert_allclose(found, logits[:, 2] - logits[:, 0], atol=0.01)


@pytest.fixture
def scored(monkeypatch):
    """Counts what is scored, 100 rows at a time; the third such part is interrupted."""
    monkeypatch.setattr(distil, "_SAVED_ROWS", 100)
    parts = []

    def predict(model, rows, bf16):
        parts.append(len(rows))
        if len(parts) == 3:
            raise KeyboardInterrupt
        return train.predict(model, rows, bf16)

    monkeypatch.setattr(distil, "predict", predict)
    return parts


def test_labelling_that_was_killed_goes_on(tmp_path, teacher, pieces, scored):
    with pytest.raises(KeyboardInterrupt):
        distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz")
    distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz")
    assert len(scored) == 4
    assert not np.isnan(np.load(tmp_path / "l.npz")["log_odds"]).any()


def test_what_another_teacher_had_scored_is_not_taken_over(
    tmp_path, teacher, model, pieces, scored
):
    with pytest.raises(KeyboardInterrupt):
        distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz")
    with torch.no_grad():
        model.classifier.bias += 1
    model.save_pretrained(teacher)
    distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz")
    assert len(scored) == 6


def test_a_target_is_the_softened_score_and_for_a_whole_text_its_label_too(tmp_path):
    pieces = Pieces(["whole", "a part"], np.array([1, 0]), np.array([True, False]))
    np.savez(tmp_path / "l.npz", log_odds=[4.0, -4.0], sha256=pieces.digest())
    labels = np.array([POSITIVE, NEGATIVE])
    examples = Examples(["it is a part", "whole"], labels, np.array([1.0, 3.0]))
    found = distil.learnable(examples, pieces, tmp_path / "l.npz", SOFT)
    soft = 1 / (1 + np.exp(-2))
    neutral = data.three_way(1 / (1 + np.exp(-np.array([4.0, -4.0]))))[:, NEUTRAL]
    sides = 1 - neutral
    teachers = [[(1 - soft) * sides[0], neutral[0], soft * sides[0]]]
    teachers += [[soft * sides[1], neutral[1], (1 - soft) * sides[1]]]
    expected = np.array([[0.25, 0, 0], [0, 0, 0]]) + np.array([[0.75], [1]]) * teachers
    np.testing.assert_allclose(found.targets, expected)
    assert found.weights.tolist() == [3.0, 1.0]


def test_a_teacher_of_three_labels_writes_all_three_if_asked(
    tmp_path, teacher, model, tokenizer, pieces
):
    distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz", neutral=True)
    logits = train.predict(model, data.encode(tokenizer, pieces.texts, 32))
    with np.load(tmp_path / "l.npz") as file:
        found = file["log_probabilities"]
    assert found.dtype == np.float16
    np.testing.assert_allclose(
        np.exp(found.astype(float)), outcomes.probabilities(logits), atol=5e-4
    )


def test_labelling_in_three_ways_that_was_killed_goes_on(tmp_path, teacher, pieces, scored):
    with pytest.raises(KeyboardInterrupt):
        distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz", neutral=True)
    distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz", neutral=True)
    assert len(scored) == 4
    assert np.isfinite(np.load(tmp_path / "l.npz")["log_probabilities"]).all()


def test_scores_of_two_labels_are_not_taken_over_for_three(tmp_path, teacher, pieces, scored):
    with pytest.raises(KeyboardInterrupt):
        distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz")
    distil.label([Teacher(teacher, 32)], pieces, tmp_path / "l.npz", neutral=True)
    assert len(scored) == 6


def test_a_teacher_without_neutral_has_no_third_score(tmp_path, tokenizer, pieces):
    tiny_model(("Negative", "Positive")).save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ValueError, match="has no Neutral"):
        distil.label([Teacher(tmp_path, 32)], pieces, tmp_path / "l.npz", neutral=True)


@pytest.mark.parametrize("trained_on", [(1,), (2, 2), (None, 1)])
def test_teachers_that_leave_pieces_out_or_saw_them_are_refused(
    tmp_path, teacher, pieces, trained_on
):
    halves = np.array([1, 2] * 150)
    teachers = [Teacher(teacher, 32, half) for half in trained_on]
    with pytest.raises(ValueError, match="--half 1 and one with --half 2"):
        distil.label(teachers, pieces, tmp_path / "l.npz", halves=halves)


def test_three_scores_are_softened_and_mixed_with_a_whole_texts_label(tmp_path):
    pieces = Pieces(["whole", "a part"], np.array([1, 0]), np.array([True, False]))
    probabilities = np.array([[0.1, 0.8, 0.1], [0.64, 0.32, 0.04]])
    np.savez(tmp_path / "l.npz", log_probabilities=np.log(probabilities), sha256=pieces.digest())
    examples = Examples(["it is a part", "whole"], np.array([POSITIVE, NEUTRAL]))
    found = distil.learnable(examples, pieces, tmp_path / "l.npz", SOFT)
    roots = np.sqrt(probabilities)
    softened = roots / roots.sum(axis=1, keepdims=True)
    expected = np.array([[0, 0.25, 0], [0, 0, 0]]) + np.array([[0.75], [1]]) * softened
    np.testing.assert_allclose(found.targets, expected)
    assert found.labels.tolist() == [NEUTRAL, NEGATIVE]


def test_three_scores_can_be_softened_otherwise_than_two(tmp_path):
    pieces = Pieces(["a part"], np.array([0]), np.array([False]))
    probabilities = np.array([[0.1, 0.2, 0.7]])
    np.savez(tmp_path / "l.npz", log_probabilities=np.log(probabilities), sha256=pieces.digest())
    examples = Examples(["it is a part"], np.array([POSITIVE]))
    recipe = replace(SOFT, three_way_softness=1)
    found = distil.learnable(examples, pieces, tmp_path / "l.npz", recipe)
    np.testing.assert_allclose(found.targets, probabilities)


@pytest.mark.parametrize("certainty", [0.7, 0.97, 1])
def test_the_teachers_label_smoothing_is_undone(tmp_path, certainty):
    pieces = Pieces(["a part"], np.array([0]), np.array([False]))
    meant = np.array([[(1 - certainty) / 2, certainty, (1 - certainty) / 2]])
    smoothed = np.log(0.9 * meant + 0.1 / 3)
    np.savez(tmp_path / "l.npz", log_probabilities=smoothed, sha256=pieces.digest())
    examples = Examples(["it is a part"], np.array([POSITIVE]))
    recipe = replace(AS_SCORED, teacher_smoothing=0.1)
    found = distil.learnable(examples, pieces, tmp_path / "l.npz", recipe)
    np.testing.assert_allclose(found.targets, meant, atol=2 * distil.MIN_PROBABILITY)


def test_a_file_says_what_it_scores(tmp_path, teacher, pieces):
    path = tmp_path / "l.npz"
    np.savez(path, log_odds=np.zeros(300), sha256=pieces.digest())
    assert distil.scored_in(path) == "data"
    for scored in ("data", "also", "all"):
        distil.label([Teacher(teacher, 32)], pieces, path, neutral=True, scored=scored)
        assert distil.scored_in(path) == scored


def test_labels_of_other_texts_are_refused(tmp_path, pieces):
    np.savez(tmp_path / "l.npz", log_odds=np.zeros(300), sha256="-")
    with pytest.raises(ValueError, match="labels other texts"):
        distil.learnable(sentences(300, 1), pieces, tmp_path / "l.npz", SOFT)


def test_a_student_learns_what_a_teacher_knows(tmp_path, model, tokenizer, pieces):
    """The labels it would otherwise learn are noise."""
    run = train.Run(tmp_path, RECIPE, "-")
    train.train(run, model, tokenizer, sentences(400, 1), sentences(64, 2))
    distil.label([Teacher(tmp_path / "checkpoint", 32)], pieces, tmp_path / "l.npz")
    noise = np.random.default_rng(0).choice([NEGATIVE, POSITIVE], 300)
    taught = distil.learnable(Examples(pieces.texts, noise), pieces, tmp_path / "l.npz", AS_SCORED)
    student, held_out = tiny_model(), sentences(200, 3)
    longer = replace(RECIPE, phases=[Phase(epochs=6, learning_rate=3e-3, layers=-1)])
    train.train(train.Run(tmp_path / "s", longer, "-"), student, tokenizer, taught, held_out)
    logits = train.predict(student, data.encode(tokenizer, held_out.texts, 32))
    positive = logits[:, POSITIVE] > logits[:, NEGATIVE]
    assert (positive == (held_out.labels == POSITIVE)).mean() > 0.9


def test_a_student_learns_neutral_from_a_teacher_that_sees_three_ways(tmp_path, model, tokenizer):
    """The labels it would otherwise learn say nothing of Neutral."""
    longer = replace(RECIPE, phases=[Phase(epochs=8, learning_rate=3e-3, layers=-1)])
    learnt = data.join([sentences(400, 1), plain_sentences(200, 1)])
    run = train.Run(tmp_path / "t", longer, "-")
    train.train(run, model, tokenizer, learnt, sentences(64, 2))
    texts = data.join([sentences(300, 4), plain_sentences(150, 4)]).texts
    pieces = Pieces(texts, np.arange(450), np.ones(450, dtype=bool))
    teachers = [Teacher(tmp_path / "t" / "checkpoint", 32)]
    distil.label(teachers, pieces, tmp_path / "l.npz", neutral=True)
    noise = Examples(texts, np.random.default_rng(0).choice([NEGATIVE, POSITIVE], 450))
    taught = distil.learnable(noise, pieces, tmp_path / "l.npz", AS_SCORED)
    student = tiny_model()
    train.train(train.Run(tmp_path / "s", longer, "-"), student, tokenizer, taught, noise)
    tested = data.join([sentences(100, 3), plain_sentences(100, 3)])
    logits = train.predict(student, data.encode(tokenizer, tested.texts, 32))
    right = outcomes.three_way(logits) == tested.labels
    assert right[tested.labels == NEUTRAL].mean() > 0.9
    assert right[tested.labels != NEUTRAL].mean() > 0.9


def test_passages_are_short_and_parts_of_their_texts():
    pieces = distil.cut([REVIEW, "Short and whole."], seed=0)
    chosen = pieces.take(distil.passages(pieces))
    assert chosen.texts
    assert not chosen.whole.any()
    assert all(len(text.split()) <= distil.SHORT for text in chosen.texts)
    others = set(pieces.texts) - set(chosen.texts)
    assert all(len(text.split()) > distil.SHORT or text == "Short and whole." for text in others)


def test_sentences_are_of_texts_with_weight_and_no_pieces_themselves():
    texts = ["It was a very long day.", "It rains on all of them.  It is over. " * 2]
    examples = Examples(texts, np.array([NEGATIVE, POSITIVE]), np.array([1.0, 1.0]))
    pieces = Pieces(["It was a very long day."], np.array([0]), np.array([True]))
    found = distil.sentences(examples, pieces)
    assert found.texts == ["It rains on all of them."]
    assert found.sources.tolist() == [1]
    assert not found.whole.any()
    unseen = replace(examples, weights=np.array([1.0, 0.0]))
    assert not distil.sentences(unseen, pieces).texts


def test_teachers_of_three_labels_say_how_neutral_a_passage_is(tmp_path):
    learnt = Examples(
        ["He kills her.", "It is dull."],
        np.array([NEGATIVE, NEGATIVE]),
        targets=np.array([[0.6, 0.3, 0.1], [0.8, 0.15, 0.05]]),
    )
    pieces = Pieces(["He kills her."], np.array([0]), np.array([False]))
    probabilities = np.array([[0.05, 0.9, 0.05]])
    path = tmp_path / "p.npz"
    np.savez(path, log_probabilities=np.log(probabilities), sha256=pieces.digest())
    found = distil.with_neutral(learnt, np.array([0]), pieces, path, AS_SCORED)
    negative = np.sqrt(6) / (1 + np.sqrt(6))  # the mean of the log-odds of 6 to 1 and of 1 to 1
    np.testing.assert_allclose(found.targets[0], [0.1 * negative, 0.9, 0.1 * (1 - negative)])
    np.testing.assert_array_equal(found.targets[1], learnt.targets[1])


def test_passages_need_scores_of_three_labels(tmp_path):
    pieces = Pieces(["a part"], np.array([0]), np.array([False]))
    np.savez(tmp_path / "p.npz", log_odds=[1.0], sha256=pieces.digest())
    learnt = Examples(["a part"], np.array([NEGATIVE]))
    with pytest.raises(ValueError, match="must be of three labels"):
        distil.with_neutral(learnt, np.array([0]), pieces, tmp_path / "p.npz", AS_SCORED)
