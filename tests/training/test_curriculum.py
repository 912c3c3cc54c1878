"""What a run learns: from two teachers of halves, through the command that has them score."""

import json
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.training.conftest import (
    RECIPE,
    plain_sentences,
    sentences,
    tiny_model,
    tiny_tokenizer,
)
from training import __main__ as commands
from training import augmentation, curriculum, data, distil, outcomes
from training.split import Sources, read_split

PHASE = "[[phases]]\nepochs = 1\nlearning_rate = 1e-3\nlayers = -1\n"
SIMILAR = {"plot": ["story"], "cast": ["actors"]}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "initial_model", lambda *given: (tiny_model(), tiny_tokenizer()))
    monkeypatch.setattr(augmentation, "minilm_neighbours", lambda: SIMILAR)
    monkeypatch.chdir(tmp_path)

    def command(*given):
        monkeypatch.setattr(sys, "argv", ["training", *map(str, given)])
        commands.main()

    return command


@pytest.fixture
def teachers(tmp_path, run):
    """Two teachers, each trained on half of reviews of several sentences and of neutral ones."""
    reviews = sentences(300, 1)
    # The last sentences have no words in common, so that no text is a near duplicate of another.
    long = [
        f"{text}. {text.upper()}! {' '.join(f'{i}x{j}' for j in range(60))}"
        for i, text in enumerate(reviews.texts)
    ]
    data.write(data.Examples(long, reviews.labels), tmp_path / "train.csv")
    data.write(plain_sentences(150, 1), tmp_path / "neutral.csv")
    (tmp_path / "tiny.toml").write_text(f"held_out = 50\nlength = 32\n{PHASE}")
    for half in (1, 2):
        run("train", "--recipe", "tiny.toml", *SETS, "--half", half)
    return [tmp_path / "runs" / f"tiny-{half}" / "checkpoint" for half in (1, 2)]


SETS = ("--data", "train.csv", "--also", "neutral.csv")
AUGMENTED = ("--augment", "neutral.csv=2")


def test_scores_of_passages_and_new_texts_become_targets(run, teachers, monkeypatch):
    run("label", "--model", *teachers, *SETS[:2], "--out", "data.npz")
    for only in ("passages", "sentences", "augmented"):
        chosen = ("--neutral", "--only", only, "--out", f"{only}.npz")
        run("label", "--model", *teachers, *SETS, *AUGMENTED, *chosen)

    recipe = replace(RECIPE, held_out=50)
    plain = Sources(["train.csv"], also=["neutral.csv"])
    split = read_split(plain, recipe)
    two_way = curriculum.soft_targets(split, plain, ["data.npz"], recipe)
    sources = replace(plain, augmented=["neutral.csv=2"])
    files = ["data.npz", "passages.npz", "sentences.npz", "augmented.npz"]
    learnt = curriculum.soft_targets(split, sources, files, recipe)

    count = len(two_way)
    assert learnt.texts[:count] == two_way.texts
    cut = distil.cut(split.training.texts, recipe.seed)
    passages = set(distil.passages(cut).tolist())
    with np.load("passages.npz") as file:
        neutral = np.exp(file["log_probabilities"].astype(float) / recipe.softness)
    neutral = (neutral / neutral.sum(axis=1, keepdims=True))[:, data.NEUTRAL]
    assert len(passages) == len(neutral) > 10
    np.testing.assert_allclose(learnt.targets[sorted(passages), data.NEUTRAL], neutral, atol=1e-3)
    others = [i for i in range(count) if i not in passages]
    np.testing.assert_array_equal(learnt.targets[others], two_way.targets[others])
    made = learnt.texts[count:]
    alone = curriculum.pieces("sentences", split, sources, recipe.seed)
    assert len(alone.texts) > 100
    assert made[: len(alone.texts)] == alone.texts
    with np.load("sentences.npz") as file:
        softened = outcomes.probabilities(file["log_probabilities"] / recipe.softness)
    taught = learnt.targets[count : count + len(alone.texts)]
    np.testing.assert_allclose(taught, softened, atol=1e-3)
    assert len(made) > 100
    assert not set(made) & {*split.also.texts, *split.training.texts}
    assert (learnt.targets[count:].max(axis=1) < 1).all()


@pytest.fixture
def split(tmp_path, monkeypatch):
    monkeypatch.setattr(augmentation, "minilm_neighbours", lambda: SIMILAR)
    monkeypatch.chdir(tmp_path)
    data.write(sentences(100, 1), tmp_path / "train.csv")
    data.write(plain_sentences(40, 1), tmp_path / "neutral.csv")
    (tmp_path / "keys.txt").write_text("")
    sources = Sources(
        ["train.csv"],
        also=["neutral.csv"],
        augmented=["neutral.csv=3"],
        excluded=[tmp_path / "keys.txt"],
    )
    return read_split(sources, replace(RECIPE, held_out=20)), sources


def test_new_texts_are_made_only_of_texts_that_are_trained_on(split):
    whole, sources = split
    weights = np.where(np.arange(len(whole.also)) < 5, 1.0, 0.0)
    few = replace(whole, also=replace(whole.also, weights=weights))
    pieces = curriculum.pieces("augmented", few, sources, seed=0)
    assert len(pieces.texts)
    assert set(pieces.sources.tolist()) <= set(range(5))


def test_no_new_text_has_an_excluded_key(split):
    whole, sources = split
    before = curriculum.pieces("augmented", whole, sources, seed=0).texts
    sources.excluded[0].write_text("\n".join(map(data.key, before[:10])))
    after = curriculum.pieces("augmented", whole, sources, seed=0).texts
    assert after == before[10:]


def test_no_new_text_that_nearly_repeats_an_excluded_one_has_weight(split, tmp_path):
    whole, sources = split
    made = curriculum.pieces("augmented", whole, sources, seed=0)
    scores = np.log(np.full((len(made.texts), 3), 1 / 3))
    np.savez("new.npz", scored="augmented", log_probabilities=scores, sha256=made.digest())
    repeated = [text for text in made.texts if len(text.split()) >= data.RUN][:5]
    excluded = [f"{text} and it rained all day" for text in repeated]
    data.write(data.Examples(excluded, np.zeros(5, dtype=int)), tmp_path / "excluded.csv")
    sources = replace(sources, excluded=[tmp_path / "excluded.csv"])
    recipe = replace(RECIPE, held_out=20)
    split = read_split(sources, recipe)
    learnt = curriculum.soft_targets(split, sources, ["new.npz"], recipe)
    weights = dict(zip(learnt.texts, learnt.weights, strict=True))
    assert [weights[text] for text in repeated] == [0] * 5


@pytest.mark.parametrize(
    ("augmented", "reason"),
    [
        ("other.csv=2", "takes files of --also and --graded only"),
        ("neutral.csv=0.5", "must be a whole number above 0"),
    ],
)
def test_what_cannot_be_augmented_is_named(split, augmented, reason):
    whole, sources = split
    with pytest.raises(ValueError, match=reason):
        curriculum.pieces("augmented", whole, replace(sources, augmented=[augmented]), seed=0)


def test_nothing_to_make_new_texts_of_is_an_error(split):
    whole, sources = split
    none = replace(whole, also=replace(whole.also, weights=np.zeros(len(whole.also))))
    with pytest.raises(ValueError, match="names no text"):
        curriculum.pieces("augmented", none, sources, seed=0)


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        (("data", "all"), "have scores of the same texts"),
        (("also", "also"), "have scores of the same texts"),
        (("passages",), "needs a separate file of the scores of --data"),
        (("data",), "--augment needs the scores of the new texts"),
    ],
)
def test_files_of_scores_that_do_not_go_together_are_refused(split, tmp_path, kinds, reason):
    whole, sources = split
    files = []
    for i, kind in enumerate(kinds):
        files.append(tmp_path / f"{i}.npz")
        np.savez(files[-1], scored=kind)
    with pytest.raises(ValueError, match=reason):
        curriculum.soft_targets(whole, sources, files, RECIPE)


def test_noisy_copies_keep_their_targets_and_differ(split):
    whole, _ = split
    training = replace(whole.training, weights=np.arange(len(whole.training)) % 2.0)
    copies = curriculum.noisy_copies(training, replace(RECIPE, noisy=0.8))
    assert 0 < len(copies) <= 0.8 * (training.weights > 0).sum()
    assert not set(copies.texts) & {"", *training.texts}
    assert (copies.weights == 1).all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--only", "also"), "needs --also or --graded"),
        (("--only", "augmented", "--neutral"), "names no text"),
        (("--only", "passages"), "needs --neutral"),
    ],
)
def test_scores_that_lack_their_texts_are_refused(tmp_path, run, capsys, options, reason):
    data.write(sentences(80, 1), tmp_path / "train.csv")
    (tmp_path / "checkpoint").mkdir()
    recipe = json.dumps(asdict(replace(RECIPE, held_out=20)))
    (tmp_path / "checkpoint" / "recipe.json").write_text(recipe)
    with pytest.raises(SystemExit):
        run("label", "--model", "checkpoint", "--data", "train.csv", *options)
    assert reason in capsys.readouterr().err
