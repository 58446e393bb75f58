"""The operator has only the permissions that it needs; users get theirs through their roles."""

from __future__ import annotations

import pytest
import yaml

from chart.rendering import NAMESPACE, Json, Rendered, render

Right = tuple[str, str, str]

WHAT_THE_OPERATOR_ASKS_FOR: set[Right] = {
    ("kalends.dev", "scheduledjobs", "get"),  # stores/crd.py, after a conflict
    ("kalends.dev", "scheduledjobs", "list"),  # kopf; the sweep
    ("kalends.dev", "scheduledjobs", "watch"),  # kopf
    ("kalends.dev", "scheduledjobs", "delete"),  # stores/crd.py, after ttlSecondsAfterFinished
    ("kalends.dev", "scheduledjobs/status", "patch"),  # stores/crd.py
    ("batch", "jobs", "get"),  # executors/jobs/executor.py, after a conflict
    ("batch", "jobs", "list"),  # the informer
    ("batch", "jobs", "watch"),  # the informer
    ("batch", "jobs", "create"),  # executors/jobs/executor.py; dry runs, too
    ("batch", "jobs", "delete"),  # history limits
    ("", "pods", "list"),  # the informer
    ("", "pods", "watch"),  # the informer
    ("events.k8s.io", "events", "create"),  # kube/events/poster.py
    ("events.k8s.io", "events", "patch"),  # kube/events/poster.py, for repeats
}
WHAT_ONLY_AN_ADMISSION_PLUGIN_ASKS_FOR: set[Right] = {
    ("kalends.dev", "scheduledjobs/finalizers", "update"),  # OwnerReferencesPermissionEnforcement
}
WHAT_IT_ASKS_FOR_BESIDE_ANOTHER_OPERATOR: set[Right] = {
    ("coordination.k8s.io", "leases", "get"),  # handlers/other_operators.py
}
WHAT_IT_ASKS_FOR_OF_THE_CLUSTER: set[Right] = {
    ("apiextensions.k8s.io", "customresourcedefinitions", "get"),  # handlers/crd_check.py
}


def permissions(role: Json) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def operators_roles(release: Rendered, kind: str) -> list[Json]:
    bound = {one["roleRef"]["name"] for one in release.all(f"{kind}Binding")} - {"kalends-leader-election"}
    return [one for one in release.all(kind) if one["metadata"]["name"] in bound]


@pytest.mark.parametrize("values", [{}, {"leaderElection": {"name": "mine"}}, {"watchNamespaces": ["blue"]}], ids=str)
def test_replicas_may_write_one_lease_in_the_namespace_of_the_release(values: Json) -> None:
    release = render(values)
    role, binding = release.the("Role", "-leader-election"), release.the("RoleBinding", "-leader-election")
    named = [rule for rule in role["rules"] if "resourceNames" in rule]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == NAMESPACE
    assert permissions(role) == {
        ("coordination.k8s.io", "leases", verb) for verb in ("create", "get", "watch", "patch")
    }
    assert permissions({"rules": named}) == permissions(role) - {("coordination.k8s.io", "leases", "create")}
    assert yaml.safe_load(release.settings)["leader_election"]["name"] == named[0]["resourceNames"][0]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == release.pod["spec"]["serviceAccountName"]


def test_everywhere_it_may_do_what_it_asks_for_and_nothing_else() -> None:
    (role,) = operators_roles(render(), "ClusterRole")
    asked_for = WHAT_THE_OPERATOR_ASKS_FOR | WHAT_IT_ASKS_FOR_BESIDE_ANOTHER_OPERATOR | WHAT_IT_ASKS_FOR_OF_THE_CLUSTER
    assert permissions(role) == asked_for | WHAT_ONLY_AN_ADMISSION_PLUGIN_ASKS_FOR


def test_of_the_definitions_of_a_cluster_it_may_read_its_own() -> None:
    (role,) = operators_roles(render(), "ClusterRole")
    (rule,) = [rule for rule in role["rules"] if "customresourcedefinitions" in rule["resources"]]
    assert rule["resourceNames"] == ["scheduledjobs.kalends.dev"]


def test_in_named_namespaces_it_may_do_the_same_there_and_nothing_elsewhere() -> None:
    release = render({"watchNamespaces": ["blue", "green"]})
    roles = operators_roles(release, "Role")
    assert [one["metadata"]["namespace"] for one in roles] == ["blue", "green"]
    for role in roles:
        assert permissions(role) == WHAT_THE_OPERATOR_ASKS_FOR | WHAT_ONLY_AN_ADMISSION_PLUGIN_ASKS_FOR
    assert operators_roles(release, "ClusterRole") == []


def test_no_right_is_a_wildcard() -> None:
    for role in (*render().all("ClusterRole"), *render({"watchNamespaces": ["blue"]}).all("Role")):
        assert not any("*" in part for right in permissions(role) for part in right)


@pytest.mark.parametrize(
    "values",
    [{}, {"serviceAccount": {"name": "robot"}}, {"serviceAccount": {"create": False, "name": "robot"}}],
    ids=str,
)
@pytest.mark.parametrize("namespaces", [[], ["blue"]], ids=["everywhere", "blue"])
def test_the_permissions_are_those_of_the_pods_service_account(values: Json, namespaces: list[str]) -> None:
    release = render({**values, "watchNamespaces": namespaces})
    account = release.pod["spec"]["serviceAccountName"]
    bindings = release.all("RoleBinding") + release.all("ClusterRoleBinding")
    assert len(bindings) == 2
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]
    made = [one["metadata"]["name"] for one in release.all("ServiceAccount")]
    assert made == ([account] if values.get("serviceAccount", {}).get("create", True) else [])


def test_a_role_is_bound_in_the_namespace_where_it_is() -> None:
    release = render({"watchNamespaces": ["blue", "green"]})
    places = [[one["metadata"]["namespace"] for one in release.all(kind)] for kind in ("Role", "RoleBinding")]
    assert places[0] == places[1]


def test_who_may_view_a_namespace_may_view_scheduledjobs_and_who_may_edit_it_may_edit_them() -> None:
    view, edit = render().the("ClusterRole", "-view"), render().the("ClusterRole", "-edit")
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert {verb for _, _, verb in permissions(view)} == {"get", "list", "watch"}
    assert {resource for _, resource, _ in permissions(edit)} == {"scheduledjobs"}  # the status is the operator's


def test_nothing_outside_namespaces_is_made_where_that_is_asked_for() -> None:
    release = render(
        {"watchNamespaces": ["blue"], "crds": {"enabled": False}, "rbac": {"aggregateRoles": False}},
    )
    assert all("namespace" in one["metadata"] for one in release.objects(crds=True))


def test_roles_can_be_created_outside_of_the_chart() -> None:
    for namespaces in ([], ["blue"]):
        release = render({"rbac": {"create": False, "aggregateRoles": False}, "watchNamespaces": namespaces})
        assert not [kind for kind in release.kinds() if "Role" in kind]
