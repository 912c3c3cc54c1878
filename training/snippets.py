"""Sentences that people rated, of products, films, editorials and tweets, to learn from and test.

Hutto & Gilbert (ICWSM 2014) had each rated by twenty people from -4 to 4. The set is MIT-licensed
and comes inside the source package of vaderSentiment on PyPI; the product reviews are those of Hu &
Liu (KDD 2004).
"""

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from pyarrow import csv

PACKAGE = "vaderSentiment==3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
SOURCES = {
    "products": "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt",
    "tweets": "hutto_ICWSM_2014/tweets_GroundTruth.txt",
    "films": "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
    "editorials": "hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt",
}
CLEAR = 1.0
"""Mean rating, up or down, from which a sentence is of a clear opinion and may test one."""
STEEPNESS = 1.5
"""Log-odds of Positive for each point of the mean rating: 0 gives 0.5, and 2 gives 0.95."""


def fetch(folder: Path) -> None:
    """Write ``<source>-train.csv`` and ``<source>-test.csv`` for each source into the folder.

    The label is in training the probability of Positive that the ratings stand for, in testing 0 or
    1, of clear opinions alone. Three in ten documents test, with all their sentences.

    Raises:
        ValueError: the package cannot be fetched, or is not the published one.
    """
    with TemporaryDirectory() as downloads:
        # pip looks at the checksum before it runs anything of a source package.
        wanted = Path(downloads) / "wanted.txt"
        wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n")
        command = ["pip", "download", "--quiet", "--no-deps", "--no-binary", "vaderSentiment"]
        options = ["--require-hashes", "--requirement", str(wanted), "--dest", downloads]
        if subprocess.run([sys.executable, "-m", *command, *options]).returncode:
            raise ValueError(f"pip could not fetch {PACKAGE} as it was published")
        [package] = Path(downloads).glob("*.tar.gz")
        packed = package.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(_member(packed, _ARCHIVE))) as resources:
        for source, name in SOURCES.items():
            file = resources.extractfile(name)
            assert file is not None, name
            split(file.read().decode("utf-8-sig", "replace"), folder, source)


def _member(packed: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        file = archive.extractfile(name)
        assert file is not None, name
        return file.read()


def split(lines: str, folder: Path, source: str) -> None:
    """Write the training and the test part of lines of ``document[_sentence]  rating  text``."""
    rows = [line.split("\t") for line in lines.splitlines() if line]
    documents = np.array([int(name.partition("_")[0]) for name, _, _ in rows])
    ratings = np.array([float(rating) for _, rating, _ in rows])
    texts = np.array([text for _, _, text in rows], dtype=object)
    tested = documents % 10 >= 7
    clear = np.abs(ratings) >= CLEAR
    probabilities = (1 / (1 + np.exp(-STEEPNESS * ratings))).round(4)
    _write(folder / f"{source}-train.csv", texts[~tested], probabilities[~tested])
    chosen = tested & clear
    _write(folder / f"{source}-test.csv", texts[chosen], (ratings[chosen] > 0).astype(int))


def _write(path: Path, texts: np.ndarray, labels: np.ndarray) -> None:
    csv.write_csv(pa.table({"text": pa.array(texts, pa.string()), "label": labels}), path)
    print(f"{path}: {len(texts)} texts")
