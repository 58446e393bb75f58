"""Jobs that a queue keeps suspended, as Kueue does: a stand-in for it suspends and admits them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.operator_process import OperatorProcess, job_template, scheduled_job
from devcluster import Cluster
from devcluster.api import Api
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

QUEUE = "kueue.x-k8s.io/queue-name"


@pytest.fixture
def queue(installed: Cluster, namespace: str) -> Iterator[str]:
    """A stand-in for Kueue's webhook: Jobs that name a queue are created suspended."""
    name = f"queue-{namespace}"
    installed.kubectl("label", "namespace", namespace, f"queue={namespace}")
    policy: dict[str, Any] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"queue": namespace}},
                "resourceRules": [
                    {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
                ],
            },
            "matchConditions": [
                {"name": "queued", "expression": f"'{QUEUE}' in object.metadata.?labels.orValue({{}})"}
            ],
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": "Object{spec: Object.spec{suspend: true}}"},
                }
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name},
    }
    for one in (policy, binding):
        installed.kubectl("apply", "-f", "-", input=json.dumps(one))
    labelled = {"name": "probe", "labels": {QUEUE: "q"}}
    probe = {"apiVersion": "batch/v1", "kind": "Job", "metadata": labelled, **job_template()}

    def in_force() -> bool:
        dry = ["create", "--dry-run=server", "-o", "json", "-n", namespace, "-f", "-"]
        made = json.loads(installed.kubectl(*dry, input=json.dumps(probe)).stdout)
        return made["spec"].get("suspend") is True

    eventually(in_force)
    try:
        yield "user-queue"
    finally:
        for kind in ("mutatingadmissionpolicybinding", "mutatingadmissionpolicy"):
            installed.kubectl("delete", kind, name, check=False)


class Queued:
    """A ScheduledJob whose Jobs go through the queue."""

    def __init__(self, api: Api, namespace: str, queue: str, **spec: Any) -> None:
        self.api = api
        self.jobs_path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        collection = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
        body = scheduled_job("report", namespace, jobTemplate=job_template(), **spec)
        body["metadata"]["labels"] = {QUEUE: queue}
        api.create(collection, body)
        self.path = f"{collection}/report"

    def status(self) -> Any:
        return self.api.get(self.path).get("status", {})

    def counts(self) -> dict[str, int]:
        return {name: count for name, count in self.status().get("counts", {}).items() if count}

    def waiting(self) -> Any:
        return next((run for run in self.status().get("active", ()) if run.get("waiting") == "Admission"), None)

    def admit(self, name: str) -> None:
        self.api.patch(f"{self.jobs_path}/{name}", {"spec": {"suspend": False}})


def test_a_job_waits_for_admission_runs_once_admitted_and_is_never_resumed_by_kalends(
    api: Api, operator: OperatorProcess, node: StandInNode, namespace: str, queue: str
) -> None:
    report = Queued(api, namespace, queue, trigger={"interval": {"seconds": 3}})
    run = eventually(report.waiting)["name"]
    eventually(lambda: report.counts().get("skipped", 0) >= 2)
    (job,) = api.items(report.jobs_path)
    assert job["metadata"]["labels"][QUEUE] == queue
    assert job["spec"]["suspend"] is True
    report.admit(run)
    eventually(lambda: report.counts().get("succeeded", 0) == 1)
    assert eventually(report.waiting)["name"] != run


def test_a_job_that_is_not_admitted_in_time_is_missed_and_the_next_one_gets_its_turn(
    installed: Cluster, api: Api, operator: OperatorProcess, node: StandInNode, namespace: str, queue: str
) -> None:
    report = Queued(api, namespace, queue, trigger={"interval": {"seconds": 3}}, admissionTimeoutSeconds=4)
    first = eventually(report.waiting)["name"]
    eventually(lambda: report.counts().get("missed", 0) == 1)
    entry = next(one for one in report.status()["history"] if one["name"] == first)
    assert (entry["outcome"], entry["reason"], entry["attempts"]) == ("Missed", "AdmissionTimeout", 0)
    second = eventually(report.waiting)["name"]
    assert second != first
    wide = installed.kubectl("get", "schj", "-n", namespace, "-o", "wide").stdout
    assert "WAITING" in wide
    report.admit(second)
    eventually(lambda: report.counts().get("succeeded", 0) == 1)
    counts = report.status()["counts"]
    decided = sum(counts[name] for name in ("started", "missed", "coalesced", "skipped", "queued"))
    ended = sum(counts[name] for name in ("active", "succeeded", "failed", "cancelled", "lost"))
    assert counts["due"] + counts["requested"] == decided
    assert counts["started"] == ended


def test_a_finished_job_that_is_deleted_is_no_failed_or_lost_run(
    api: Api, operator: OperatorProcess, node: StandInNode, namespace: str
) -> None:
    collection = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
    api.create(collection, scheduled_job("once", namespace, jobTemplate=job_template()))
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"

    def status() -> dict[str, Any]:
        return dict(api.get(f"{collection}/once").get("status", {}))

    eventually(lambda: status().get("counts", {}).get("succeeded") == 1)
    (job,) = api.items(jobs)
    assert api.delete(f"{jobs}/{job['metadata']['name']}") == 200
    eventually(lambda: not api.items(jobs))
    counts = status()["counts"]
    assert (counts["succeeded"], counts["failed"], counts["lost"]) == (1, 0, 0)
