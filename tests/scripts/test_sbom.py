"""The bill of materials, of the packages that the tests themselves run on."""

import json
import shutil
import sysconfig
from pathlib import Path

import pytest

from app import __version__
from app.sentiment import bundle
from scripts import sbom
from tests.conftest import ROOT

BASE = sbom.Base("registry.example/lambda/python:3.12", f"sha256:{'0' * 64}")


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The bill of a folder as the image has it: packages beside the model and the notice."""
    folder = tmp_path_factory.mktemp("task")
    for metadata in Path(sysconfig.get_path("purelib")).glob("*.dist-info"):
        (folder / metadata.name).symlink_to(metadata)
    shutil.copy(ROOT / "NOTICE", folder)
    (folder / "model").symlink_to(ROOT / "model")
    path = folder / "sbom.cdx.json"
    sbom.write(sbom.of(folder, BASE), path)
    return path


@pytest.fixture(scope="module")
def bill(written):
    return json.loads(written.read_text())


@pytest.fixture(scope="module")
def components(bill):
    return {component["name"]: component for component in bill["components"]}


def test_bill_is_valid_by_the_schema(written):
    # Importing the JSON schemas takes seconds.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written.read_text()) is None


def test_bill_is_of_this_version_of_the_service(bill):
    service = bill["metadata"]["component"]
    assert (service["name"], service["version"]) == ("sentiment", __version__)


def test_bill_has_each_package_with_its_version_and_licence(components):
    [pinned] = [
        line.partition("==")[2]
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line.startswith("fastapi==")
    ]
    assert components["fastapi"]["purl"] == f"pkg:pypi/fastapi@{pinned}"
    assert components["fastapi"]["licenses"] == [{"license": {"id": "MIT"}}]


def test_bill_says_what_a_package_needs(bill, components):
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert components["starlette"]["bom-ref"] in needs[components["fastapi"]["bom-ref"]]


def test_own_kernels_have_no_address_in_an_index(components):
    assert "purl" not in components["distilbert-int8"]
    assert components["distilbert-int8"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_weights_are_in_the_bill_by_revision_and_hash(components):
    shipped = bundle.load(ROOT / "model")
    model = components[shipped.card["name"]]
    assert model["type"] == "machine-learning-model"
    assert model["version"] == shipped.revision
    hashes = {each["name"]: each["hashes"][0]["content"] for each in model["components"]}
    assert f"{hashes['model/config.json']}  config.json" in (ROOT / "model/SHA256SUMS").read_text()


def test_documentation_page_is_in_the_bill(components):
    assert components["swagger-ui-dist"]["purl"].startswith("pkg:npm/swagger-ui-dist@")


def test_base_image_is_in_the_bill_by_its_digest(components):
    base = components[BASE.name]
    assert (base["type"], base["version"]) == ("container", BASE.digest)
    assert base["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]
    assert base["purl"].startswith("pkg:oci/python@sha256")


def test_base_image_whose_digest_is_not_known_is_in_the_bill_without(tmp_path):
    (tmp_path / "model").symlink_to(ROOT / "model")
    shutil.copy(ROOT / "NOTICE", tmp_path)
    bom = sbom.of(tmp_path, sbom.Base("localhost/python:3.12", "unknown"))
    [base] = [each for each in bom.components if each.bom_ref.value == "base-image"]
    assert (base.version, list(base.hashes)) == ("unknown", [])
