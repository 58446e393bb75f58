"""What is decided about runs that are Kubernetes Jobs, without a loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from doubles import JOB, START, every, resource, schedule_of
from engine.world import armed, facts, jobs_of
from kalends.engine.core.policies import Refusal
from kalends.engine.core.state import Counts
from kalends.engine.decisions.catchup import due_instant
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobView, RunReport
from kalends.model import Outcome
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.stores.status_record import decode, encode
from narrowing import present


def test_a_due_fire_time_of_a_job_is_created_before_it_is_recorded() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    decision = decide(schedule, None, facts(START + 60, durable=True, jobs=()))
    assert [run.name for run in decision.starts_before] == [f"nightly-{START + 60}"]
    assert decision.state.active[0].holder == ""
    assert decision.state.counts == Counts(due=1, started=1, active=1)


def test_a_job_that_was_created_and_not_recorded_is_adopted_even_when_it_would_be_late_now() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, startingDeadlineSeconds=5))
    jobs = (JobView(f"nightly-{START + 60}", START + 60, START + 60),)
    decision = decide(schedule, None, facts(START + 200, durable=True, jobs=jobs))
    assert decision.state.counts == Counts(due=3, started=1, active=1, missed=2)
    assert [run.fire_time for run in decision.state.active] == [START + 60]


def test_a_job_that_ended_is_history_with_its_result() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    first = decide(schedule, None, facts(START + 60, durable=True, jobs=())).state
    name = f"nightly-{START + 60}"
    report = RunReport(schedule.ref, name, START + 60, Outcome.SUCCEEDED, START + 61, START + 65, result="42")
    jobs = (JobView(name, START + 60, START + 60, report),)
    decision = decide(schedule, first, facts(START + 66, durable=True, jobs=jobs))
    assert decision.state.counts == Counts(due=1, started=1, succeeded=1)
    assert decision.state.history[0].result == "42"
    assert decision.state.last_successful == START + 65
    assert decision.state.conditions["LastRunSucceeded"].status is True


def test_a_job_that_was_deleted_by_a_user_while_it_ran_is_lost_with_a_reason() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    first = decide(schedule, None, facts(START + 60, durable=True, jobs=())).state
    unseen = decide(schedule, first, facts(START + 70, durable=True, jobs=()))
    assert unseen.state == first, "what no watch shows may be there"
    assert unseen.looks == (f"nightly-{START + 60}",)
    gone = frozenset(unseen.looks)
    decision = decide(schedule, first, facts(START + 70, durable=True, jobs=(), gone=gone))
    assert decision.looks == ()
    assert decision.state.counts == Counts(due=1, started=1, lost=1)
    assert decision.state.history[0].reason == Reason.JOB_DELETED


def test_nothing_is_judged_of_jobs_that_are_not_known_yet() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    first = decide(schedule, None, facts(START + 60, durable=True, jobs=())).state
    assert decide(schedule, first, facts(START + 70, durable=True, jobs=None)).state.counts.active == 1


def test_a_job_that_the_api_server_refuses_permanently_is_a_failed_run() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    refusal = {f"nightly-{START + 60}": Refusal(Reason.NAME_TAKEN, "another owner's")}
    decision = decide(schedule, None, facts(START + 60, durable=True, jobs=(), refused=refusal))
    assert decision.starts_before == ()
    assert decision.state.counts == Counts(due=1, started=1, failed=1)
    assert decision.state.history[0].reason == Reason.NAME_TAKEN


def test_finished_jobs_beyond_the_limits_are_deleted_oldest_first() -> None:
    limits: dict[str, Any] = {"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 0}
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, **limits))
    outcomes = [Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED, Outcome.SUCCEEDED]
    jobs = []
    for number, outcome in enumerate(outcomes, start=1):
        at = START + 60 * number
        report = RunReport(schedule.ref, f"nightly-{at}", at, outcome, at, at + 1)
        jobs.append(JobView(report.name, at, at, report))
    state = armed(schedule, cursor=START + 300)
    decision = decide(schedule, state, facts(START + 301, durable=True, jobs=tuple(jobs)))
    assert decision.deletes == tuple(f"nightly-{START + 60 * n}" for n in (1, 2, 3))


def test_active_jobs_that_were_too_many_to_list_are_found_again_after_a_restart() -> None:
    schedule = schedule_of(resource(trigger=every(1), jobTemplate=JOB, concurrencyPolicy="Allow", coalesce="All"))
    full = decide(schedule, None, facts(START + 70, durable=True, jobs=())).state
    assert full.counts.active == 70
    read_back = present(decode(encode(full), created=START))
    assert len(read_back.active) == 50
    jobs = tuple(JobView(run.name, run.fire_time, run.started) for run in full.active if run.fire_time != START + 60)
    again = decide(schedule, read_back, facts(START + 70.5, durable=True, jobs=jobs)).state
    assert len(again.active) == again.counts.active == 69
    assert again.counts.lost == 1
    assert again.counts.imbalance() is None


def test_a_job_that_an_edit_passed_over_before_it_was_recorded_is_accounted_for() -> None:
    state = decide(schedule_of(resource(trigger=every(60), jobTemplate=JOB)), None, facts(START + 1)).state
    jobs = (JobView(f"nightly-{START + 60}", START + 60, START + 60),)
    suspended = schedule_of(resource(trigger=every(60), jobTemplate=JOB, suspend=True, generation=2))
    decision = decide(suspended, state, facts(START + 61, durable=True, jobs=jobs))
    assert decision.state.counts == Counts(due=1, started=1, active=1)
    again = decide(suspended, decision.state, facts(START + 62, durable=True, jobs=jobs))
    assert again.state == decision.state


def test_a_job_of_a_creation_that_was_not_recorded_is_accounted_for_where_a_schedule_came_since() -> None:
    jobs = (JobView(f"nightly-{START}", START, START),)
    edited = schedule_of(resource(trigger=every(60), jobTemplate=JOB, generation=2))
    decision = decide(replace(edited, edited=START + 5), None, facts(START + 6, durable=True, jobs=jobs))
    assert decision.state.counts == Counts(due=1, started=1, active=1)
    assert decision.state.next_run == START + 60
    again = decide(edited, decision.state, facts(START + 7, durable=True, jobs=jobs))
    assert again.state == decision.state


def test_a_job_at_an_instant_that_is_no_fire_time_passes_over_none_that_is_one() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, generation=2))
    jobs = (JobView("nightly-odd", START + 61, START + 61),)
    decision = decide(schedule, None, facts(START + 62, durable=True, jobs=jobs))
    assert [run.name for run in decision.state.active] == ["nightly-odd"]
    assert decision.state.counts == Counts(due=2, started=1, active=1, skipped=1)
    again = decide(schedule, decision.state, facts(START + 63, durable=True, jobs=jobs))
    assert again.state == decision.state


def test_a_job_that_an_edit_passed_over_passes_over_no_fire_time_that_jitter_holds_back() -> None:
    spec: dict[str, Any] = {"trigger": {"date": {"at": format_instant(START + 60)}}, "jitterSeconds": 30}
    schedule = replace(schedule_of(resource(**spec, jobTemplate=JOB, generation=2)), edited=START + 5)
    assert due_instant(schedule, START + 60) > START + 62
    jobs = (JobView(f"nightly-{START + 61}", START + 61, START + 61),)
    before = armed(schedule_of(resource(trigger=every(61), jobTemplate=JOB)))
    decision = decide(schedule, before, facts(START + 62, durable=True, jobs=jobs))
    assert decision.state.counts.due == 2
    assert decision.state.counts.imbalance() is None
    again = decide(schedule, decision.state, facts(START + 63, durable=True, jobs=jobs_of(decision.state)))
    assert again.state == decision.state


def test_a_refused_start_is_recorded_as_failed_also_if_a_later_job_was_created() -> None:
    spec: dict[str, Any] = {"trigger": every(10), "jobTemplate": JOB, "coalesce": "All", "concurrencyPolicy": "Allow"}
    refused = {f"nightly-{START + 10}": Refusal(Reason.NAME_TAKEN, "it is another owner's")}
    jobs = (JobView(f"nightly-{START + 20}", START + 20, START + 21),)
    decision = decide(schedule_of(resource(**spec)), None, facts(START + 21, durable=True, jobs=jobs, refused=refused))
    assert decision.state.counts == Counts(due=2, started=2, active=1, failed=1)


def pending_job() -> JobView:
    return JobView(f"nightly-{START + 60}", START + 60, START + 60, pending_since=START + 60)


def test_a_job_that_began_after_it_was_given_up_continues_and_its_own_end_counts() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, pendingTimeoutSeconds=5))
    job = pending_job()
    started = decide(schedule, None, facts(START + 60, durable=True)).state
    given_up = decide(schedule, started, facts(START + 66, durable=True, jobs=(job,)))
    assert [run.cancelling for run in given_up.cancels] == [Reason.PENDING_TIMEOUT]
    began = replace(job, pending_since=None)
    spared = decide(schedule, given_up.state, facts(START + 67, durable=True, jobs=(began,)))
    assert [(run.cancelling, run.message) for run in spared.state.active] == [("", "")]
    deleted_by_a_user = decide(schedule, spared.state, facts(START + 68, durable=True, jobs=(), gone={job.name}))
    assert deleted_by_a_user.state.history[0].outcome is Outcome.LOST


def test_a_job_that_was_given_up_has_failed_though_a_container_began_while_it_was_on_its_way_out() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, pendingTimeoutSeconds=5))
    job = pending_job()
    started = decide(schedule, None, facts(START + 60, durable=True)).state
    given_up = decide(schedule, started, facts(START + 66, durable=True, jobs=(job,)))
    leaving = replace(job, pending_since=None, leaving=True)
    still = decide(schedule, given_up.state, facts(START + 67, durable=True, jobs=(leaving,)))
    assert [run.cancelling for run in still.state.active] == [Reason.PENDING_TIMEOUT]
    gone = decide(schedule, still.state, facts(START + 68, durable=True, jobs=(), gone={job.name}))
    assert (gone.state.history[0].outcome, gone.state.history[0].reason) == (Outcome.FAILED, Reason.PENDING_TIMEOUT)


def test_a_clock_ahead_of_the_servers_gives_no_job_up_too_soon() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, pendingTimeoutSeconds=5))
    started = decide(schedule, None, facts(START + 60, durable=True)).state
    job = replace(pending_job(), created=START + 20, pending_since=START + 20)
    assert decide(schedule, started, facts(START + 61, durable=True, jobs=(job,))).cancels == ()


def test_where_the_record_was_removed_the_jobs_that_run_are_counted() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    job = JobView(f"nightly-{START + 60}", START + 60, START + 60)
    found = decide(schedule, None, facts(START + 70, durable=True, jobs=(job,), record_lost=True))
    assert found.starts_before == ()
    assert found.state.counts == Counts(due=1, started=1, active=1)
    beside = decide(schedule, found.state, facts(START + 120, durable=True, jobs=(job,))).state
    assert beside.counts == Counts(due=2, started=1, active=1, skipped=1)


def test_where_the_record_was_removed_finished_jobs_tell_what_ran_last_and_when_one_succeeded() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    jobs = []
    for n, outcome in enumerate((Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED), start=1):
        at = START + 60 * n
        report = RunReport(schedule.ref, f"nightly-{at}", at, outcome, at, at + 7)
        jobs.append(JobView(report.name, at, at, report))
    found = decide(schedule, None, facts(START + 200, durable=True, jobs=tuple(jobs), record_lost=True)).state
    assert (found.last_scheduled, found.last_successful) == (START + 180, START + 127)
    assert found.counts == Counts()
    assert decode(encode(found), created=schedule.created) == found


def test_the_last_fire_time_that_got_a_run_differs_from_the_last_that_was_decided() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    started = decide(schedule, None, facts(START + 60, durable=True, jobs=())).state
    skipped = decide(schedule, started, facts(START + 120, durable=True, jobs=jobs_of(started))).state
    assert skipped.counts == Counts(due=2, started=1, active=1, skipped=1)
    assert (skipped.cursor, skipped.last_scheduled) == (START + 120, START + 60)


def test_a_cursor_that_was_set_back_by_a_user_counts_no_fire_time_twice() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    started = decide(schedule, None, facts(START + 60, durable=True, jobs=())).state
    skipped = decide(schedule, started, facts(START + 120, durable=True, jobs=jobs_of(started))).state
    written = encode(skipped)
    for edit in ({"decidedUntilTime": written["armedTime"]}, {"decidedUntilTime": None, "lastScheduleTime": None}):
        set_back = decode({name: value for name, value in (written | edit).items() if value}, created=schedule.created)
        assert set_back is not None
        again = decide(schedule, set_back, facts(START + 130, durable=True, jobs=jobs_of(started)))
        assert (again.state.counts, again.starts_before) == (skipped.counts, ())


def test_where_the_record_was_removed_no_request_is_counted_again() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    report = RunReport(schedule.ref, "nightly-m-a", START + 5, Outcome.FAILED, START + 5, START + 6)
    job = JobView("nightly-m-a", START + 5, START + 5, report, request="a")
    found = decide(schedule, None, facts(START + 70, durable=True, jobs=(job,), record_lost=True)).state
    assert found.counts == Counts()
    assert found.last_requested == START + 5


def test_a_job_carries_the_instant_by_which_it_must_be_made_unless_it_is_there_already() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, startingDeadlineSeconds=20))
    made = decide(schedule, None, facts(START + 60, durable=True))
    assert [run.start_by for run in made.starts_before] == [START + 80]
    job = JobView(f"nightly-{START + 60}", START + 60, START + 60)
    adopted = decide(schedule, None, facts(START + 100, durable=True, jobs=(job,)))
    assert [run.start_by for run in adopted.starts_before] == [None]
