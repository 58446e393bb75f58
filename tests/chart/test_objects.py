"""Which objects a release has, what they are called, and what else each toggle does."""

from __future__ import annotations

import re

import pytest
import yaml

from chart.rendering import CHART, EVERYTHING, NAMESPACE, ROOT, Json, Rendered, render
from kalends.model import check_manifest

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
USUAL = [
    "ClusterRole",
    "ClusterRole",
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "CustomResourceDefinition",
    "Deployment",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
]


def test_a_release_has_the_usual_objects() -> None:
    assert render().kinds() == USUAL


@pytest.mark.parametrize(
    ("values", "added", "gone"),
    [
        ({"crds": {"enabled": False}}, [], ["CustomResourceDefinition"]),
        ({"metrics": {"enabled": False}}, [], ["Service"]),
        ({"metrics": {"serviceMonitor": {"enabled": True}}}, ["ServiceMonitor"], []),
        ({"metrics": {"prometheusRule": {"enabled": True}}}, ["PrometheusRule"], []),
        ({"podDisruptionBudget": {"enabled": True}}, ["PodDisruptionBudget"], []),
        ({"networkPolicy": {"enabled": True}}, ["NetworkPolicy"], []),
        ({"serviceAccount": {"create": False}}, [], ["ServiceAccount"]),
        ({"podDisruptionBudget": {"enabled": False}, "replicaCount": 2}, [], []),
        ({"replicaCount": 2}, ["PodDisruptionBudget"], []),
        ({"leaderElection": {"enabled": False}}, [], ["Role", "RoleBinding"]),
        ({"rbac": {"create": False}}, [], ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]),
        ({"rbac": {"aggregateRoles": False}}, [], ["ClusterRole", "ClusterRole"]),
        ({"watchNamespaces": ["blue"]}, ["Role", "RoleBinding"], ["ClusterRole", "ClusterRoleBinding"]),
        ({"tasks": {"files": {"a.py": ""}}}, ["ConfigMap"], []),
        ({"tasks": {"configMaps": [{"name": "mine", "modules": ["a"]}]}}, [], []),
    ],
    ids=str,
)
def test_a_toggle_adds_and_takes_away_what_it_names(values: Json, added: list[str], gone: list[str]) -> None:
    expected = [*USUAL, *added]
    for kind in gone:
        expected.remove(kind)
    assert render(values).kinds() == sorted(expected)


@pytest.mark.parametrize(
    "values", [None, EVERYTHING, {"watchNamespaces": ["blue"]}], ids=["defaults", "everything", "blue"]
)
def test_every_object_says_whose_it_is(values: Json | None) -> None:
    for one in render(values).objects(crds=True):
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "kalends"
        assert labels["app.kubernetes.io/instance"] == "kalends"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels.items() >= (values or {}).get("commonLabels", {}).items()


LONG = "x" * 62 + "y"


@pytest.mark.parametrize(
    ("release", "values"),
    [
        ("r" * 53, {}),
        ("r" * 53, {"nameOverride": LONG}),
        ("kalends", {"fullnameOverride": LONG}),
        ("kalends", {"fullnameOverride": "-".join("x" * 32)}),
        ("kalends", {"fullnameOverride": "x" + "--x" * 20}),
    ],
    ids=["release", "release and name", "full name", "dashes at each cut", "two dashes at each cut"],
)
def test_names_stay_within_what_kubernetes_takes_however_long_they_are(release: str, values: Json) -> None:
    made = render({**EVERYTHING, **values}, name=release)
    for one in made.objects(crds=True):
        metadata = one["metadata"]
        if one["kind"] != "CustomResourceDefinition":
            assert DNS_LABEL.fullmatch(metadata["name"]), metadata["name"]
        assert all(LABEL_VALUE.fullmatch(value) for value in metadata["labels"].values()), metadata["labels"]
    names = [(one["kind"], one["metadata"]["name"]) for one in made.objects()]
    assert len(names) == len(set(names))


def test_names_are_short_where_the_release_is_called_like_the_chart() -> None:
    assert render().the("Deployment")["metadata"]["name"] == "kalends"
    assert render(name="prod").the("Deployment")["metadata"]["name"] == "prod-kalends"


def test_selectors_choose_the_pod() -> None:
    release = render({**EVERYTHING, "nameOverride": "other"}, name="prod")
    labels = release.pod["metadata"]["labels"]
    selectors = [
        release.the("Deployment")["spec"]["selector"]["matchLabels"],
        release.the("Service")["spec"]["selector"],
        release.the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        release.the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
    assert all(selector == selectors[0] for selector in selectors)


def test_a_selector_never_holds_what_an_upgrade_changes() -> None:
    assert render(EVERYTHING).the("Deployment")["spec"]["selector"]["matchLabels"].keys() == {
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
    }


def test_objects_live_in_the_namespace_of_the_release() -> None:
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
    for one in render(EVERYTHING).objects(crds=True):
        assert one["metadata"].get("namespace") == (None if one["kind"] in cluster_wide else NAMESPACE)


def crd_of(release: Rendered) -> Json:
    (found,) = [one for one in release.objects(crds=True) if one["kind"] == "CustomResourceDefinition"]
    return found


def test_the_chart_has_the_crds_of_the_repository_to_the_letter() -> None:
    ours = {one.name: one.read_bytes() for one in (ROOT / "crds").glob("*.yaml")}
    assert ours
    assert {one.name: one.read_bytes() for one in (CHART / "files" / "crds").iterdir()} == ours


def test_the_crd_is_rendered_as_it_is_but_for_labels_and_the_annotation_that_keeps_it() -> None:
    (file,) = (ROOT / "crds").glob("*.yaml")
    crd = crd_of(render())
    metadata = crd["metadata"]
    assert metadata["annotations"].pop("helm.sh/resource-policy") == "keep"
    del metadata["labels"]
    original = yaml.load(file.read_text(), yaml.CSafeLoader)
    original["metadata"].setdefault("annotations", {})
    assert crd == original


def test_without_keep_the_crd_is_deleted_with_the_release_and_the_notes_warn_of_it() -> None:
    release = render({"crds": {"keep": False}})
    assert "annotations" not in crd_of(release)["metadata"]
    assert "EVERY ScheduledJob" in release.notes
    assert "EVERY ScheduledJob" not in render().notes


@pytest.mark.parametrize("values", [None, {"watchNamespaces": ["blue"]}], ids=["everywhere", "blue"])
def test_the_notes_tell_what_to_type_next_and_it_is_valid(values: Json | None) -> None:
    notes = render(values).notes
    assert "rollout status deployment/kalends" in notes
    manifest = yaml.safe_load(notes.partition("<<'EOF'\n")[2].partition("  EOF")[0])
    assert check_manifest(manifest) == []


def test_a_budget_is_given_by_what_must_stay_or_else_by_what_may_go() -> None:
    def spec(**values: object) -> Json:
        found: Json = render({"podDisruptionBudget": {"enabled": True, **values}}).the("PodDisruptionBudget")["spec"]
        return {name: value for name, value in found.items() if name != "selector"}

    assert spec() == {"maxUnavailable": 1}
    assert spec(maxUnavailable=0) == {"maxUnavailable": 0}
    assert spec(minAvailable="50%") == {"minAvailable": "50%"}
    assert spec(minAvailable=0) == {"minAvailable": 0}


def test_the_network_policy_allows_probes_and_metrics_and_restricts_egress_only_if_configured() -> None:
    spec = render({"networkPolicy": {"enabled": True}}).the("NetworkPolicy")["spec"]
    assert (spec["policyTypes"], spec["ingress"]) == (["Ingress"], [{"ports": [{"port": "http"}]}])
    strict = render(EVERYTHING).the("NetworkPolicy")["spec"]
    assert strict["policyTypes"] == ["Ingress", "Egress"]
    assert strict["egress"] == EVERYTHING["networkPolicy"]["egress"]
    assert strict["ingress"][0]["from"] == EVERYTHING["networkPolicy"]["from"]
