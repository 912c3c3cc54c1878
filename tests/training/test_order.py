"""What a run learns, and in what order: a teacher's scores hold for exactly these pieces of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from tests.training.conftest import BAD, GOOD, PLAIN, RECIPE
from training import data, distil
from training.split import Sources, read_split

BEGINNINGS = ("", "<br />Well,\n", "I ❤️ it &amp; more: ", "“ＷＩＤＥ” ")


def written_texts(start: int, count: int) -> list[str]:
    """Return texts of many lengths and characters, the same on every machine."""
    words = [*GOOD, *BAD, *PLAIN]
    texts = []
    for i in range(start, start + count):
        chosen = [words[(i * 7 + k * (i % 5 + 1)) % len(words)] for k in range(i % 61 + 3)]
        sentences = [" ".join([*chosen[k : k + 4], str(i)]) for k in range(0, len(chosen), 4)]
        texts.append(BEGINNINGS[i % len(BEGINNINGS)] + ". ".join(sentences) + "!")
    return texts


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Write labelled texts in every format, with blank texts, repeats and near repeats."""
    reviews = [*written_texts(0, 90), "", " ", *written_texts(3, 4)]
    short = [*written_texts(200, 40), *written_texts(80, 5)]
    tested = [*written_texts(300, 20), *(f"{text}!!" for text in written_texts(60, 5))]
    paths = {name: tmp_path / name for name in ("a.parquet", "b.csv", "c.jsonl", "test.csv")}
    labels = [i % 2 for i in range(len(reviews))]
    parquet.write_table(pa.table({"sentence": reviews, "label": labels}), paths["a.parquet"])
    names = [data.LABELS[i % 3] for i in range(len(short))]
    csv.write_csv(pa.table({"text": short, "rating": names, "label": names}), paths["b.csv"])
    lines = [
        f'{{"text": "{text}", "label": {i % 11 / 10}}}'
        for i, text in enumerate(f"{i} of some words" for i in range(30))
    ]
    paths["c.jsonl"].write_text("\n".join(lines))
    csv.write_csv(
        pa.table({"text": tested, "label": [i % 2 for i in range(len(tested))]}), paths["test.csv"]
    )
    return paths


def test_what_is_learnt_keeps_its_order(sources: dict[str, Path]) -> None:
    arguments = [f"{sources['a.parquet']}=0.5", str(sources["b.csv"]), f"{sources['c.jsonl']}=2"]
    chosen = Sources(arguments, tests=[sources["test.csv"]], also=[f"{sources['b.csv']}=3"])
    recipe = replace(RECIPE, held_out=20, also_held_out=6)
    whole = read_split(chosen, recipe)
    parts = [whole.training, whole.held_out, whole.also, whole.also_held_out]
    assert [len(part) for part in parts] == [140, 20, 44, 6]
    assert data.digest(parts) == (
        "aaa316415be259861dcf8caefbb7e78d990896141d516d5bac13d56eeb1577fb"
    )
    assert distil.cut(whole.training.texts, recipe.seed).digest() == (
        "5237ad5500e73ca73c9dc1148716030414a18443e03870750e1a4f01ff3ea862"
    )
    assert np.unique(whole.training.weights).tolist() == [0, 0.5, 1, 2]
