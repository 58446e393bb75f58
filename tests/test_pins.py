"""What tests, CI and the image install is pinned by hash; the ranges of pyproject.toml stay open."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
OPERATOR = [
    wanted
    for wanted in PROJECT["project"]["dependencies"] + EXTRAS["cli"] + EXTRAS["operator"]
    if wanted != "kalends[cli]"
]
STORES = [
    wanted
    for extra in ("sqlalchemy", "postgresql", "mariadb", "redis", "mongodb", "etcd", "zookeeper", "rethinkdb")
    for wanted in EXTRAS[extra]
    if not wanted.startswith("kalends[")
]
RANGES = {
    "build.txt": PROJECT["dependency-groups"]["build"] + PROJECT["build-system"]["requires"],
    "image.txt": OPERATOR,
    "dev.txt": OPERATOR + STORES + PROJECT["dependency-groups"]["dev"],
}
DOCKERFILES = (ROOT / "Dockerfile", ROOT / "own-image/Dockerfile")


def entries(path: Path) -> list[str]:
    """Return the logical lines of a requirements file."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [entry for entry in "\n".join(lines).replace("\\\n", " ").splitlines() if entry.strip()]


def pins(name: str) -> dict[str, str]:
    found = [Requirement(entry.split(" --hash", 1)[0]) for entry in entries(REQUIREMENTS / name)]
    return {canonicalize_name(pin.name): str(pin.specifier) for pin in found}


@pytest.mark.parametrize("name", RANGES)
def test_the_pins_are_within_the_ranges_of_the_project(name: str) -> None:
    pinned = pins(name)
    for wanted in map(Requirement, RANGES[name]):
        version = pinned[canonicalize_name(wanted.name)].removeprefix("==")
        assert wanted.specifier.contains(version), f"{name}: {wanted} is not {version}; run `make pins PINS=`"


@pytest.mark.parametrize("name", RANGES)
def test_every_pin_is_one_version_with_its_hashes(name: str) -> None:
    for entry in entries(REQUIREMENTS / name):
        pin, *hashes = entry.split(" --hash=")
        assert str(Requirement(pin).specifier).startswith("=="), entry
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", text.strip()) for text in hashes), entry


@pytest.mark.parametrize("name", RANGES)
def test_the_pins_name_no_index(name: str) -> None:
    assert not re.search(r"https?://|--(extra-)?index|--find-links", (REQUIREMENTS / name).read_text())


def test_the_tests_run_with_the_versions_of_the_image() -> None:
    assert pins("image.txt").items() <= pins("dev.txt").items()


def test_the_project_itself_pins_nothing() -> None:
    ranges = [Requirement(text) for texts in RANGES.values() for text in texts]
    assert not [str(wanted) for wanted in ranges for bound in wanted.specifier if bound.operator == "=="]


def test_the_example_of_an_own_image_has_the_same_tools() -> None:
    assert (ROOT / "own-image/requirements.txt").read_text() == (REQUIREMENTS / "build.txt").read_text()


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_images_install_by_hash_or_what_was_built_without_fetching(dockerfile: Path) -> None:
    text = dockerfile.read_text().replace("\\\n", " ")
    steps = [step for line in re.findall("(?m)^RUN (.*)$", text) for step in line.split("&&") if "/pip " in step]
    assert len(steps) >= 3
    for step in steps:
        by_hash = "--require-hashes" in step
        assert by_hash or "--no-deps" in step, step
        assert by_hash or "--no-build-isolation" in step or step.rstrip().endswith("/wheels/*.whl"), step


def workflow_steps() -> Iterator[dict[str, Any]]:
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            yield from job["steps"]


def test_actions_are_pinned_by_commit_and_leave_no_credentials() -> None:
    used = [step for step in workflow_steps() if "uses" in step]
    assert used
    assert not [step["uses"] for step in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])]
    checkouts = [step for step in used if step["uses"].startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
