"""What may be said in values: everything that is documented, and nothing that is misspelt."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import helm_python
import jsonschema
import pytest
import yaml

from chart.rendering import CHART, EVERYTHING, ROOT, Json, chart, render

SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text())
VALUES: Json = yaml.safe_load((CHART / "values.yaml").read_text())
WARNING = 2


def definition(schema: Json) -> Json:
    name = schema.get("$ref", "").removeprefix("#/definitions/")
    return SCHEMA["definitions"][name] if name else schema


def groups(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Yield every object of the schema whose members are known, with its path."""
    schema = definition(schema)
    if "properties" in schema:
        yield path, schema
        for name, member in schema["properties"].items():
            yield from groups(member, (*path, name))


def nested(path: tuple[str, ...]) -> Any:
    return {path[0]: nested(path[1:])} if path else "whatever"


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_every_object_of_the_schema_is_closed_but_what_is_passed_on_to_kubernetes() -> None:
    def opened(schema: Any) -> Iterator[Any]:
        if isinstance(schema, dict):
            if schema.get("type") == "object" and schema.get("additionalProperties") in (None, True):
                yield schema
            for member in schema.values():
                yield from opened(member)
        elif isinstance(schema, list):
            for member in schema:
                yield from opened(member)

    assert list(opened(SCHEMA)) == [SCHEMA["definitions"]["kubernetes"]]


def test_schema_and_values_know_the_same_names() -> None:
    for path, schema in groups(SCHEMA):
        found: Any = VALUES
        for name in path:
            found = found[name]
        optional = (
            {"initialDelaySeconds", "successThreshold"} if path[-1:] and path[-1].endswith("Probe") else {"global"}
        )
        assert found.keys() == schema["properties"].keys() - optional, path


@pytest.mark.parametrize("path", [path for path, _ in groups(SCHEMA)], ids=lambda path: ".".join(path) or "top")
def test_a_misspelt_value_is_refused_wherever_it_stands(path: tuple[str, ...]) -> None:
    with pytest.raises(helm_python.HelmValuesError, match="mispelt"):
        chart().validate_schema(nested((*path, "mispelt")))


@pytest.mark.parametrize(
    "values",
    [
        {"replicaCount": "1"},
        {"image": {"pullPolicy": "Sometimes"}},
        {"image": {"digest": "latest"}},
        {"log": {"level": "loud"}},
        {"log": {"format": "xml"}},
        {"watchNamespaces": "blue"},
        {"watchNamespaces": ["Blue"]},
        {"watchNamespaces": ["blue", "blue"]},
        {"settings": {"executors": {"jobs": {"kind": "threads", "workers": 1}}}},
        {"settings": {"executors": {"Pool": {"kind": "threads", "workers": 1}}}},
        {"settings": {"executors": {"pool": {"kind": "fibres", "workers": 1}}}},
        {"settings": {"executors": {"pool": {"kind": "threads", "workers": 0}}}},
        {"settings": {"executors": {"pool": {"kind": "threads"}}}},
        {"settings": {"jobDefaults": {"coalesce": "Newest"}}},
        {"settings": {"jobDefaults": {"maxInstances": 0}}},
        {"settings": {"jobDefaults": {"startingDeadlineSeconds": -1}}},
        {"settings": {"drainSeconds": 3601}},
        {"settings": {"apiConnections": 0}},
        {"tasks": {"files": {"reports": "x = 1"}}},
        {"tasks": {"files": {"../reports.py": "x = 1"}}},
        {"tasks": {"files": {"kalends.py": "x = 1"}}},
        {"tasks": {"configMaps": [{"name": "team-tasks"}]}},
        {"tasks": {"configMaps": [{"name": "team-tasks", "modules": ["a.b"]}]}},
        {"tasks": {"modules": ["os; import sys"]}},
        {"fullnameOverride": "Kalends"},
        {"fullnameOverride": "x" * 64},
        {"commonLabels": {"app.kubernetes.io/name": "mine"}},
        {"podLabels": {"app.kubernetes.io/instance": "mine"}},
        {"metrics": {"serviceMonitor": {"interval": "often"}}},
        {"podDisruptionBudget": {"minAvailable": "half"}},
        {"leaderElection": {"leaseDuration": "15s"}},
        {"leaderElection": {"name": "Mine"}},
        {"leaderElection": {"retryPeriod": 0}},
    ],
    ids=str,
)
def test_a_value_that_cannot_work_is_refused(values: Json) -> None:
    with pytest.raises(helm_python.HelmValuesError):
        chart().validate_schema(values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"replicaCount": 2, "leaderElection": {"enabled": False}},
            "replicaCount must be 0 or 1 without leaderElection.enabled",
        ),
        (
            {"leaderElection": {"leaseDuration": 10}},
            "leaderElection must have leaseDuration > renewDeadline > retryPeriod",
        ),
        (
            {"settings": {"jobDefaults": {"executor": "slow"}}},
            "settings.jobDefaults.executor must be one of default, processes, got 'slow'",
        ),
        (
            {"metrics": {"enabled": False, "serviceMonitor": {"enabled": True}}},
            "metrics.enabled must be true for a serviceMonitor",
        ),
        (
            {"metrics": {"enabled": False, "prometheusRule": {"enabled": True}}},
            "metrics.enabled must be true for a serviceMonitor",
        ),
        (
            {"tasks": {"files": {"a.py": ""}, "configMaps": [{"name": "team", "modules": ["a"]}]}},
            r"must come from one place, but a comes from tasks.files and from tasks.configMaps \(team\)",
        ),
        (
            {"podDisruptionBudget": {"enabled": True, "maxUnavailable": None}},
            "podDisruptionBudget: one of minAvailable, maxUnavailable must be set",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_do_not_go_together_are_refused_in_words(values: Json, told: str) -> None:
    with pytest.raises(helm_python.HelmError, match=told):
        render(values)


@pytest.mark.parametrize(
    "values", [None, EVERYTHING, {"watchNamespaces": ["blue"]}], ids=["defaults", "everything", "blue"]
)
@pytest.mark.parametrize("kubernetes", ["v1.29.0", "v1.36.0"])
def test_helm_lint_finds_nothing(values: Json | None, kubernetes: str) -> None:
    report = helm_python.lint(CHART, values, strict=True, kube_version=kubernetes)
    assert [one for one in report["messages"] if one["severity"] >= WARNING] == []
    assert report["errors"] == []


def test_the_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart().metadata["version"] == chart().metadata["appVersion"] == project["version"]


@pytest.fixture(scope="module")
def values_table() -> ModuleType:
    spec = spec_from_file_location("values_table", ROOT / "charts" / "values_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # A dataclass looks its module up.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "values_table", module)
        spec.loader.exec_module(module)
    return module


def test_the_readme_lists_the_values_as_they_are(values_table: ModuleType) -> None:
    readme, source = (CHART / "README.md").read_text(), (CHART / "values.yaml").read_text()
    assert values_table.with_table(readme, source) == readme, "run: python charts/values_table.py"


def test_every_value_is_explained(values_table: ModuleType) -> None:
    values = list(values_table.values_of((CHART / "values.yaml").read_text()))
    assert [value.path for value in values if not value.text] == []
    assert {value.path.split(".")[0] for value in values} == VALUES.keys()


def test_no_text_breaks_the_table(values_table: ModuleType) -> None:
    rows = [line for line in (CHART / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert rows
    assert all(len(re.findall(r"\|", row)) == 4 for row in rows)
