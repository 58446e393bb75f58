"""The main job, end to end: what is applied with kubectl runs, and what became of it can be read there."""

from __future__ import annotations

import json
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.operator_process import OperatorProcess, job_template, scheduled_job
from devcluster import Cluster
from devcluster.api import Api
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually
from kalends.handlers.health_pages import FRESH
from unclean import Unclean

pytestmark = pytest.mark.slow


def apply(cluster: Cluster, *manifests: dict[str, Any]) -> None:
    cluster.kubectl(
        "apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    )


def path_of(namespace: str, name: str = "") -> str:
    return f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs" + (f"/{name}" if name else "")


def status(api: Api, namespace: str, name: str) -> Any:
    return api.get(path_of(namespace, name)).get("status", {})


def succeeded(api: Api, namespace: str, name: str, count: int = 1) -> Any:
    found = status(api, namespace, name)
    return found if found.get("counts", {}).get("succeeded", 0) >= count else None


def condition(found: Any, kind: str = "Ready") -> Any:
    return next((one for one in found.get("conditions", ()) if one["type"] == kind), None)


def balances(counts: dict[str, int]) -> bool:
    decided = sum(counts[name] for name in ("started", "missed", "coalesced", "skipped", "queued"))
    ended = sum(counts[name] for name in ("active", "succeeded", "failed", "cancelled", "lost"))
    return counts["due"] + counts["requested"] == decided and counts["started"] == ended


def test_a_cron_with_a_job_template_makes_jobs_that_tell_who_they_are(
    installed: Cluster, api: Api, operator: OperatorProcess, node: StandInNode, namespace: str
) -> None:
    template = job_template(annotations={"standin/message": "result-42"})
    template["metadata"] = {"labels": {"team": "blue"}, "annotations": {"note": "mine"}}
    own = [{"name": "KALENDS_RUN", "value": "my own"}]
    template["spec"]["template"]["spec"]["containers"][0]["env"] = own
    manifest = scheduled_job("report", namespace, trigger={"cron": {"second": "*/2"}}, jobTemplate=template)
    apply(installed, manifest)
    found = eventually(lambda: succeeded(api, namespace, "report"))
    run = found["history"][-1]
    assert (run["outcome"], run["result"]) == ("Succeeded", "result-42")
    job = eventually(lambda: api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs"))[0]
    seconds = job["metadata"]["name"].removeprefix("report-")
    assert seconds.isdecimal()
    scheduled = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
    (owner,) = job["metadata"]["ownerReferences"]
    uid = api.get(path_of(namespace, "report"))["metadata"]["uid"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("ScheduledJob", "report", uid, True)
    assert (
        job["metadata"]["labels"]
        | {
            "app.kubernetes.io/managed-by": "kalends",
            "kalends.dev/scheduled-job": "report",
            "team": "blue",
        }
        == job["metadata"]["labels"]
    )
    assert job["metadata"]["annotations"]["kalends.dev/scheduled-time"] == scheduled
    assert job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] == scheduled
    assert job["metadata"]["annotations"]["note"] == "mine"
    environment = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["KALENDS_SCHEDULED_TIME"] == scheduled
    assert environment["KALENDS_RUN"] == "my own"
    assert environment["KALENDS_ATTEMPT"] == "1"


def test_tasks_run_in_threads_and_processes_succeed_fail_and_return_values(
    installed: Cluster, api: Api, operator: OperatorProcess, namespace: str
) -> None:
    every = {"interval": {"seconds": 1}}
    echo = {"name": "kalends.echo", "args": [1, "two"], "kwargs": {"three": 3}}
    apply(
        installed,
        scheduled_job("thread", namespace, trigger=every, task=echo),
        scheduled_job("process", namespace, trigger=every, task=echo, executor="processes"),
        scheduled_job("failing", namespace, trigger=every, task={"name": "kalends.sleep", "args": ["long"]}),
        scheduled_job("now", namespace, task=echo),
    )
    for name in ("thread", "process", "now"):
        found = eventually(partial(succeeded, api, namespace, name))
        # On a crowded machine a fire time may have been skipped since.
        run = next(one for one in found["history"] if one["outcome"] == "Succeeded")
        assert json.loads(run["result"]) == {"args": [1, "two"], "kwargs": {"three": 3}}
        assert condition(found, "LastRunSucceeded")["status"] == "True"
    failed = eventually(lambda: (found := status(api, namespace, "failing")).get("history") and found)
    assert failed["history"][0]["outcome"] == "Failed"
    assert failed["history"][0]["message"].startswith("TypeError: ")
    assert condition(failed, "LastRunSucceeded")["status"] == "False"
    assert condition(failed)["status"] == "True", "a failing run does not un-ready its schedule"
    once = status(api, namespace, "now")
    assert once["counts"]["due"] == 1
    assert condition(once)["reason"] == "Exhausted"


def test_a_job_that_fails_says_with_which_exit_code_and_reason_and_leaves_an_event(
    installed: Cluster, api: Api, operator: OperatorProcess, node: StandInNode, namespace: str
) -> None:
    template = job_template(annotations={"standin/exit-code": "3", "standin/message": "no space left"})
    apply(installed, scheduled_job("backup", namespace, jobTemplate=template))
    found = eventually(lambda: (now := status(api, namespace, "backup")).get("history") and now)
    assert found["history"][0]["outcome"] == "Failed"
    assert "exit code 3" in found["history"][0]["message"]
    assert "no space left" in found["history"][0]["message"]
    events = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    posted = eventually(lambda: [one for one in api.items(events) if one.get("reason") == "RunFailed"])
    assert posted[0]["regarding"]["name"] == "backup"


def test_the_table_tells_what_ran_when_with_which_outcome_and_what_comes_next(
    installed: Cluster, api: Api, operator: OperatorProcess, namespace: str
) -> None:
    apply(
        installed,
        scheduled_job("ticking", namespace, trigger={"interval": {"seconds": 2}}, task={"name": "kalends.echo"}),
        scheduled_job("asleep", namespace, schedule="0 2 * * *", suspend=True, task={"name": "kalends.echo"}),
    )
    eventually(lambda: succeeded(api, namespace, "ticking"))
    eventually(lambda: condition(status(api, namespace, "asleep")))
    table = installed.kubectl("get", "schj", "-n", namespace).stdout
    header, *rows = table.splitlines()
    for column in ("SCHEDULE", "SUSPEND", "ACTIVE", "LAST RUN", "OUTCOME", "MISSED", "NEXT RUN", "AGE"):
        assert column in header
    ticking = next(row for row in rows if row.startswith("ticking"))
    assert "every 2s" in ticking
    assert "Succeeded" in ticking
    assert "invalid" not in table
    asleep = next(row for row in rows if row.startswith("asleep"))
    assert "true" in asleep
    assert "0 2 * * *" in asleep


def test_killed_ten_times_while_twenty_fire_no_fire_time_has_two_runs_and_the_counts_balance(
    installed: Cluster, api: Api, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    jobs = [
        scheduled_job(
            f"job-{n}",
            namespace,
            trigger={"interval": {"seconds": 1 + n % 2}},
            jobTemplate=job_template(),
            concurrencyPolicy="Allow",
            successfulJobsHistoryLimit=1000,
            coalesce="All" if n % 4 == 0 else "Latest",
        )
        for n in range(10)
    ]
    tasks = [
        scheduled_job(
            f"task-{n}",
            namespace,
            trigger={"interval": {"seconds": 1 + n % 2}},
            task={"name": "kalends.sleep", "args": [0.2]},
            executor="default" if n % 2 else "processes",
        )
        for n in range(10)
    ]
    apply(installed, *jobs, *tasks)
    operator = OperatorProcess(installed.kubeconfig, tmp_path / "operator.log", namespaces=(namespace,))
    try:
        for round_ in range(10):
            operator.start()
            time.sleep(1.0 + round_ * 0.13)
            operator.kill()
            for found in api.items(path_of(namespace)):
                counts = found.get("status", {}).get("counts")
                assert counts is None or balances(counts), (found["metadata"]["name"], counts)
        operator.start()
        time.sleep(3)
        installed.kubectl(
            "patch", "schj", "-n", namespace, "--all", "--type=merge", "-p", '{"spec":{"suspend":true}}', check=False
        )
        for manifest in [*jobs, *tasks]:
            api.patch(path_of(namespace, manifest["metadata"]["name"]), {"spec": {"suspend": True}})
        eventually(lambda: all(one["status"]["counts"]["active"] == 0 for one in api.items(path_of(namespace))))
    finally:
        operator.kill()
    made = api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")
    for found in api.items(path_of(namespace)):
        counts, name = found["status"]["counts"], found["metadata"]["name"]
        if not balances(counts):
            raise Unclean(f"{name}: {counts}")
        assert counts["started"] > 0
        fire_times = [one["scheduledTime"] for one in found["status"]["history"]]
        if len(set(fire_times)) != len(fire_times):
            raise Unclean(f"{name}: a fire time ran twice: {fire_times}")
        if name.startswith("job-"):
            own = [one for one in made if one["metadata"]["labels"]["kalends.dev/scheduled-job"] == name]
            if len(own) != counts["started"] or counts["lost"]:
                raise Unclean(f"{name}: {len(own)} Jobs, {counts}")
        else:
            assert counts["lost"] <= 10


NO_COST_OF_RUNS = {"leases", "events"}
"""Resources that the operator writes from time to time, or where a busy machine makes a run late."""
GENERATIONS = 2
"""The spec as it is created, and suspended."""


def requests_until_now(operator: OperatorProcess) -> dict[tuple[str, str], int]:
    """Return the requests until now: the page of metrics may be as old as FRESH."""
    time.sleep(2 * FRESH)
    return operator.requests()


def costs(
    cluster: Cluster, api: Api, operator: OperatorProcess, manifest: dict[str, Any], runs: int
) -> tuple[int, int, int]:
    """Apply a ScheduledJob, let it run at least so often, and suspend it.

    Returns:
        How many fire times it had, how often the operator wrote, and how often it read.
    """
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]

    def at_rest() -> Any:
        found = status(api, namespace, name)
        counts = found["counts"]
        suspended = found["observedGeneration"] == GENERATIONS
        jobs = api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")
        return counts if suspended and not (jobs or counts["active"] or counts["queued"]) else None

    before = requests_until_now(operator)
    apply(cluster, manifest)
    eventually(lambda: succeeded(api, namespace, name, runs))
    cluster.kubectl("patch", "schj", name, "-n", namespace, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    counts = eventually(at_rest)
    after = requests_until_now(operator)
    used = {key: count - before.get(key, 0) for key, count in after.items() if key[1] not in NO_COST_OF_RUNS}
    print(counts, used)  # shown where the test fails
    reads = sum(count for (verb, _), count in used.items() if verb in {"GET", "WATCH"})
    return counts["due"], sum(used.values()) - reads, reads


@pytest.mark.parametrize("kind", ["Job", "task"])
def test_a_job_run_costs_at_most_four_requests_and_an_in_pod_run_two(
    installed: Cluster, api: Api, operator: OperatorProcess, node: StandInNode, namespace: str, kind: str
) -> None:
    if kind == "Job":
        spec = {"trigger": {"interval": {"seconds": 3}}, "jobTemplate": job_template(), "successfulJobsHistoryLimit": 0}
        for_a_run, for_a_generation = 4, 2  # its Job is created in a dry run
    else:
        spec = {"trigger": {"interval": {"seconds": 1}}, "task": {"name": "kalends.echo"}}
        for_a_run, for_a_generation = 2, 1
    fire_times, writes, reads = costs(installed, api, operator, scheduled_job("costly", namespace, **spec), 4)
    assert writes <= for_a_run * fire_times + for_a_generation * GENERATIONS
    # A watch ends, and is begun anew, at any time: these requests belong to no run.
    assert reads < fire_times


def test_asked_to_end_it_lets_the_run_end_records_it_and_exits_with_zero(
    installed: Cluster, api: Api, operator: OperatorProcess, namespace: str
) -> None:
    apply(installed, scheduled_job("long", namespace, task={"name": "kalends.sleep", "args": [3]}))
    eventually(lambda: status(api, namespace, "long").get("active"))
    assert operator.stop() == 0
    found = status(api, namespace, "long")
    assert found["history"][0]["outcome"] == "Succeeded"
    assert found["counts"]["active"] == 0


def test_a_run_that_was_cut_by_a_kill_is_lost_once_and_the_schedule_continues(
    installed: Cluster, api: Api, operator: OperatorProcess, namespace: str
) -> None:
    task = {"name": "kalends.sleep", "args": [5]}
    apply(installed, scheduled_job("cut", namespace, trigger={"interval": {"seconds": 4}}, task=task))
    eventually(lambda: status(api, namespace, "cut").get("active"))
    operator.process.send(signal.SIGKILL)
    operator.kill()
    operator.start()
    found = eventually(lambda: (now := status(api, namespace, "cut")).get("counts", {}).get("lost") and now)
    assert found["history"][-1]["outcome"] == "Lost"
    assert balances(found["counts"])
    eventually(lambda: status(api, namespace, "cut")["counts"]["started"] > 1)


def test_a_run_whose_name_is_taken_by_a_foreign_job_fails_with_a_reason_and_the_next_runs(
    installed: Cluster, api: Api, operator: OperatorProcess, namespace: str
) -> None:
    at = int(time.time()) + 6
    manifest = job_template(suspended=True)
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"taken-{at}"}, "spec": manifest["spec"]}
    api.create(f"/apis/batch/v1/namespaces/{namespace}/jobs", body)
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    spec = {"trigger": {"interval": {"seconds": 3}}, "startTime": start, "concurrencyPolicy": "Allow"}
    apply(installed, scheduled_job("taken", namespace, jobTemplate=manifest, **spec))
    found = eventually(lambda: (now := status(api, namespace, "taken")).get("counts", {}).get("started", 0) > 1 and now)
    failed = found["history"][-1]
    assert (failed["outcome"], failed["reason"]) == ("Failed", "NameTaken")
    assert found["counts"]["failed"] == 1
