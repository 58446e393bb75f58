"""The operator with exactly the permissions that the chart grants: its ServiceAccount, RBAC on, nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python import Chart

from cluster.operator_process import OperatorProcess, job_template, scheduled_job
from devcluster import Cluster
from devcluster.api import Api
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = pytest.mark.slow

CHART = Path(__file__).parents[2] / "charts" / "kalends"
PERMISSIONS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


def permissions(namespace: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the chart says about who the operator is and what it may do."""
    rendered = Chart.load(str(CHART)).render(values, name="kalends", namespace=namespace)
    documents = [
        one
        for name, text in rendered.items()
        if name.endswith(".yaml")
        for one in yaml.safe_load_all(text)
        if isinstance(one, dict)
    ]
    return [one for one in documents if one.get("kind") in PERMISSIONS]


@pytest.fixture(params=["cluster-wide", "one namespace"])
def restricted(
    request: pytest.FixtureRequest, installed: Cluster, namespace: str, tmp_path: Path
) -> Iterator[OperatorProcess]:
    """An operator that runs as the chart's ServiceAccount, ready."""
    watched = () if request.param == "cluster-wide" else (namespace,)
    objects = permissions(namespace, {"watchNamespaces": list(watched)} if watched else {})
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    installed.kubectl("apply", "-n", namespace, "-f", "-", input=listed)
    account = next(one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount")
    kubeconfig = installed.kubeconfig_for_token(installed.token_for(account, namespace=namespace), namespace=namespace)
    # What the pod says of itself, and the release's name.
    in_a_pod = {"POD_NAMESPACE": namespace, "KALENDS_LEADER_ELECTION__NAME": "kalends"}
    process = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=watched, environ=in_a_pod)
    standby = OperatorProcess(kubeconfig, tmp_path / "standby.log", namespaces=watched, environ=in_a_pod)
    process.start()
    try:
        eventually(lambda: "kalends_leader 1.0" in process.page("/metrics")[1])
        standby.start()
        watches = 'kalends_api_request_duration_seconds_count{code="200",resource="leases",verb="WATCH"} 1.0'
        eventually(lambda: watches in standby.page("/metrics")[1])
        yield process
    finally:
        process.kill()
        standby.kill()
        installed.kubectl("delete", "-n", namespace, "-f", "-", input=listed, check=False)


def test_it_does_all_of_its_work_and_is_refused_nothing(
    installed: Cluster, api: Api, restricted: OperatorProcess, node: StandInNode, namespace: str
) -> None:
    path = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
    every = {"interval": {"seconds": 2}}
    failing = job_template(annotations={"standin/exit-code": "1"})
    api.create(path, scheduled_job("task", namespace, trigger=every, task={"name": "kalends.echo"}))
    limits = {"successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0}
    api.create(path, scheduled_job("job", namespace, trigger=every, jobTemplate=job_template(), **limits))
    api.create(path, scheduled_job("failing", namespace, jobTemplate=failing))

    def done(name: str, count: str) -> bool:
        return bool(api.get(f"{path}/{name}").get("status", {}).get("counts", {}).get(count, 0) >= 2)

    eventually(lambda: done("task", "succeeded"))
    eventually(lambda: done("job", "succeeded"))
    eventually(lambda: api.get(f"{path}/failing").get("status", {}).get("counts", {}).get("failed") == 1)
    events = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    eventually(lambda: [one for one in api.items(events) if one.get("reason") == "RunFailed"])
    # RBAC says who cannot do what; a namespace of another test that is being deleted is refused in other words.
    # With permissions in its namespaces alone it cannot read the CRD, says so once, and works without.
    lines = [line for line in restricted.process.log.read_text().splitlines() if "the CRD cannot be read" not in line]
    assert not [line for line in lines if "is forbidden" in line and " cannot " in line]
