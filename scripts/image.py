"""What is in the container image: its layers, its packages by size, and its bill of materials.

`make image` runs it on the image that it built; docs/image.md is written from what it finds in one
of the native engine.
"""

import argparse
import json
import sys
import tarfile
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from scripts import sbom

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/image.md"
RECORD = ROOT / "bench/results/image.json"
MOST_MB = 220
"""What an image may have beyond its base, weights included."""
TASK_ROOT = "var/task/"
"""Where Lambda's base images have nothing and an image of theirs has its own."""
BASE_LABELS = ("name", "digest")
LAYERS = {"model": "the model: int8 weights, vocabulary, card", "app": "the application's code"}
"""What a layer is that has such a folder; another one holds the packages."""
WHY = {
    "arro3-io": "reads and writes Parquet objects (Rust)",
    "arro3-core": "Arrow tables for arro3-io",
    "tokenizers": "text to token ids (Rust)",
    "pydantic_core": "validates requests and settings (Rust)",
    "sentencex": "finds the sentences (Rust)",
    "pydantic": "models of requests and settings",
    "aws_lambda_powertools": "structured logs",
    "botocore": "the AWS clients, for seven services, and STS for credentials",
    "boto3": "the API of the AWS clients",
    "fastapi": "the routes and their documentation",
    "anyio": "worker threads beside the event loop",
    "wrapt": "needed by limits",
    "distilbert-int8": "the kernels, once for each instruction set",
}
"""Why the packages are there that weigh a megabyte or more."""


@dataclass(frozen=True)
class Layer:
    """A layer of the image's own, or all of the base's as one."""

    name: str
    megabytes: float


@dataclass(frozen=True)
class Package:
    """An installed package with its compiled bytecode."""

    name: str
    version: str
    megabytes: float


def unpack(archive: Path, to: Path) -> list[Layer]:
    """Unpack what the image has beyond its base; return its layers, the base's as the first.

    ``archive``: what ``docker save`` or ``buildah push docker-archive:`` writes.
    """
    base, own = 0, []
    with tarfile.open(archive) as image:
        [manifest] = json.load(_open(image, "manifest.json"))
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=_open(image, name)) as layer:
                members = layer.getmembers()
                size = sum(member.size for member in members)
                task = [each for each in members if each.isfile() and TASK_ROOT in each.name]
                if not task:
                    base += size
                    continue
                layer.extractall(to, task, filter="data")
                tops = {each.name.partition(TASK_ROOT)[2].partition("/")[0] for each in task}
                kinds = [kind for top, kind in LAYERS.items() if top in tops]
                own.append(Layer(kinds[0] if kinds else "the packages", size / 1e6))
    return [Layer("the base image", base / 1e6), *own]


def base(archive: Path) -> sbom.Base | None:
    """Return what the image says that it was built on, by the labels that OCI names for it."""
    with tarfile.open(archive) as image:
        [manifest] = json.load(_open(image, "manifest.json"))
        labels = json.load(_open(image, manifest["Config"]))["config"].get("Labels") or {}
    name, digest = (labels.get(f"org.opencontainers.image.base.{part}") for part in BASE_LABELS)
    return sbom.Base(name, digest) if name and digest else None


def packages(folder: Path) -> list[Package]:
    """Return what is installed in this folder, the largest first."""
    installed = [
        Package(each.metadata["Name"], each.version, _bytes(each) / 1e6)
        for each in distributions(path=[str(folder)])
    ]
    return sorted(installed, key=lambda package: -package.megabytes)


def _open(image: tarfile.TarFile, name: str) -> IO[bytes]:
    file = image.extractfile(name)
    assert file is not None, f"{name} is no file of the archive"
    return file


def _bytes(package: Distribution) -> int:
    """Return what is there of a package's files, and what was compiled of them."""
    total = 0
    for listed in package.files or []:
        path = Path(str(package.locate_file(listed)))
        compiled = (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")
        files = [path, *(compiled if path.suffix == ".py" else [])]
        total += sum(file.stat().st_size for file in files if file.exists())
    return total


def layers_table(layers: list[Layer]) -> str:
    """Return an image's layers, the base's as the first, as a table."""
    rows = ["| layer | MB |", "|---|---:|"]
    rows += [f"| {each.name} | {each.megabytes:.1f} |" for each in layers]
    beyond = _beyond_base(layers)
    return "\n".join(
        [*rows, f"| **beyond the base image**, at most {MOST_MB} | **{beyond:.1f}** |"]
    )


def packages_table(installed: list[Package]) -> str:
    """Return an image's packages, the largest first, as a table; those under a megabyte as one."""
    large = [each for each in installed if each.megabytes >= 1]
    rows = ["| package | MB | what for |", "|---|---:|---|"]
    rows += [f"| {each.name} | {each.megabytes:.1f} | {WHY.get(each.name, '')} |" for each in large]
    small = sum(each.megabytes for each in installed[len(large) :])
    rows.append(f"| {len(installed) - len(large)} others | {small:.1f} | each under a megabyte |")
    return "\n".join(rows)


def recorded() -> tuple[list[Layer], list[Package]]:
    """Return what was in the image that was last recorded."""
    record = json.loads(RECORD.read_text())
    layers = [Layer(**each) for each in record["layers"]]
    return layers, [Package(**each) for each in record["packages"]]


SECTIONS = {
    "layers": lambda: layers_table(recorded()[0]),
    "packages": lambda: packages_table(recorded()[1]),
}


def main() -> None:
    """Look into an image, print its layers and packages, and write its bill of materials."""
    parser = argparse.ArgumentParser(prog="python -m scripts.image", description=__doc__)
    parser.add_argument("archive", type=Path, help="the image, as `docker save` writes it")
    parser.add_argument("bill", type=Path, help="where the bill of materials goes")
    parser.add_argument("--record", action="store_true", help="for docs/image.md; checks the size")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        layers = unpack(args.archive, Path(folder))
        installed = packages(Path(folder) / TASK_ROOT)
        sbom.write(sbom.of(Path(folder) / TASK_ROOT, base(args.archive)), args.bill)
    print(
        f"{layers_table(layers)}\n\n{packages_table(installed)}\n\nbill of materials: {args.bill}"
    )
    if args.record:
        result = {"layers": list(map(asdict, layers)), "packages": list(map(asdict, installed))}
        RECORD.write_text(json.dumps(result, indent=2) + "\n")
        if _beyond_base(layers) > MOST_MB:
            sys.exit(f"more than {MOST_MB} MB beyond the base image")


def _beyond_base(layers: list[Layer]) -> float:
    return sum(layer.megabytes for layer in layers[1:])


if __name__ == "__main__":
    main()
