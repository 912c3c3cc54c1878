"""The bill of materials of a folder of installed packages, code and model, in CycloneDX's terms.

It says what is there, by the metadata that each package carries, not what was asked for.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

from app import __version__

_SWAGGER = re.compile(r"swagger-ui-dist (\d+\.\d+\.\d+)")
_licenses = LicenseFactory()


class Base(NamedTuple):
    """The image that an image was built on."""

    name: str
    digest: str
    """``sha256:`` and 64 hexadecimal digits, or ``unknown``."""


def of(folder: Path, base: Base | None = None) -> Bom:
    """Describe what is installed in this folder: packages, their dependencies, and the service.

    ``base``: the image under it, whose own packages are not described.

    Raises:
        FileNotFoundError: there is no ``model`` or no ``NOTICE`` in it.
    """
    service = Component(
        name="sentiment",
        bom_ref="sentiment",
        version=__version__,
        type=ComponentType.APPLICATION,
        licenses=[_licenses.make_from_string("Apache-2.0")],
    )
    bom = Bom(components=[_model(folder / "model"), _documentation(folder / "NOTICE")])
    if base:
        bom.components.add(_base(base))
    bom.metadata.component = service
    installed = list(distributions(path=[str(folder)]))
    packages = {_key(each.name): _package(each) for each in installed}
    bom.components.update(packages.values())
    bom.register_dependency(service, bom.components)
    for each in installed:
        needed = [packages[name] for name in _needs(each) if name in packages]
        bom.register_dependency(packages[_key(each.name)], needed)
    return bom


def write(bom: Bom, path: Path) -> None:
    """Write it as CycloneDX 1.6 in JSON, which most scanners read."""
    JsonV1Dot6(bom).output_to_file(str(path), allow_overwrite=True, indent=2)


def _key(name: str) -> str:
    """Return a package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _package(package: Distribution) -> Component:
    name, version = package.metadata["Name"], package.version
    # What was installed from a folder is ours and has no address in an index.
    ours = package.read_text("direct_url.json") is not None
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}=={version}",
        description=_field(package, "Summary"),
        licenses=list(_license(package)),
        purl=None if ours else PackageURL("pypi", name=_key(name), version=version),
    )


def _field(package: Distribution, name: str) -> str | None:
    """Return a field of a package's metadata, or None where it has none of this name."""
    values = package.metadata.get_all(name)
    return values[0] if values else None


def _license(package: Distribution) -> Iterator[License]:
    """Yield what a package says of its licence, the expression of PEP 639 where it has one."""
    classifiers = package.metadata.get_all("Classifier") or []
    named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    expression = _field(package, "License-Expression") or _field(package, "License")
    license = _licenses.make_from_string(expression) if expression else None
    if license and (isinstance(license, LicenseExpression) or license.id or not named):
        yield license
    else:
        yield from (_licenses.make_with_name(name) for name in named)


def _needs(package: Distribution) -> Iterator[str]:
    for line in package.requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _key(requirement.name)


def _model(folder: Path) -> Component:
    """Describe the weights by the card, and each of the bundle's files by its hash."""
    card = json.loads((folder / "card.json").read_text())
    sums = (line.split() for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = [
        Component(
            name=f"model/{name}",
            type=ComponentType.FILE,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        )
        for digest, name in sums
        if (folder / name).exists()
    ]
    return Component(
        name=card["name"],
        bom_ref="model",
        version=card["revision"],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        description=card["task"],
        licenses=[_licenses.make_from_string(card["license"])],
        components=files,
    )


def _base(base: Base) -> Component:
    """Describe the base image, by its digest where that is known."""
    repository, _, tag = base.name.rpartition(":")
    algorithm, _, content = base.digest.partition(":")
    has_digest = algorithm == "sha256"
    return Component(
        name=base.name,
        bom_ref="base-image",
        version=base.digest,
        type=ComponentType.CONTAINER,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content)] if has_digest else None,
        purl=PackageURL(
            "oci",
            name=repository.rpartition("/")[2],
            version=base.digest if has_digest else None,
            qualifiers={"repository_url": repository, "tag": tag},
        ),
    )


def _documentation(notice: Path) -> Component:
    """Describe the documentation page's files, whose version the notice says."""
    [version] = _SWAGGER.findall(notice.read_text())
    return Component(
        name="swagger-ui-dist",
        bom_ref="swagger-ui-dist",
        version=version,
        type=ComponentType.LIBRARY,
        licenses=[_licenses.make_from_string("Apache-2.0")],
        purl=PackageURL("npm", name="swagger-ui-dist", version=version),
    )
