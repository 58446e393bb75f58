"""Jobs that others meddle with: a name that is taken, a Job deleted while it runs, or before its end was seen."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.chaos.fleet import every, job
from cluster.chaos.rig import Rig
from cluster.operator_process import job_template, scheduled_job
from devcluster import Cluster
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def jobs_path(rig: Rig, name: str = "") -> str:
    base = f"/apis/batch/v1/namespaces/{rig.namespace}/jobs"
    return f"{base}/{name}" if name else base


def entry_of(rig: Rig, name: str, outcome: str) -> Any:
    """Wait for a run with this outcome, and return what is recorded about it."""

    def found() -> Any:
        history = rig.statuses()[name].get("history", ())
        return next((entry for entry in history if entry["outcome"] == outcome), None)

    return eventually(found)


def continues(rig: Rig, name: str) -> bool:
    """Whether two more runs of it go well."""
    before = rig.counts(name).get("succeeded", 0)
    return eventually(lambda: rig.counts(name).get("succeeded", 0) >= before + 2)


def first_active(rig: Rig, name: str) -> str:
    """Wait until it has an active run, and return its name."""

    def found() -> str:
        active = rig.statuses()[name].get("active") or [{"name": ""}]
        return str(active[0]["name"])

    return eventually(found)


def test_a_name_taken_by_a_foreign_job_is_reported_and_left_alone_and_nothing_is_stuck(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.start()
        at = int(time.time()) + 4
        foreign = {"metadata": {"name": f"once-{at}"}, **job_template(suspended=True)}
        theirs = rig.api.create(jobs_path(rig), {"apiVersion": "batch/v1", "kind": "Job", **foreign})
        either = {
            "anyOf": [{"date": {"at": datetime.fromtimestamp(at, UTC).isoformat()}}, {"interval": {"seconds": 3}}]
        }
        rig.apply(scheduled_job("once", namespace, trigger=either, concurrencyPolicy="Allow", **job()))
        entry = entry_of(rig, "once", "Failed")
        assert entry["reason"] == "NameTaken", entry
        assert f"once-{at}" in entry["message"]
        assert continues(rig, "once")
        still = rig.api.get(jobs_path(rig, f"once-{at}"))
        assert still["metadata"]["uid"] == theirs["metadata"]["uid"]
        assert "ownerReferences" not in still["metadata"]
        rig.assert_clean()


def test_a_job_deleted_by_a_user_while_it_runs_is_lost_once_and_the_schedule_continues(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.apply(scheduled_job("hung", namespace, **every(2), **job("v1", standin={"never": "true"})))
        rig.start()
        run = first_active(rig, "hung")
        corrected = job("v2")
        corrected["jobTemplate"]["spec"]["template"]["metadata"] = None  # a merge patch keeps what it does not name
        rig.edit("hung", **corrected)
        assert rig.api.delete(jobs_path(rig, run)) == 200
        entry = entry_of(rig, "hung", "Lost")
        assert (entry["name"], entry["reason"]) == (run, "JobDeleted")
        assert continues(rig, "hung")
        rig.assert_clean()
        assert rig.counts("hung")["lost"] == 1


def wait_for_the_end_and_delete(rig: Rig, run: str) -> None:
    """Wait until a Job has ended, and delete it while no operator looks."""
    eventually(lambda: rig.api.get(jobs_path(rig, run))["status"].get("completionTime"))
    assert rig.api.delete(jobs_path(rig, run)) == 200
    eventually(lambda: rig.api.request("GET", jobs_path(rig, run))[0] == 404)


def test_a_finished_job_that_is_deleted_before_its_end_was_seen_is_lost_once(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.apply(scheduled_job("brief", namespace, **every(4), **job()))
        rig.start()
        run = first_active(rig, "brief")
        rig.kill()
        wait_for_the_end_and_delete(rig, run)
        rig.start()
        entry = entry_of(rig, "brief", "Lost")
        assert (entry["name"], entry["reason"]) == (run, "JobDeleted")
        assert continues(rig, "brief")
        rig.assert_clean()


def test_a_job_that_is_deleted_before_its_creation_was_recorded_leaves_its_fire_time_to_be_decided(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    """All that there was of it is gone: it is as if it had never been made."""
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.apply(scheduled_job("brief", namespace, **every(4), **job()))
        rig.alter(ALTERED_DIES_AT="after create 1")
        rig.start(wait=False)
        eventually(lambda: not rig.operator.process.is_running, every=0.05)
        rig.died()
        rig.alter(ALTERED_DIES_AT="")
        (made,) = rig.api.items(jobs_path(rig))
        wait_for_the_end_and_delete(rig, made["metadata"]["name"])
        rig.start()
        assert continues(rig, "brief")
        # The audit knows of the Job that is gone, and the record cannot: that much it may find, and nothing else.
        verdict = rig.audit()
        assert verdict.kinds().keys() <= {"count", "doubled"}, str(verdict)
        assert len(verdict.findings) <= 1, str(verdict)


STRIPPED = {"metadata": {"ownerReferences": None}}
"""What tools do that restore or move objects, and what everybody may do who may patch Jobs."""


@pytest.mark.parametrize("labels", [{}, {"labels": None}], ids=["with its label", "without its label"])
def test_a_job_stripped_of_its_owner_while_the_operator_is_away_keeps_its_run(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path, labels: Any
) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.apply(scheduled_job("slow", namespace, **every(2), **job(standin={"never": "true"})))
        rig.start()
        run = first_active(rig, "slow")
        rig.kill()
        stripped = {"metadata": STRIPPED["metadata"] | labels}
        status, found = rig.api.patch(jobs_path(rig, run), stripped)
        assert (status, found["metadata"].get("ownerReferences")) == (200, None)
        rig.start()
        skipped = rig.counts("slow")["skipped"]
        eventually(lambda: rig.counts("slow")["skipped"] >= skipped + 3)
        (active,) = rig.statuses()["slow"]["active"]
        assert (active["name"], active["uid"]) == (run, found["metadata"]["uid"])
        assert [one["metadata"]["name"] for one in rig.api.items(jobs_path(rig))] == [run]
        conditions = {one["type"]: one["reason"] for one in rig.statuses()["slow"]["conditions"]}
        assert conditions["JobRelabelled"] == "IdentityChanged"
        # Its end is seen: it is deleted manually.
        assert rig.api.delete(jobs_path(rig, run)) == 200
        assert entry_of(rig, "slow", "Lost")["name"] == run
        corrected = job("v2")
        corrected["jobTemplate"]["spec"]["template"]["metadata"] = None
        rig.edit("slow", **corrected)
        rig.api.delete(jobs_path(rig, first_active(rig, "slow")))
        assert continues(rig, "slow")
        rig.assert_clean()


def test_a_job_stripped_of_its_owner_before_it_was_recorded_is_its_run(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.apply(scheduled_job("slow", namespace, **every(2), **job(standin={"never": "true"})))
        rig.alter(ALTERED_DIES_AT="after create 1")
        rig.start(wait=False)
        eventually(lambda: not rig.operator.process.is_running, every=0.05)
        rig.died()
        rig.alter(ALTERED_DIES_AT="")
        (made,) = rig.api.items(jobs_path(rig))
        run, uid = made["metadata"]["name"], made["metadata"]["uid"]
        assert rig.api.patch(jobs_path(rig, run), STRIPPED)[0] == 200
        time.sleep(5)  # later fire times are due by the time the operator is back
        rig.start()
        eventually(lambda: rig.counts("slow").get("skipped", 0) >= 2)
        assert [one["metadata"]["name"] for one in rig.api.items(jobs_path(rig))] == [run]
        (active,) = rig.statuses()["slow"]["active"]
        assert (active["name"], active["uid"]) == (run, uid)
        assert rig.counts("slow")["failed"] == 0
        assert rig.api.delete(jobs_path(rig, run)) == 200
        assert entry_of(rig, "slow", "Lost")["name"] == run
