"""Attacks by a tenant: Jobs, pods, labels and annotations that claim to belong to a ScheduledJob. Real API server."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cluster.conftest import wait_for_service_account
from cluster.operator_process import OperatorProcess, job_template, scheduled_job
from devcluster import Cluster
from devcluster.api import Api
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually
from kalends.engine.core.run_names import run_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

LABEL = "kalends.dev/scheduled-job"
MAY = ("create", "get", "list", "watch", "delete", "patch", "update")


def in_namespace(namespace: str, resource: str, name: str = "") -> str:
    group = {
        "jobs": "apis/batch/v1",
        "pods": "api/v1",
        "pods/status": "api/v1",
        "scheduledjobs": "apis/kalends.dev/v1alpha1",
        "events": "apis/events.k8s.io/v1",
    }[resource]
    path = f"/{group}/namespaces/{namespace}/{resource}"
    return f"{path}/{name}" if name else path


class Tenant:
    """A user with all permissions on Jobs and pods in one namespace, and none elsewhere."""

    def __init__(self, cluster: Cluster, namespace: str, *, where: str | None = None) -> None:
        self.namespace = where or namespace
        cluster.kubectl("create", "serviceaccount", "tenant", "-n", namespace)
        verbs = [f"--verb={','.join(MAY)}", "--resource=jobs.batch,pods"]
        cluster.kubectl("create", "role", "tenant", "-n", self.namespace, *verbs)
        account = f"--serviceaccount={namespace}:tenant"
        cluster.kubectl("create", "rolebinding", "tenant", "-n", self.namespace, "--role=tenant", account)
        token = cluster.token_for("tenant", namespace=namespace)
        self.api = Api(cluster.kubeconfig_for_token(token, namespace=namespace))

    def forge_job(self, victim: Any, name: str, **metadata: Any) -> Any:
        """Create a suspended Job that says it belongs to a ScheduledJob, whatever namespace that is in."""
        meta = victim["metadata"]
        owner = {"apiVersion": "kalends.dev/v1alpha1", "kind": "ScheduledJob", "name": meta["name"]}
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "labels": {"app.kubernetes.io/managed-by": "kalends", LABEL: meta["name"]},
                "ownerReferences": [owner | {"uid": meta["uid"], "controller": True}],
                **metadata,
            },
            **job_template(suspended=True),
        }
        return self.api.create(in_namespace(self.namespace, "jobs"), body)


@pytest.fixture
def evil(installed: Cluster) -> Iterator[Tenant]:
    """A tenant of another namespace, which sorts after the victim's."""
    name = f"zevil-{secrets.token_hex(4)}"
    installed.kubectl("create", "namespace", name)
    try:
        wait_for_service_account(installed, name)
        tenant = Tenant(installed, name)
        with closing(tenant.api):
            yield tenant
    finally:
        installed.kubectl("delete", "namespace", name, "--wait=false", check=False)


@pytest.fixture
def insider(installed: Cluster, namespace: str) -> Iterator[Tenant]:
    """An account of the victim's namespace, without any right on ScheduledJobs."""
    tenant = Tenant(installed, namespace)
    with closing(tenant.api):
        yield tenant


@pytest.fixture
def everywhere(installed: Cluster, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that watches all namespaces."""
    process = OperatorProcess(installed.kubeconfig, tmp_path / "operator.log")
    process.start()
    try:
        yield process
    finally:
        process.kill()


class Victim:
    """A ScheduledJob that is attacked."""

    def __init__(self, api: Api, namespace: str, name: str, **spec: Any) -> None:
        self.api, self.namespace, self.name = api, namespace, name
        self.path = in_namespace(namespace, "scheduledjobs", name)
        api.create(in_namespace(namespace, "scheduledjobs"), scheduled_job(name, namespace, **spec))
        eventually(lambda: self.status().get("nextRunTime"))

    def now(self) -> Any:
        return self.api.get(self.path)

    def status(self) -> Any:
        return self.now().get("status", {})

    def count(self, name: str) -> int:
        return int(self.status().get("counts", {}).get(name, 0))

    def condition(self, kind: str) -> Any:
        return next((one for one in self.status().get("conditions", ()) if one["type"] == kind), None)

    def jobs(self) -> list[Any]:
        return self.api.items(in_namespace(self.namespace, "jobs"))

    def continues(self, runs: int = 2) -> None:
        """Wait for so many more runs that go well."""
        before = self.count("succeeded")
        eventually(lambda: self.count("succeeded") >= before + runs)


def cursor(status: Any) -> str:
    return str(status.get("decidedUntilTime") or status.get("lastScheduleTime") or "")


def seconds_ahead(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@pytest.mark.parametrize("target", ["jobTemplate", "task"])
def test_a_job_of_another_namespace_that_names_a_fire_time_to_come_changes_nothing(
    api: Api, everywhere: OperatorProcess, node: StandInNode, namespace: str, evil: Tenant, target: str
) -> None:
    what = {"jobTemplate": job_template()} if target == "jobTemplate" else {"task": {"name": "kalends.echo"}}
    victim = Victim(api, namespace, "backup", trigger={"interval": {"seconds": 3}}, **what)
    victim.continues(1)
    far = int(time.time()) // 3 * 3 + 2 * 86_400 - 3600
    held = {"finalizers": ["evil.example/hold"]}  # the garbage collector cannot take it away
    for number in range(5):
        evil.forge_job(victim.now(), f"backup-{far + 3 * number}", **held)
        evil.forge_job(victim.now(), f"backup-{int(time.time()) + 3 + number}", **held)
    victim.continues(3)
    status = victim.status()
    assert status["counts"]["coalesced"] == 0
    assert cursor(status) <= seconds_ahead(1)
    assert len(status.get("active", ())) <= 1
    for job in evil.api.items(in_namespace(evil.namespace, "jobs")):
        evil.api.patch(
            in_namespace(evil.namespace, "jobs", job["metadata"]["name"]), {"metadata": {"finalizers": None}}
        )


def test_a_pod_of_another_namespace_writes_no_outcome_and_a_job_of_one_reads_none(
    api: Api, everywhere: OperatorProcess, node: StandInNode, namespace: str, evil: Tenant
) -> None:
    template = job_template(annotations={"standin/exit-code": "1", "standin/message": "customer Jane Doe"})
    victim = Victim(api, namespace, "payroll", trigger={"interval": {"seconds": 4}}, jobTemplate=template)
    evil.forge_job(victim.now(), "payroll-1", finalizers=["evil.example/hold"])
    job = eventually(victim.jobs)[0]["metadata"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["name"], "uid": job["uid"], "controller": True}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "forged",
            "finalizers": ["evil.example/hold"],
            "labels": {"app.kubernetes.io/managed-by": "kalends", LABEL: "payroll"},
            "ownerReferences": [owner],
        },
        "spec": job_template()["spec"]["template"]["spec"],
    }
    evil.api.create(in_namespace(evil.namespace, "pods"), pod)
    later = seconds_ahead(60)
    terminated = {"exitCode": 3, "reason": "Error", "message": "written by the attacker", "finishedAt": later}
    ended = {"name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    status = {"phase": "Failed", "containerStatuses": [ended | {"state": {"terminated": terminated}}]}
    api.patch(f"{in_namespace(evil.namespace, 'pods', 'forged')}/status", {"status": status})
    eventually(lambda: victim.count("failed") >= 2)
    assert "attacker" not in json.dumps(victim.status())
    assert "Jane Doe" in victim.status()["history"][0]["message"]
    events = api.items(in_namespace(evil.namespace, "events"))
    assert "Jane Doe" not in json.dumps(events)
    assert not [one for one in events if one.get("regarding", {}).get("kind") == "ScheduledJob"]
    eventually(lambda: "Jane Doe" in json.dumps(api.items(in_namespace(namespace, "events"))))
    for resource, name in (("pods", "forged"), ("jobs", "payroll-1")):
        evil.api.patch(in_namespace(evil.namespace, resource, name), {"metadata": {"finalizers": None}})


def test_an_insider_who_may_create_jobs_moves_no_cursor_and_is_found_out(
    api: Api, operator: OperatorProcess, node: StandInNode, namespace: str, insider: Tenant
) -> None:
    victim = Victim(
        api, namespace, "backup", trigger={"interval": {"seconds": 3}}, jobTemplate=job_template(), retry={"limit": 2}
    )
    victim.continues(1)
    resource, now = victim.now(), int(time.time())
    next_run = time.mktime(time.strptime(victim.status()["nextRunTime"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    insider.forge_job(resource, f"backup-{int(next_run) + 15 * 11_500}")
    insider.forge_job(resource, f"backup-{now - 86_400}")
    insider.forge_job(resource, run_name("backup", now - 86_400, 2))
    annotations = {"kalends.dev/run-requested": "zzz", "kalends.dev/scheduled-time": "9999-12-31T23:59:59Z"}
    insider.forge_job(resource, run_name("backup", 0, 1, "zzz"), annotations=annotations)
    victim.continues(3)
    status = victim.status()
    assert cursor(status) <= seconds_ahead(1)
    assert status.get("lastRequestTime", "") <= seconds_ahead(1)
    assert status["counts"]["coalesced"] == 0
    condition = eventually(lambda: victim.condition("JobsIgnored"))
    assert condition["reason"] == "UnexpectedJob"
    eventually(lambda: "UnexpectedJob" in json.dumps(api.items(in_namespace(namespace, "events"))))
    _, token = api.patch(victim.path, {"metadata": {"annotations": {"kalends.dev/run-requested": "now1"}}})
    assert token["metadata"]["annotations"]["kalends.dev/run-requested"] == "now1"
    eventually(lambda: victim.count("requested") >= 1)
    victim.continues(2)
    assert "Traceback" not in operator.process.log.read_text()


@pytest.mark.parametrize("label", ["app.kubernetes.io/managed-by", LABEL])
def test_under_forbid_no_second_job_starts_beside_one_that_lost_a_label(
    installed: Cluster, api: Api, operator: OperatorProcess, node: StandInNode, namespace: str, label: str
) -> None:
    template = job_template(annotations={"standin/never": "true"})
    victim = Victim(api, namespace, "hung", trigger={"interval": {"seconds": 2}}, jobTemplate=template)
    run = eventually(lambda: victim.status().get("active"))[0]["name"]
    installed.kubectl("label", "job", run, "-n", namespace, f"{label}-")
    skipped = victim.count("skipped")
    eventually(lambda: victim.count("skipped") >= skipped + 3)
    assert [job["metadata"]["name"] for job in victim.jobs()] == [run]
    if label == LABEL:
        assert eventually(lambda: victim.condition("JobRelabelled"))["reason"] == "IdentityChanged"
    operator.kill()
    operator.start()
    skipped = victim.count("skipped")
    eventually(lambda: victim.count("skipped") >= skipped + 2)
    assert [job["metadata"]["name"] for job in victim.jobs()] == [run]
    assert victim.count("lost") == 0
    # It is deleted manually: then it is gone, and the schedule continues.
    assert api.delete(in_namespace(namespace, "jobs", run)) == 200
    eventually(lambda: victim.count("lost") == 1)


RELABEL = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingAdmissionPolicy",
    "spec": {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]}
            ]
        },
    },
}


@pytest.fixture
def relabelling(installed: Cluster, namespace: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A policy that changes one label of every Job of the namespace when it is created."""
    label, name = request.param, f"relabel-{namespace}"
    installed.kubectl("label", "namespace", namespace, f"relabel={namespace}")
    escaped = label.replace("/", "~1")
    patch = f'[JSONPatch{{op: "replace", path: "/metadata/labels/{escaped}", value: "platform-team"}}]'
    policy = json.loads(json.dumps(RELABEL))
    policy["metadata"] = {"name": name}
    policy["spec"]["matchConstraints"]["namespaceSelector"] = {"matchLabels": {"relabel": namespace}}
    policy["spec"]["mutations"] = [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}]
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name},
    }
    for one in (policy, binding):
        installed.kubectl("apply", "-f", "-", input=json.dumps(one))
    labels = {"app.kubernetes.io/managed-by": "probe", LABEL: "probe"}
    probe = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "probe", "labels": labels}, **job_template()}

    def in_force() -> bool:
        dry = ["create", "--dry-run=server", "-o", "json", "-n", namespace, "-f", "-"]
        made = installed.kubectl(*dry, input=json.dumps(probe)).stdout
        return bool(json.loads(made)["metadata"]["labels"][label] == "platform-team")

    eventually(in_force)
    try:
        yield label
    finally:
        for kind in ("mutatingadmissionpolicybinding", "mutatingadmissionpolicy"):
            installed.kubectl("delete", kind, name, check=False)


@pytest.mark.parametrize("relabelling", ["app.kubernetes.io/managed-by"], indirect=True)
def test_a_policy_that_changes_a_common_label_prevents_no_run(
    api: Api, operator: OperatorProcess, namespace: str, relabelling: str
) -> None:
    victim = Victim(api, namespace, "report", trigger={"interval": {"seconds": 2}}, jobTemplate=job_template())
    run = eventually(lambda: victim.status().get("active"))[0]["name"]
    eventually(lambda: victim.count("skipped") >= 2)
    assert [job["metadata"]["name"] for job in victim.jobs()] == [run]
    assert victim.condition("Ready")["status"] == "True"


@pytest.mark.parametrize("relabelling", [LABEL], indirect=True)
def test_a_policy_that_changes_kalends_own_label_is_named_before_the_first_run(
    api: Api, operator: OperatorProcess, namespace: str, relabelling: str
) -> None:
    body = scheduled_job("report", namespace, trigger={"interval": {"seconds": 2}}, jobTemplate=job_template())
    api.create(in_namespace(namespace, "scheduledjobs"), body)
    path = in_namespace(namespace, "scheduledjobs", "report")

    def stalled() -> Any:
        conditions = api.get(path).get("status", {}).get("conditions", ())
        return next((one for one in conditions if one["type"] == "Stalled" and one["status"] == "True"), None)

    condition = eventually(stalled)
    assert condition["reason"] == "InvalidJobTemplate"
    assert "an admission policy changed the label" in condition["message"]
    assert api.items(in_namespace(namespace, "jobs")) == []


def test_a_status_that_names_no_object_sends_no_request_to_another_place(
    api: Api, operator: OperatorProcess, namespace: str
) -> None:
    victim = Victim(api, namespace, "report", schedule="0 0 1 1 *", jobTemplate=job_template())
    active = {"name": "../../pods/x?a=b", "scheduledTime": "2026-01-01T00:00:00Z"}
    counts = {"due": 1, "started": 1, "active": 1}
    code, answer = api.patch(f"{victim.path}/status", {"status": {"active": [active], "counts": counts}})
    assert code == 422, answer
    assert "status.active[0].name" in answer["message"]


def test_a_status_with_an_executor_that_is_not_there_ends_its_run(
    api: Api, operator: OperatorProcess, namespace: str
) -> None:
    victim = Victim(api, namespace, "report", schedule="0 0 1 1 *", jobTemplate=job_template())
    gone = {"name": "report-1767225600", "scheduledTime": "2026-01-01T00:00:00Z", "executor": "nowhere"}
    counts = {"due": 1, "started": 1, "active": 1}
    api.patch(f"{victim.path}/status", {"status": {"active": [gone], "counts": counts}})
    eventually(lambda: victim.count("lost") == 1)
    assert "Traceback" not in operator.process.log.read_text()


def test_a_status_that_was_requested_at_the_end_of_time_names_its_correction(
    api: Api, operator: OperatorProcess, namespace: str
) -> None:
    victim = Victim(api, namespace, "report", schedule="0 0 1 1 *", jobTemplate=job_template())
    api.patch(f"{victim.path}/status", {"status": {"lastRequestTime": "9999-12-31T23:59:59Z"}})
    api.patch(victim.path, {"metadata": {"annotations": {"kalends.dev/run-requested": "now1"}}})
    eventually(lambda: (victim.condition("Stalled") or {}).get("reason") == "InvalidStatus")
    assert "status.lastRequestTime" in victim.condition("Ready")["message"]
    api.patch(f"{victim.path}/status", {"status": {"lastRequestTime": None}})
    eventually(lambda: victim.count("requested") == 1)
    assert "Traceback" not in operator.process.log.read_text()


def test_typing_errors_in_a_job_template_are_named_in_the_servers_words(
    api: Api, operator: OperatorProcess, namespace: str
) -> None:
    template = job_template()
    template["spec"] |= {"backofLimit": 0}
    template["spec"]["template"]["spec"]["containers"][0]["resource"] = {"limits": {"memory": "1Gi"}}
    body = scheduled_job("typo", namespace, trigger={"interval": {"seconds": 2}}, jobTemplate=template)
    api.create(in_namespace(namespace, "scheduledjobs"), body)
    path = in_namespace(namespace, "scheduledjobs", "typo")

    def ready() -> Any:
        conditions = api.get(path).get("status", {}).get("conditions", ())
        return next((one for one in conditions if one["type"] == "Ready"), None)

    condition = eventually(ready)
    assert condition["reason"] == "InvalidJobTemplate"
    for field in ("spec.backofLimit", "spec.template.spec.containers[0].resource"):
        assert f'unknown field "{field}"' in condition["message"]
