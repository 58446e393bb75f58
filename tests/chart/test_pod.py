"""The operator's pod: how it is told what to do, what it may touch, how it is asked and how it ends."""

from __future__ import annotations

from copy import copy
from pathlib import PurePosixPath
from typing import Any

import pytest

from chart.pod_security import violations
from chart.rendering import EVERYTHING, Json, Rendered, render
from kalends.cli.main import operator
from kalends.settings import Settings

BOTH = pytest.mark.parametrize("values", [None, EVERYTHING], ids=["defaults", "everything"])


def mounts(release: Rendered) -> dict[str, Json]:
    return {one["name"]: one for one in release.container["volumeMounts"]}


def variables(release: Rendered) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in release.container["env"]}


@BOTH
def test_the_pod_is_admitted_where_restricted_is_enforced(values: Json | None) -> None:
    assert violations(render(values).pod["spec"]) == []


def test_the_rules_find_what_an_unsafe_pod_does() -> None:
    unsafe = {
        "hostNetwork": True,
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        "containers": [{"name": "main", "securityContext": {"privileged": True, "runAsUser": 0}}],
    }
    assert len(violations(unsafe)) == 8


def test_the_root_file_system_is_read_only_and_tmp_is_not() -> None:
    release = render()
    assert release.container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = [one["mountPath"] for one in release.container["volumeMounts"] if not one.get("readOnly")]
    assert writable == ["/tmp"]  # noqa: S108 - an emptyDir


def test_no_user_is_pinned_as_the_image_names_its_user() -> None:
    spec = render().pod["spec"]
    assert "runAsUser" not in spec["securityContext"] | spec["containers"][0]["securityContext"]


@BOTH
def test_every_mount_has_its_volume_and_every_volume_its_mount(values: Json | None) -> None:
    release = render(values)
    volumes = [one["name"] for one in release.pod["spec"]["volumes"]]
    assert sorted(mounts(release)) == sorted(volumes)


@BOTH
def test_every_config_map_of_the_release_that_is_mounted_is_there(values: Json | None) -> None:
    release = render(values)
    mounted = set()
    for volume in release.pod["spec"]["volumes"]:
        sources = volume.get("projected", {}).get("sources", [volume])
        mounted |= {one["configMap"]["name"] for one in sources if "configMap" in one}
    ours = {one["metadata"]["name"] for one in release.all("ConfigMap")}
    assert mounted - {"team-tasks"} == ours


def test_the_settings_are_where_the_operator_looks_for_them() -> None:
    release = render()
    file = PurePosixPath(variables(release)["KALENDS_CONFIG"])
    assert str(file.parent) == mounts(release)["settings"]["mountPath"]
    assert file.name in release.the("ConfigMap", "-settings")["data"]


@pytest.mark.parametrize("log", [{}, {"level": "debug", "format": "text"}])
def test_the_operator_understands_its_arguments(log: Json) -> None:
    command, *options = render({"log": log}).container["args"]
    assert command == "operator"
    # A copy: a command remembers its first help option, which would be without -h here.
    parsed = copy(operator).make_context(command, options).params
    assert (parsed["log_level"], parsed["log_format"]) == (log.get("level", "info"), log.get("format", "json"))


def test_runs_are_claimed_under_the_name_of_the_pod() -> None:
    assert variables(render())["POD_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_a_service_beside_it_cannot_change_its_settings() -> None:
    # Kubernetes gives each pod KALENDS_HEALTH_PORT where a Service is called kalends-health.
    assert render().pod["spec"]["enableServiceLinks"] is False


def test_the_probes_and_the_service_go_to_the_port_that_the_settings_name() -> None:
    release = render()
    (port,) = release.container["ports"]
    assert f"health_port: {port['containerPort']}\n" in release.settings + "\n"
    assert port["containerPort"] == Settings().health_port
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert release.container[probe]["httpGet"] == {"path": path, "port": port["name"]}
    assert release.the("Service")["spec"]["ports"][0]["targetPort"] == port["name"]


@pytest.mark.parametrize("seconds", [0, 25, 3600])
def test_the_grace_period_covers_the_drain(seconds: int) -> None:
    release = render({"settings": {"drainSeconds": seconds}})
    assert release.pod["spec"]["terminationGracePeriodSeconds"] >= seconds + 10


def test_a_new_pod_watches_before_the_old_pod_is_stopped() -> None:
    spec = render().the("Deployment")["spec"]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert (spec["replicas"], spec["strategy"]) == (1, rolling)


def test_without_a_lease_the_old_operator_ends_before_the_new_operator_starts() -> None:
    spec = render({"leaderElection": {"enabled": False}}).the("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_lease_is_in_the_namespace_of_the_pod() -> None:
    assert variables(render())["POD_NAMESPACE"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}


def test_two_replicas_prefer_two_nodes_and_are_evicted_one_at_a_time() -> None:
    release = render({"replicaCount": 2})
    (term,) = release.pod["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    labels = term["podAffinityTerm"]["labelSelector"]["matchLabels"]
    assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert labels.items() <= release.pod["metadata"]["labels"].items()
    assert release.the("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert render({"replicaCount": 2, "affinity": {"nodeAffinity": {}}}).pod["spec"]["affinity"] == {"nodeAffinity": {}}
    assert "affinity" not in render().pod["spec"]


def test_a_digest_wins_over_the_tag_and_the_tag_over_the_version_of_the_chart() -> None:
    digest = "sha256:" + "a" * 64
    images = [
        render({"image": image}).container["image"] for image in ({}, {"tag": "1"}, {"tag": "1", "digest": digest})
    ]
    assert images == ["kalends:0.1.0", "kalends:1", f"kalends@{digest}"]


def checksum(values: Json | None) -> str:
    annotations: dict[str, str] = render(values).pod["metadata"]["annotations"]
    return annotations["kalends.dev/checksum"]


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"timeZone": "Europe/Berlin"}},
        {"settings": {"executors": {"more": {"kind": "threads", "workers": 1}}}},
        {"watchNamespaces": ["blue"]},
        {"tasks": {"files": {"reports.py": "x = 1"}}},
        {"tasks": {"configMaps": [{"name": "team-tasks", "modules": ["reports"]}]}},
    ],
    ids=str,
)
def test_a_change_of_the_settings_or_tasks_rolls_the_pod(change: Json) -> None:
    assert checksum(change) != checksum(None)


def test_a_change_of_the_code_of_a_task_rolls_the_pod() -> None:
    before, after = ({"tasks": {"files": {"reports.py": f"x = {n}"}}} for n in (1, 2))
    assert checksum(before) != checksum(after)


def test_nothing_else_rolls_the_pod() -> None:
    other = {"podDisruptionBudget": {"enabled": True}, "metrics": {"enabled": False}, "rbac": {"aggregateRoles": False}}
    assert render(other).pod == render().pod


def test_what_kubernetes_takes_is_passed_on() -> None:
    release = render(EVERYTHING)
    spec, container, metadata = release.pod["spec"], release.container, release.pod["metadata"]
    same = (
        "imagePullSecrets",
        "priorityClassName",
        "nodeSelector",
        "tolerations",
        "affinity",
        "topologySpreadConstraints",
    )
    assert {name: spec[name] for name in same} == {name: EVERYTHING[name] for name in same}
    assert variables(release)["DSN"] == "db"
    assert container["envFrom"] == EVERYTHING["extraEnvFrom"]
    assert mounts(release)["data"]["mountPath"] == "/data"
    assert (metadata["labels"]["team"], metadata["annotations"]["note"]) == ("blue", "pod")
