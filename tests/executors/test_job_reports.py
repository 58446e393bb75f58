from __future__ import annotations

import json
from typing import Any

import pytest

from doubles import START
from kalends.engine.core.run_names import run_name
from kalends.engine.core.state import Ref
from kalends.engine.ports import RunReport
from kalends.executors.jobs.pod_reports import terminations
from kalends.executors.jobs.run_reports import report_of, see_job, trimmed
from kalends.model import Outcome, format_instant
from narrowing import present

REF = Ref("blue", "nightly", "the-uid")
AT = format_instant(START)
OWNER = {
    "apiVersion": "kalends.dev/v1alpha1",
    "kind": "ScheduledJob",
    "name": "nightly",
    "uid": "the-uid",
    "controller": True,
}


def job(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"nightly-{START}",
            "uid": "job-uid",
            "resourceVersion": "7",
            "creationTimestamp": AT,
            "annotations": {"kalends.dev/scheduled-time": AT},
            "namespace": "blue",
            "ownerReferences": [dict(OWNER)],
        },
        "status": status,
    }


def condition(kind: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": format_instant(START + 9),
    }


def pod(code: int = 0, message: str = "", reason: str = "Completed", name: str = "main") -> dict[str, Any]:
    ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": format_instant(START + 5)}
    return {"status": {"containerStatuses": [{"name": name, "state": {"terminated": ended}}]}}


def report(seen_job: dict[str, Any], *pods: Any) -> RunReport | None:
    seen = see_job(seen_job)
    assert seen is not None
    return report_of(REF, seen, [one for found in pods for one in terminations(found)])


def report_of_ended(seen_job: dict[str, Any], *pods: Any) -> RunReport:
    return present(report(seen_job, *pods))


def test_an_active_job_has_no_report() -> None:
    assert report(job(active=1, startTime=AT)) is None


def test_a_job_that_is_only_about_to_fail_has_no_report_yet() -> None:
    assert report(job(conditions=[condition("FailureTarget", "BackoffLimitExceeded")])) is None


def test_the_result_is_the_termination_message() -> None:
    ended = report_of_ended(job(startTime=AT, conditions=[condition("Complete")]), pod(message="result-42\n"))
    assert (ended.outcome, ended.result, ended.started, ended.completed) == (
        Outcome.SUCCEEDED,
        "result-42",
        START,
        START + 9,
    )


def test_a_failure_names_exit_code_and_reason_and_why_the_job_gave_up() -> None:
    failed = job(startTime=AT, conditions=[condition("Failed", "BackoffLimitExceeded", "Job has reached its limit")])
    ended = report_of_ended(failed, pod(code=137, reason="OOMKilled", message="out of memory"))
    assert (ended.outcome, ended.reason) == (Outcome.FAILED, "BackoffLimitExceeded")
    assert ended.message == "container main ended with exit code 137 (OOMKilled): out of memory"


def test_a_failure_whose_pods_are_gone_has_the_message_of_the_job() -> None:
    failed = job(startTime=AT, conditions=[condition("Failed", "BackoffLimitExceeded", "Job has reached its limit")])
    assert report_of_ended(failed).message == "Job has reached its limit"


def test_a_job_beyond_its_active_deadline_has_timed_out() -> None:
    assert (
        report_of_ended(job(conditions=[condition("Failed", "DeadlineExceeded", "too long")])).outcome
        is Outcome.TIMED_OUT
    )


def test_a_sidecar_that_ended_well_does_not_speak_for_a_job_that_failed() -> None:
    both = {"status": {"containerStatuses": [*pod(0, "fine", name="side")["status"]["containerStatuses"]]}}
    ended = report_of_ended(job(conditions=[condition("Failed")]), both, pod(2, "broken", "Error"))
    assert "exit code 2" in ended.message


def test_a_foreign_job_is_not_seen() -> None:
    other = job()
    other["metadata"]["ownerReferences"] = []
    assert see_job(other) is None
    other = job()
    other["metadata"]["name"] = "nightly-by-hand"
    assert see_job(other) is None
    for field, value in {"apiVersion": "batch/v1", "kind": "CronJob"}.items():
        other = job()
        other["metadata"]["ownerReferences"][0][field] = value
        assert see_job(other) is None


def test_what_is_kept_of_a_job_tells_the_same_as_the_whole() -> None:
    whole = job(startTime=AT, failed=1, conditions=[condition("Failed", "BackoffLimitExceeded", "enough")])
    whole["spec"] = {"suspend": True, "template": {"spec": {"containers": []}}}
    whole["metadata"] |= {
        "managedFields": [{}],
        "labels": {"a": "b", "kalends.dev/scheduled-job": "nightly"},
        "deletionTimestamp": AT,
    }
    whole["metadata"]["annotations"] |= {"kalends.dev/attempt": "2", "mine": "x" * 1000}
    assert see_job(trimmed(whole)) == see_job(whole)
    assert trimmed(trimmed(whole)) == trimmed(whole)
    assert "mine" not in str(trimmed(whole))
    assert "template" not in str(trimmed(whole))


LONG = "x" * 100_000
HOSTILE: dict[str, dict[str, Any]] = {
    "an annotation": {"annotations": {"kalends.dev/anything": LONG}},
    "a token": {"annotations": {"kalends.dev/run-requested": LONG}},
    "an instant": {"annotations": {"kalends.dev/scheduled-time": LONG}},
    "an owner's name": {"ownerReferences": [OWNER | {"name": LONG}]},
    "an owner's UID": {"ownerReferences": [OWNER | {"uid": LONG}]},
    "an owner's version": {"ownerReferences": [OWNER | {"apiVersion": LONG}]},
    "many owners": {"ownerReferences": [OWNER | {"controller": False, "uid": str(n)} for n in range(1000)]},
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_kept_of_a_job_is_bounded(hostile: dict[str, Any]) -> None:
    whole = job()
    whole["metadata"] |= hostile
    kept = trimmed(whole)
    assert len(json.dumps(kept)) < 2_000
    assert trimmed(kept) == kept
    assert see_job(kept) == see_job(whole)


def test_a_token_that_no_operator_writes_is_not_remembered() -> None:
    hostile = job()
    hostile["metadata"]["name"] = run_name("nightly", 0, 1, LONG)
    hostile["metadata"]["annotations"] = {"kalends.dev/run-requested": LONG}
    seen = see_job(hostile)
    assert seen is not None
    assert seen.request == hostile["metadata"]["name"].removeprefix("nightly-")
