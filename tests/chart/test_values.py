"""What may be said in values: everything that is documented, and nothing that is misspelt."""

from __future__ import annotations

import copy
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
from kalends.settings import Settings

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

    assert list(opened(SCHEMA)) == [SCHEMA["definitions"]["kubernetes"], SCHEMA["properties"]["global"]]


def test_schema_and_values_know_the_same_names() -> None:
    for path, schema in groups(SCHEMA):
        found: Any = VALUES
        for name in path:
            found = found[name]
        optional = {"initialDelaySeconds", "successThreshold"} if path[-1:] and path[-1].endswith("Probe") else set()
        assert found.keys() == schema["properties"].keys() - optional, path


@pytest.mark.parametrize(
    "path", [path for path, _ in groups(SCHEMA) if path != ("global",)], ids=lambda path: ".".join(path) or "top"
)
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
        {"tasks": {"configMaps": [{"name": "team-tasks"}]}},
        {"tasks": {"configMaps": [{"name": "team-tasks", "modules": ["a.b"]}]}},
        {"tasks": {"modules": ["os; import sys"]}},
        {"fullnameOverride": "Kalends"},
        {"fullnameOverride": "x" * 64},
        {"commonLabels": {"team": "x" * 64}},
        {"tmpSizeLimit": "much"},
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
    ("values", "expected"),
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
            r"must have a single source, but a comes from tasks.files and from tasks.configMaps \(team\)",
        ),
        (
            {"podDisruptionBudget": {"enabled": True, "maxUnavailable": None}},
            "podDisruptionBudget: one of minAvailable, maxUnavailable must be set",
        ),
        (
            {"settings": {"executors": {"jobs": {"kind": "threads", "workers": 1}}}},
            "settings.executors must not name 'jobs': that is where every jobTemplate runs",
        ),
        ({"tasks": {"files": {"kalends.py": "x = 1"}}}, "tasks.files must not name kalends.py"),
        (
            {"tasks": {"configMaps": [{"name": "team", "modules": ["kalends"]}]}},
            r"tasks.configMaps \(team\) must not name the module kalends",
        ),
        ({"commonLabels": {"app.kubernetes.io/name": "mine"}}, "commonLabels must not have app.kubernetes.io/name"),
        ({"podLabels": {"app.kubernetes.io/instance": "me"}}, "podLabels must not have app.kubernetes.io/instance"),
        (
            {"metrics": {"serviceMonitor": {"labels": {"helm.sh/chart": "mine"}}}},
            "metrics.serviceMonitor.labels must not have helm.sh/chart",
        ),
        ({"global": {"imageRegistry": "mirror"}}, "global.imageRegistry is not read"),
        (
            {"extraEnv": [{"name": "KALENDS_HEALTH_PORT", "value": "9090"}]},
            "extraEnv must not have KALENDS_HEALTH_PORT",
        ),
        ({"extraEnv": [{"name": "kalends_health_host", "value": "::"}]}, "extraEnv must not have kalends_health_host"),
        ({"extraEnv": [{"name": "KALENDS_NAMESPACES", "value": "[]"}]}, "set watchNamespaces"),
        ({"extraEnv": [{"name": "POD_NAME", "value": "me"}]}, "extraEnv must not have POD_NAME"),
        (
            {"extraEnv": [{"name": "PYTHONPATH", "value": "/x"}], "tasks": {"files": {"a.py": ""}}},
            "extraEnv must not have PYTHONPATH",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_that_do_not_go_together_are_refused_in_words(values: Json, expected: str) -> None:
    with pytest.raises(helm_python.HelmError, match=expected):
        render(values)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"settings": {"executors": {"Pool": {"kind": "threads", "workers": 1}}}}, "/settings/executors"),
        ({"tasks": {"files": {"report.txt": "x"}}}, "/tasks/files"),
        ({"commonLabels": {"team": "x" * 64}}, "/commonLabels/team"),
    ],
)
def test_a_name_that_cannot_work_is_refused_at_its_own_place(values: Json, path: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=re.escape(f"'{path}'")):
        chart().validate_schema(values)


def paths_of(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each value, and of each object that has a fixed set of them."""
    if path:
        yield path
    if isinstance(values, dict) and path != ("settings", "executors"):
        for name, value in values.items():
            yield from paths_of(value, (*path, name))


@pytest.mark.parametrize("path", list(paths_of(VALUES)), ids=".".join)
@pytest.mark.parametrize("others", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_a_value_that_is_null_or_missing_works_or_is_refused_by_its_name(path: tuple[str, ...], others: Json) -> None:
    values = copy.deepcopy(others)
    place = values
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = None
    refusal = refusal_of(values)
    if refusal is not None:
        parents = "|".join(re.escape(".".join(path[: length + 1])) for length in range(len(path)))
        assert re.search(rf"({parents})\b.* must be set", refusal), refusal
        assert "nil pointer" not in refusal
        assert re.search(r"must be set(, and not to null.* --reset-then-reuse-values|$)", refusal), refusal
        return
    release = render(values)
    assert list(release.objects())
    assert all("<nil>" not in text and "<no value>" not in text for text in release.texts.values())
    Settings(**yaml.safe_load(release.settings))


def refusal_of(values: Json) -> str | None:
    try:
        render(values)
    except helm_python.HelmError as error:
        return str(error)
    return None


SHARED = {"release": "prom", "app.kubernetes.io/component": "mine", "rbac.authorization.k8s.io/aggregate-to-edit": "no"}


@pytest.mark.parametrize("common", [{}, SHARED], ids=["", "common"])
@pytest.mark.parametrize("pod", [{}, SHARED], ids=["", "pod"])
@pytest.mark.parametrize("monitor", [{}, SHARED], ids=["", "monitor"])
@pytest.mark.parametrize("namespaces", [[], ["blue", "green"]], ids=["all", "two"])
def test_labels_that_meet_are_written_once(common: Json, pod: Json, monitor: Json, namespaces: list[str]) -> None:
    release = render(
        {
            "commonLabels": common,
            "podLabels": pod,
            "podAnnotations": {"kubectl.kubernetes.io/default-container": "mine", "kalends.dev/checksum": "mine"},
            "metrics": {
                "serviceMonitor": {"enabled": True, "labels": monitor},
                "prometheusRule": {"enabled": True, "labels": monitor},
            },
            "watchNamespaces": namespaces,
        }
    )
    objects = list(release.objects(crds=True))  # by a loader that refuses a key that is there twice
    assert all(common.items() <= {**one["metadata"]["labels"], **chosen(common, one)}.items() for one in objects)
    service, monitored = release.the("Service"), release.the("ServiceMonitor")
    assert monitored["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor.items() <= monitored["metadata"]["labels"].items()
    assert pod.items() <= release.pod["metadata"]["labels"].items()
    assert release.pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "mine"
    assert release.pod["metadata"]["annotations"]["kalends.dev/checksum"] != "mine"
    edit = release.the("ClusterRole", "-edit")["metadata"]["labels"]
    assert edit["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"


def chosen(common: Json, obj: Json) -> Json:
    """Return those of the common labels that an object has another value of, as something selects it by them."""
    meant = {"app.kubernetes.io/component": "metrics", "rbac.authorization.k8s.io/aggregate-to-edit": "true"}
    labels = obj["metadata"]["labels"]
    return {name: common[name] for name, value in meant.items() if name in common and labels.get(name) == value}


def test_pull_secrets_of_an_umbrella_chart_come_first_and_each_once() -> None:
    release = render(
        {"global": {"imagePullSecrets": ["mirror", {"name": "own"}]}, "imagePullSecrets": [{"name": "own"}]}
    )
    assert release.pod["spec"]["imagePullSecrets"] == [{"name": "mirror"}, {"name": "own"}]


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
