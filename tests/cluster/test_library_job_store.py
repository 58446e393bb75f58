"""An application whose jobs are ScheduledJobs: two replicas on a real API server, beside kubectl and the operator."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.library_app import MANAGER, RUNS, new_scheduler
from cluster.operator_process import OperatorProcess, scheduled_job
from devcluster import Cluster
from devcluster.api import Api
from devcluster.processes import SupervisedProcess
from devcluster.waiting import eventually
from kalends.errors import InvalidSettings
from kalends.jobstores.kubernetes.access import LEASES, NEEDED

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
TASK = "cluster.library_app:work"
SCHEDULED_JOBS = "/apis/kalends.dev/v1alpha1/namespaces/{}/scheduledjobs"


class Application:
    """Replicas of the application in a namespace, and what its jobs have done."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.journal = folder / "runs"
        self.journal.touch()
        self.folder = folder
        self.replicas: list[SupervisedProcess] = []

    def start(self) -> None:
        """Start another replica."""
        number = len(self.replicas)
        command = [sys.executable, str(TESTS / "cluster" / "library_app.py"), "--namespace", self.namespace]
        replica = SupervisedProcess(f"replica {number}", command, self.folder / f"replica-{number}.log")
        environ = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), RUNS: str(self.journal)}
        replica.start(environ={**environ, "PYTHONPATH": str(TESTS)})
        self.replicas.append(replica)

    def stop(self) -> None:
        for replica in self.replicas:
            replica.stop(signal.SIGKILL)

    def runs(self, name: str) -> Sequence[int]:
        """Return the process of each run of a job."""
        lines = [line.split() for line in self.journal.read_text().splitlines()]
        return [int(process) for job, process in lines if job == name]

    def apply(self, name: str, **spec: Any) -> None:
        """Create a ScheduledJob of the application, as a user does."""
        task = {"name": TASK, "kwargs": {"name": name}}
        manifest = {
            "apiVersion": "kalends.dev/v1alpha1",
            "kind": "ScheduledJob",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"managedBy": MANAGER, "task": task, **spec},
        }
        self.cluster.kubectl("apply", "-f", "-", input=json.dumps(manifest))

    def status(self, name: str) -> Any:
        found = self.cluster.kubectl("get", "schj", name, "--namespace", self.namespace, "--output", "json")
        return json.loads(found.stdout).get("status", {})

    def patch(self, name: str, **spec: Any) -> None:
        patch = json.dumps({"spec": spec})
        self.cluster.kubectl("patch", "schj", name, "--namespace", self.namespace, "--type=merge", "--patch", patch)


@pytest.fixture
def application(installed: Cluster, namespace: str, tmp_path: Path) -> Iterator[Application]:
    found = Application(installed, namespace, tmp_path)
    yield found
    found.stop()


def columns(cluster: Cluster, namespace: str, name: str) -> Mapping[str, str]:
    """Return what ``kubectl get`` prints, by the names of the columns."""
    paths = "SCHEDULE:.status.scheduleSummary,SUSPEND:.spec.suspend,OUTCOME:.status.lastOutcome"
    plain = cluster.kubectl("get", "schj", name, "--namespace", namespace).stdout.splitlines()
    chosen = cluster.kubectl("get", "schj", name, "--namespace", namespace, "--output", f"custom-columns={paths}")
    assert plain[0].split()[:4] == ["NAME", "SCHEDULE", "SUSPEND", "ACTIVE"]
    head, values = (line.split("  ") for line in chosen.stdout.splitlines())
    return dict(zip(filter(None, map(str.strip, head)), filter(None, map(str.strip, values)), strict=True))


def test_the_other_replica_takes_over_and_every_fire_time_is_accounted_for(application: Application) -> None:
    scheduler = new_scheduler(application.namespace, application.cluster.kubeconfig)
    scheduler.start(paused=True)
    scheduler.add_job(
        TASK, "interval", seconds=1, id="each", args=["each"], misfire_grace_time=None, coalesce=False, max_instances=1
    )
    scheduler.shutdown()
    application.start()
    application.start()
    eventually(lambda: len(application.runs("each")) >= 3)
    (acting,) = set(application.runs("each"))
    (killed,) = [one for one in application.replicas if one.pid == acting]
    killed.stop(signal.SIGKILL)
    eventually(lambda: set(application.runs("each")) - {acting})
    later = len(application.runs("each"))
    eventually(lambda: len(application.runs("each")) >= later + 3)
    application.patch("each", suspend=True)
    eventually(lambda: application.status("each")["conditions"][0]["reason"] == "Suspended")
    eventually(lambda: not application.status("each")["counts"]["active"])
    counts = application.status("each")["counts"]
    assert counts["due"] == counts["started"] == counts["succeeded"] + counts["lost"]
    # The run that was active when its process was killed may have written its line, or not.
    assert counts["succeeded"] <= len(application.runs("each")) <= counts["started"]
    assert counts["lost"] <= 1


def test_kubectl_shows_suspends_resumes_and_requests(application: Application) -> None:
    application.start()
    application.apply("each", trigger={"interval": {"seconds": 1}})
    application.apply("nightly", schedule="0 3 * * *", timeZone="Europe/Berlin")
    eventually(lambda: len(application.runs("each")) >= 2)
    shown = columns(application.cluster, application.namespace, "each")
    assert shown == {"SCHEDULE": "every 1s", "SUSPEND": "false", "OUTCOME": "Succeeded"}
    application.patch("each", suspend=True)
    eventually(lambda: application.status("each")["conditions"][0]["reason"] == "Suspended")
    runs = len(application.runs("each"))
    application.cluster.kubectl(
        "annotate", "schj", "nightly", "--namespace", application.namespace, "kalends.dev/run-requested=now"
    )
    eventually(lambda: len(application.runs("nightly")) == 1)
    eventually(lambda: application.status("nightly")["counts"]["succeeded"] == 1)
    assert application.status("nightly")["counts"]["requested"] == 1
    assert len(application.runs("each")) == runs
    application.patch("each", suspend=False)
    eventually(lambda: len(application.runs("each")) > runs)


def test_a_task_that_the_application_lacks_is_shown(application: Application) -> None:
    application.start()
    application.apply("bad", schedule="@hourly", task={"name": "missing.module:task"})
    eventually(lambda: application.status("bad").get("conditions"))
    ready = application.status("bad")["conditions"][0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "UnknownTask")
    assert "missing.module:task" in ready["message"]


def test_the_operator_leaves_them_alone(application: Application, operator: OperatorProcess, api: Api) -> None:
    del operator
    application.apply("managed", trigger={"interval": {"seconds": 1}})
    own = scheduled_job(
        "own", application.namespace, trigger={"interval": {"seconds": 1}}, task={"name": "kalends.echo"}
    )
    api.create(SCHEDULED_JOBS.format(application.namespace), own)
    eventually(lambda: application.status("own").get("counts", {}).get("succeeded", 0) >= 3)
    assert application.status("managed") == {}
    events = application.cluster.kubectl("get", "events", "--namespace", application.namespace).stdout
    assert "scheduledjob/managed" not in events
    application.start()
    eventually(lambda: len(application.runs("managed")) >= 2)
    found = api.get(f"{SCHEDULED_JOBS.format(application.namespace)}/managed")
    assert {entry["manager"] for entry in found["metadata"]["managedFields"] if entry.get("subresource")} == {"kalends"}
    assert "otherOperator" not in found["status"]


def test_the_manager_of_a_scheduledjob_never_changes(application: Application) -> None:
    application.apply("managed", schedule="@daily")
    for value in ("example.com/other", None):
        patch = json.dumps({"spec": {"managedBy": value}})
        words = ("patch", "schj", "managed", "--namespace", application.namespace, "--type=merge", "--patch", patch)
        refused = application.cluster.kubectl(*words, check=False)
        assert "`managedBy` must stay as it was" in refused.stderr


def role(namespace: str, rules: Sequence[tuple[str, str, str]]) -> str:
    """Return a Role with rules, bound to a ServiceAccount of the same name."""
    meta = {"name": "my-app", "namespace": namespace}
    written = [{"apiGroups": [group], "resources": [resource], "verbs": [verb]} for group, resource, verb in rules]
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": written},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "my-app"},
            "subjects": [{"kind": "ServiceAccount", "name": "my-app", "namespace": namespace}],
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def test_the_documented_permissions_suffice_and_a_missing_verb_is_named(installed: Cluster, namespace: str) -> None:
    needed = [*NEEDED, *LEASES]
    assert documented() == set(needed)
    lacking = [rule for rule in needed if rule != ("kalends.dev", "scheduledjobs", "watch")]
    installed.kubectl("apply", "-f", "-", input=role(namespace, lacking))
    token = installed.token_for("my-app", namespace=namespace)
    kubeconfig = installed.kubeconfig_for_token(token, namespace=namespace)
    # The permissions that are given arrive a moment later; until then another verb is the first to be refused.
    refusal = "the application may not watch scheduledjobs.kalends.dev"
    eventually(lambda: refusal in refused(new_scheduler(namespace, kubeconfig)))
    installed.kubectl("apply", "-f", "-", input=role(namespace, needed))
    scheduler = new_scheduler(namespace, kubeconfig)
    eventually(lambda: started(scheduler))
    scheduler.add_job(TASK, "cron", hour=3, id="nightly", replace_existing=True)
    scheduler.pause_job("nightly")
    scheduler.remove_job("nightly")
    eventually(scheduler.acts_for)
    scheduler.shutdown()


def documented() -> set[tuple[str, str, str]]:
    """Return the rules of the Role in SECURITY.md."""
    text = (TESTS.parent / "SECURITY.md").read_text(encoding="utf-8")
    rules = yaml.safe_load(text.partition("metadata: {name: my-app}\n")[2].partition("```")[0])["rules"]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def refused(scheduler: Any) -> str:
    """Start a scheduler that may not do all that it needs, and return the message."""
    with pytest.raises(InvalidSettings) as caught:
        scheduler.start()
    return str(caught.value)


def started(scheduler: Any) -> bool:
    """Start a scheduler, unless its permissions have not arrived yet."""
    try:
        scheduler.start()
    except InvalidSettings:
        return False
    return True
