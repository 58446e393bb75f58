"""Jobs that something else keeps suspended: told apart from those that run, and given up in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, every, resource, schedule_of
from engine.world import facts
from kalends.engine.core.facts import Decision
from kalends.engine.core.schedule import JobTemplate, Schedule
from kalends.engine.core.state import Counts, State
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import Admission, Decided, JobView, RunReport, Verdict
from kalends.engine.runs import admission
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.stores.status_record import decode, encode

NAME = f"nightly-{START + 60}"
SUSPENDED = {"spec": {**JOB["spec"], "suspend": True}}


def of_jobs(template: dict[str, Any] = JOB, **spec: Any) -> Schedule:
    return schedule_of(resource(trigger=every(60), jobTemplate=template, **spec))


def decided(
    schedule: Schedule, state: State | None, now: int, *jobs: Any, gone: list[Any] | tuple[Any, ...] = ()
) -> Decision:
    return decide(schedule, state, facts(now, durable=True, jobs=jobs, gone=frozenset(gone)))


def started(schedule: Schedule) -> State:
    return decided(schedule, None, START + 60).state


def job(queue: str = "", *, again: bool = False, since: int = START + 60, **more: Any) -> JobView:
    return JobView(NAME, START + 60, START + 60, admission=Admission(since, queue, again=again), **more)


RUNNING = JobView(NAME, START + 60, START + 60)


def test_a_job_that_something_else_suspends_waits_for_admission_until_it_is_let_start() -> None:
    schedule = of_jobs()
    waiting = decided(schedule, started(schedule), START + 61, job())
    assert [run.waiting for run in waiting.state.active] == ["Admission"]
    assert encode(waiting.state)["active"][0]["waiting"] == "Admission"
    assert decode(encode(waiting.state), created=START) == waiting.state
    admitted = decided(schedule, waiting.state, START + 62, RUNNING)
    assert [run.waiting for run in admitted.state.active] == [""]
    assert "waiting" not in encode(admitted.state)["active"][0]


def test_active_runs_whose_waiting_did_not_change_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, concurrencyPolicy="Allow", coalesce="All"))
    state = decided(schedule, None, START + 60 * 100).state
    jobs = tuple(JobView(run.name, run.fire_time, run.started) for run in state.active)
    copied: list[Any] = []

    def replace_and_count(record: Any, **changes: Any) -> Any:
        copied.append(changes)
        return replace(record, **changes)

    monkeypatch.setattr(admission, "replace", replace_and_count)
    assert decided(schedule, state, START + 60 * 100 + 1, *jobs).state.counts.active == 100
    assert copied == []


def test_a_job_that_its_template_suspends_waits_for_its_user_unless_it_names_a_queue() -> None:
    schedule = of_jobs(SUSPENDED, admissionTimeoutSeconds=10)
    waits = decided(schedule, started(schedule), START + 600, job())
    assert [(run.waiting, run.cancelling) for run in waits.state.active] == [("", "")]
    queued = decided(schedule, started(schedule), START + 61, job("user-queue"))
    assert [run.waiting for run in queued.state.active] == ["Admission"]


def test_a_job_that_is_suspended_again_waits_for_readmission() -> None:
    schedule = of_jobs()
    decision = decided(schedule, started(schedule), START + 90, job(again=True, since=START + 80))
    assert [run.waiting for run in decision.state.active] == ["Readmission"]


def test_a_job_that_waits_for_admission_takes_the_place_of_a_run() -> None:
    schedule = of_jobs()
    decision = decided(schedule, started(schedule), START + 120, job())
    assert decision.starts_before == ()
    assert decision.state.counts == Counts(due=2, started=1, active=1, skipped=1)


def test_without_a_timeout_a_job_may_wait_for_ever() -> None:
    schedule = of_jobs()
    decision = decided(schedule, started(schedule), START + 86_400, job())
    assert decision.cancels == ()


def given_up(schedule: Schedule, view: JobView) -> tuple[Any, ...]:
    waiting = decided(schedule, started(schedule), START + 61, view)
    decision = decided(schedule, waiting.state, START + 100, view)
    assert [(run.name, run.cancelling) for run in decision.cancels] == [(NAME, Reason.ADMISSION_TIMEOUT)]
    return waiting, decision


def test_a_job_that_is_not_admitted_in_time_is_deleted_and_its_run_was_missed() -> None:
    schedule = of_jobs(admissionTimeoutSeconds=40)
    waiting, decision = given_up(schedule, job("user-queue"))
    assert waiting.wake_at == START + 100
    gone = decided(schedule, decision.state, START + 102, gone=[NAME])
    assert gone.state.counts == Counts(due=1, missed=1)
    assert gone.state.counts.imbalance() is None
    entry = gone.state.history[0]
    assert (entry.outcome, entry.reason, entry.started, entry.attempts) == (
        Outcome.MISSED,
        Reason.ADMISSION_TIMEOUT,
        None,
        0,
    )
    assert "'user-queue'" in entry.message
    assert gone.state.last_misfire is not None
    assert [one.verdict for one in gone.notices if isinstance(one, Decided)] == [Verdict.MISSED]


def test_a_queue_is_free_again_once_its_run_was_missed() -> None:
    schedule = of_jobs(admissionTimeoutSeconds=40)
    _, decision = given_up(schedule, job())
    after = decided(schedule, decision.state, START + 120, gone=[NAME])
    assert [run.fire_time for run in after.starts_before] == [START + 120]
    assert after.state.counts == Counts(due=2, started=1, active=1, missed=1)


def test_a_job_that_had_run_and_is_not_admitted_again_has_failed() -> None:
    schedule = of_jobs(admissionTimeoutSeconds=20)
    _, decision = given_up(schedule, job(again=True, since=START + 61))
    gone = decided(schedule, decision.state, START + 102, gone=[NAME])
    assert gone.state.counts == Counts(due=1, started=1, failed=1)
    assert gone.state.history[0].reason == Reason.ADMISSION_TIMEOUT


def test_a_retry_that_is_not_admitted_has_failed_as_its_run_had_begun() -> None:
    schedule = of_jobs(admissionTimeoutSeconds=40)
    state = started(schedule)
    second = replace(state.active[0], attempt=2, waiting="Admission", cancelling=Reason.ADMISSION_TIMEOUT, message="x")
    gone = decided(schedule, replace(state, active=(second,)), START + 102, gone=[NAME])
    assert gone.state.counts == Counts(due=1, started=1, failed=1)


def test_a_job_that_is_admitted_while_it_is_given_up_continues() -> None:
    schedule = of_jobs(admissionTimeoutSeconds=40)
    _, decision = given_up(schedule, job())
    spared = decided(schedule, decision.state, START + 101, RUNNING)
    assert [(run.cancelling, run.message, run.waiting) for run in spared.state.active] == [("", "", "")]


def test_a_job_that_is_being_deleted_is_still_one_that_was_never_admitted() -> None:
    schedule = of_jobs(admissionTimeoutSeconds=40)
    _, decision = given_up(schedule, job())
    leaving = decided(schedule, decision.state, START + 101, replace(RUNNING, leaving=True))
    gone = decided(schedule, leaving.state, START + 102, gone=[NAME])
    assert gone.state.counts == Counts(due=1, missed=1)


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
def test_a_job_that_ends_while_it_is_given_up_has_ended_as_it_did(outcome: Outcome) -> None:
    schedule = of_jobs(admissionTimeoutSeconds=40)
    _, decision = given_up(schedule, job())
    report = RunReport(schedule.ref, NAME, START + 60, outcome, START + 70, START + 99)
    ended = decided(schedule, decision.state, START + 101, replace(RUNNING, report=report))
    assert ended.state.history[0].outcome is outcome


def test_the_time_counts_from_when_the_job_was_suspended_and_never_before_its_run() -> None:
    schedule = of_jobs(admissionTimeoutSeconds=40)
    decision = decided(schedule, started(schedule), START + 99, job(since=START))
    assert decision.cancels == ()
    assert decision.wake_at == START + 100


def test_labels_for_kueue_on_the_resource_reach_its_jobs_where_the_template_has_none() -> None:
    obj = resource(
        trigger=every(60), jobTemplate={**JOB, "metadata": {"labels": {"kueue.x-k8s.io/priority-class": "own"}}}
    )
    obj["metadata"]["labels"] = {
        "kueue.x-k8s.io/queue-name": "user-queue",
        "kueue.x-k8s.io/priority-class": "low",
        "team": "blue",
    }
    target = schedule_of(obj).target
    assert isinstance(target, JobTemplate)
    assert target.labels == {
        "kueue.x-k8s.io/queue-name": "user-queue",
        "kueue.x-k8s.io/priority-class": "own",
    }
