import numpy as np
import pytest

from training import data, snippets

LINES = (
    "1_1\t2.0\tGreat value.\n1_2\t0.0\tIt has two buttons.\n"
    "8_1\t-1.5\tBroke at once.\n8_2\t0.4\tIt is black.\n"
)


@pytest.fixture
def parts(tmp_path):
    snippets.split(LINES, tmp_path, "products")
    return [data.read(tmp_path / f"products-{part}.csv") for part in ("train", "test")]


def test_ratings_are_learnt_as_probabilities(parts):
    training, _ = parts
    assert training.texts == ["Great value.", "It has two buttons."]
    np.testing.assert_allclose(training.targets, data.three_way(np.array([0.9526, 0.5])), atol=1e-4)


def test_clear_opinions_of_other_documents_test(parts):
    _, test = parts
    assert test.texts == ["Broke at once."]
    assert test.labels.tolist() == [data.NEGATIVE]


def test_a_package_that_is_not_the_published_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(snippets, "SHA256", "0" * 64)
    with pytest.raises(
        ValueError, match="could not fetch vaderSentiment==3.3.2 as it was published"
    ):
        snippets.fetch(tmp_path)
