"""The library needs four packages; the command line and the operator bring theirs as extras."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kalends.cli.entry import EXTRA_OF

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LIBRARY = {"orjson", "pydantic", "typing-extensions", "tzdata", "tzlocal"}
IMPORTED_AS = {"pyyaml": "yaml"}
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


def packages_of(extra: str) -> set[str]:
    """Return the packages that an extra brings, by the names under which they are imported."""
    named = {Requirement(wanted).name for wanted in PROJECT["optional-dependencies"][extra]} - {"kalends"}
    return {IMPORTED_AS.get(name, name).replace("-", "_") for name in named}


def python(code: str, *arguments: str, missing: set[str]) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter in which some packages are not installed."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(missing=missing) + code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_library_depends_on_few_packages() -> None:
    assert {Requirement(wanted).name for wanted in PROJECT["dependencies"]} == LIBRARY


@pytest.mark.parametrize(
    "module",
    [
        "kalends",
        "kalends.triggers",
        "kalends.engine.loop.scheduler",
        "kalends.stores.memory",
        "kalends.stores.sqlite",
        "kalends.executors.pools.threads",
        "kalends.executors.pools.processes",
    ],
)
def test_the_library_imports_no_package_of_an_extra(module: str) -> None:
    run = python(f"import {module}", missing=packages_of("cli") | packages_of("operator"))
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("sqlalchemy", "sqlalchemy"),
        ("redis", "redis"),
        ("mongodb", "mongodb"),
        ("etcd", "etcd"),
        ("zookeeper", "zookeeper"),
        ("rethinkdb", "rethinkdb"),
        ("kubernetes", "kubernetes"),
    ],
)
def test_a_job_store_without_its_client_library_names_the_extra(module: str, extra: str) -> None:
    run = python(f"import kalends.jobstores.{module}", missing=packages_of(extra))
    assert f"pip install 'kalends[{extra}]'" in run.stderr.splitlines()[-1]


def test_the_message_about_a_missing_package_knows_each_package_of_the_extras() -> None:
    assert {name: extra for extra in ("cli", "operator") for name in packages_of(extra)} == EXTRA_OF


@pytest.mark.parametrize(
    ("arguments", "extra"), [(["version"], "cli"), (["operator", "--help"], None), (["operator"], "operator")]
)
def test_a_command_without_its_packages_names_the_extra(arguments: list[str], extra: str | None) -> None:
    missing = packages_of(extra or "operator")
    run = python("from kalends.cli.entry import main; main()", *arguments, missing=missing)
    if extra is None:
        assert run.returncode == 0, run.stderr
    else:
        assert run.returncode == 1
        assert re.fullmatch(
            rf"kalends: the package '\w+(\.\w+)*' is not installed: pip install 'kalends\[{extra}\]'\n", run.stderr
        )
