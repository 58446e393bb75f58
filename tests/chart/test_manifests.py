"""What `make manifests` writes is the chart without Helm."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest
import yaml

from chart.pod_security import violations
from chart.rendering import NAMESPACE, ROOT, Json, render


@pytest.fixture(scope="module")
def manifests() -> ModuleType:
    spec = spec_from_file_location("manifests", ROOT / "charts" / "manifests.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "manifests", module)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def objects(manifests: ModuleType) -> list[Json]:
    return [one for one in yaml.load_all(manifests.install_yaml(), yaml.CSafeLoader) if one]


@pytest.fixture(scope="module")
def crds(manifests: ModuleType) -> list[Json]:
    return [one for one in yaml.load_all(manifests.crds_yaml(), yaml.CSafeLoader) if one]


def test_both_files_have_what_a_release_has_and_the_namespace_before_the_rest(
    objects: list[Json], crds: list[Json]
) -> None:
    kinds = [one["kind"] for one in objects]
    assert kinds[0] == "Namespace"
    assert sorted([*kinds[1:], *(one["kind"] for one in crds)]) == render().kinds()


def test_to_delete_the_installation_deletes_no_scheduled_job(objects: list[Json], crds: list[Json]) -> None:
    assert [one["kind"] for one in crds] == ["CustomResourceDefinition"]
    assert "CustomResourceDefinition" not in [one["kind"] for one in objects]


def test_they_do_not_mention_helm(objects: list[Json], crds: list[Json]) -> None:
    for one in [*objects, *crds]:
        metadata = one["metadata"]
        assert not [key for key in (*metadata["labels"], *metadata.get("annotations", {})) if "helm" in key.lower()]
        assert "app.kubernetes.io/managed-by" not in metadata["labels"]


def test_its_namespace_insists_on_restricted_pods_and_its_pod_is_one(objects: list[Json]) -> None:
    first, *others = objects
    assert first["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    (deployment,) = [one for one in others if one["kind"] == "Deployment"]
    assert deployment["metadata"]["namespace"] == first["metadata"]["name"] == NAMESPACE
    assert violations(deployment["spec"]["template"]["spec"]) == []
