"""The rights that the chart grants are those that the operator uses: the API server itself writes down which."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chart.rendering import NAMESPACE, Json, render
from chart.test_rights import WHAT_ONLY_AN_ADMISSION_PLUGIN_ASKS_FOR, Right, permissions
from cluster.conftest import wait_for_service_account
from cluster.operator_process import OperatorProcess, job_template, scheduled_job
from devcluster import Cluster, ControlPlane
from devcluster.api import Api
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:kalends"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [ACCOUNT]}, {"level": "None"}],
}
WORK = "work"
PATH = f"/apis/kalends.dev/v1alpha1/namespaces/{WORK}/scheduledjobs"
EVERY = {"trigger": {"interval": {"seconds": 2}}}


class Recorded:
    """A control plane that keeps an audit log of the operator's requests."""

    def __init__(self, cluster: ControlPlane, log: Path) -> None:
        self.cluster = cluster
        self._log = log

    def requests(self) -> Iterator[Json]:
        """Yield what the operator asked of objects; discovery is open to everybody."""
        for line in self._log.read_text().splitlines():
            asked = json.loads(line)
            if "objectRef" in asked and "apiVersion" in asked["objectRef"]:
                yield asked

    def permissions(self) -> set[Right]:
        """Return which rights were used."""
        return {right_of(one) for one in self.requests()}


def right_of(asked: Json) -> Right:
    ref = asked["objectRef"]
    resource = "/".join(filter(None, (ref["resource"], ref.get("subresource"))))
    return ref.get("apiGroup", ""), resource, asked["verb"]


@pytest.fixture(scope="module")
def recorded(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    if not isinstance(control_plane, ControlPlane):
        pytest.skip("only our own API server can be told to keep an audit log: --cluster=local")
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "policy.json").write_text(json.dumps(POLICY))
    flags = (f"--audit-policy-file={folder / 'policy.json'}", f"--audit-log-path={folder / 'audit.log'}")
    with ControlPlane(control_plane.binaries, api_server_flags=flags) as cluster:
        cluster.kubectl("apply", "--server-side", "-f", ROOT / "crds")
        for namespace in (NAMESPACE, WORK):
            cluster.kubectl("create", "namespace", namespace)
            wait_for_service_account(cluster, namespace)
        eventually(lambda: cluster.kubectl("get", "scheduledjobs", check=False).returncode == 0)
        yield Recorded(cluster, folder / "audit.log")


@pytest.fixture(scope="module")
def replicas(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[OperatorProcess]]:
    """Two operators with the permissions of the chart's release, and no others."""
    cluster, folder = recorded.cluster, tmp_path_factory.mktemp("replicas")
    objects = [one for one in render().objects() if one["kind"] not in {"Deployment", "Service", "ConfigMap"}]
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    kubeconfig = cluster.kubeconfig_for_token(cluster.token_for("kalends", namespace=NAMESPACE))
    in_a_pod = {"POD_NAMESPACE": NAMESPACE, "KALENDS_LEADER_ELECTION__NAME": "kalends"}
    both = [OperatorProcess(kubeconfig, folder / f"{n}.log", environ=in_a_pod) for n in range(2)]
    try:
        for one in both:
            one.start()
        yield both
    finally:
        for one in both:
            one.kill()


def exercise(api: Api) -> None:
    """Have done whatever the operator can do."""
    failing = job_template(annotations={"standin/exit-code": "1"})
    kept = {"successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0}
    api.create(PATH, scheduled_job("failing", WORK, **EVERY, jobTemplate=failing, **kept))
    echo = {"name": "kalends.echo"}
    api.create(PATH, scheduled_job("disturbed", WORK, trigger={"interval": {"seconds": 1}}, task=echo))
    api.create(PATH, scheduled_job("brief", WORK, task=echo, ttlSecondsAfterFinished=1))
    # Its name is taken already.
    at = int(time.time()) + 5
    taken = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"taken-{at}"},
        **job_template(suspended=True),
    }
    api.create(f"/apis/batch/v1/namespaces/{WORK}/jobs", taken)
    once = {"date": {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))}}
    api.create(PATH, scheduled_job("taken", WORK, trigger=once, jobTemplate=job_template()))


def test_every_right_of_the_chart_is_used_and_no_other_is_wanted(
    recorded: Recorded, replicas: list[OperatorProcess]
) -> None:
    granted = {right for role in ("", "-leader-election") for right in granted_by(role)}
    api = Api(recorded.cluster.kubeconfig)
    noise = itertools.count()

    def all_is_used() -> bool:
        # Others write, too, so that the operator meets conflicts.
        for _ in range(10):
            api.patch(f"{PATH}/disturbed", {"metadata": {"annotations": {"noise": str(next(noise))}}})
        unused = granted - WHAT_ONLY_AN_ADMISSION_PLUGIN_ASKS_FOR - recorded.permissions()
        assert not unused, f"granted, and not used: {sorted(unused)}"
        return True

    with StandInNode(recorded.cluster.kubeconfig, seconds=0.5):
        exercise(api)
        eventually(all_is_used, within=120, every=0.05)
    api.close()
    refused = {right_of(one) for one in recorded.requests() if one["responseStatus"].get("code") == 403}
    assert refused == set()
    assert recorded.permissions() <= granted


def granted_by(role: str) -> set[Right]:
    kind = "Role" if role else "ClusterRole"
    (found,) = [one for one in render().all(kind) if one["metadata"]["name"] == f"kalends{role}"]
    return permissions(found)
