"""The image that the Dockerfile makes, looked at as an archive."""

from __future__ import annotations

import json
import tarfile
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from node.places import ROOT, Means

pytestmark = pytest.mark.slow

OURS = "opt/kalends/"
MOST_BYTES = 120e6
"""Beside the base; 113 MB it was when this was written, which are 21 MB to pull."""


@pytest.fixture(scope="module")
def config(means: Means) -> dict[str, Any]:
    with tarfile.open(means.kalends.archive) as archive:
        found: dict[str, Any] = json.loads(read(archive, manifest(archive)["Config"]))
    return found


@pytest.fixture(scope="module")
def ours(means: Means) -> dict[str, tarfile.TarInfo]:
    """What the image has beside its base."""
    return {one.name.removeprefix("./"): one for one in files(means) if one.name.removeprefix("./").startswith(OURS)}


def files(means: Means) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(means.kalends.archive) as archive:
        for name in manifest(archive)["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                yield from layer


def manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    (found,) = json.loads(read(archive, "manifest.json"))
    assert isinstance(found, dict)
    return found


def read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def test_it_runs_the_command_as_an_arbitrary_user(config: dict[str, Any]) -> None:
    assert config["config"]["Entrypoint"] == ["kalends"]
    assert config["config"]["User"] == "65532:65532"


def test_its_labels_say_what_it_is(config: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = config["config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "Kalends"
    assert labels["org.opencontainers.image.version"] == project["version"]
    assert labels["org.opencontainers.image.licenses"] == project["license"]


def test_it_has_no_package_manager_and_no_sources_beside_the_environment(ours: dict[str, tarfile.TarInfo]) -> None:
    assert not [name for name in ours if "/site-packages/pip/" in name]
    assert any(name.endswith("/site-packages/kalends/__init__.py") for name in ours)


def test_it_is_small_beside_its_base(ours: dict[str, tarfile.TarInfo]) -> None:
    assert sum(one.size for one in ours.values()) < MOST_BYTES


def test_modules_are_compiled_as_nothing_can_be_written_beside_them(ours: dict[str, tarfile.TarInfo]) -> None:
    sources = {name for name in ours if name.endswith(".py") and "/site-packages/" in name}
    compiled = {name.rpartition("/__pycache__/") for name in ours if name.endswith(".pyc")}
    there = {f"{folder}/{file.split('.')[0]}.py" for folder, _, file in compiled}
    assert sources <= there
