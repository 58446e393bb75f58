"""Which Jobs count that are not recorded: each claims a fire time, and anybody who may create Jobs can claim that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, every, resource, schedule_of
from engine.unrecorded import IGNORED, decided_on, job, of_jobs
from engine.world import World, armed, facts
from kalends.engine.core.facts import Facts
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Counts, State
from kalends.engine.decisions import unrecorded_jobs as adopting
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobAnomaly, JobView, RunReport
from kalends.engine.runs import proofs_of_start
from kalends.engine.runs.proofs_of_start import CLOCK_SLACK
from kalends.model import Outcome
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.stores.status_record import encode


@pytest.mark.parametrize("ahead", [CLOCK_SLACK + 1, 3600, 47 * 3600, 10**9])
def test_a_job_that_names_a_fire_time_to_come_moves_no_cursor(ahead: int) -> None:
    schedule = of_jobs()
    fire_time = START + 60 * (ahead // 60 + 1)
    forged = job(fire_time, START + 1)
    decision = decided_on(schedule, armed(schedule), START + 2, forged)
    assert decision.state.counts == Counts()
    assert decision.state.next_run == START + 60
    assert decision.starts_before == ()


def test_of_many_ignored_jobs_only_the_jobs_that_are_named_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = of_jobs()
    forged = [job(START + 3600 + 60 * number, START + 1) for number in range(2_000)]
    described: list[int] = []

    def format_and_count(instant: int) -> str:
        described.append(instant)
        return format_instant(instant)

    monkeypatch.setattr(proofs_of_start, "format_instant", format_and_count)
    decision = decided_on(schedule, armed(schedule), START + 2, *forged)
    message = decision.state.conditions[IGNORED].message
    assert f"{forged[-1].name} is named after {format_instant(forged[-1].fire_time)}, and was created at" in message
    assert message.endswith("; and 1997 more")
    assert len(described) <= 2 * proofs_of_start.MOST_NAMED


@pytest.mark.parametrize("ahead", [CLOCK_SLACK + 1, 3600])
def test_a_job_that_was_created_before_its_fire_time_does_not_count_after_it_either(ahead: int) -> None:
    schedule = of_jobs(startingDeadlineSeconds=10)
    fire_time = START + 60 * (ahead // 60 + 1)
    forged = job(fire_time, fire_time - ahead)
    decision = decided_on(schedule, armed(schedule), fire_time + 30, forged)
    assert (decision.state.counts.started, decision.state.active) == (0, ())
    assert decision.state.counts.missed == decision.state.counts.due == fire_time // 60 - START // 60


def test_a_job_without_a_controller_that_was_created_before_its_fire_time_is_not_taken_up_after_it() -> None:
    schedule = of_jobs()
    forged = job(START + 120, START + 120 - CLOCK_SLACK - 1, uid="its-uid")
    in_time = job(START + 120, START + 120 - CLOCK_SLACK, uid="its-uid")
    assert decided_on(schedule, armed(schedule), START + 125, orphans=(forged,)).takes_up == ()
    assert decided_on(schedule, armed(schedule), START + 125, orphans=(in_time,)).takes_up == (in_time,)


def test_a_job_that_is_ignored_is_a_condition_while_it_is_there_and_one_event() -> None:
    schedule = of_jobs()
    forged = job(START + 3600, START + 1)
    first = decided_on(schedule, armed(schedule), START + 2, forged)
    condition = first.state.conditions[IGNORED]
    assert (condition.status, condition.reason) == (True, Reason.UNEXPECTED_JOB)
    assert forged.name in condition.message
    assert [one.reason for one in first.notices if isinstance(one, JobAnomaly)] == [Reason.UNEXPECTED_JOB]
    again = decided_on(schedule, first.state, START + 3, forged)
    assert again.state == first.state
    assert not any(isinstance(one, JobAnomaly) for one in again.notices)
    gone = decided_on(schedule, first.state, START + 4)
    assert IGNORED not in gone.state.conditions


def test_many_jobs_that_are_ignored_are_one_short_message() -> None:
    schedule = of_jobs()
    forged = [job(START + 3600 + 60 * number, START + 1) for number in range(500)]
    message = decided_on(schedule, armed(schedule), START + 2, *forged).state.conditions[IGNORED].message
    assert "and 497 more" in message
    assert len(message) < 1024


def test_a_job_that_is_a_little_early_counts_from_its_fire_time_on() -> None:
    schedule = of_jobs()
    early = job(START + 60, START + 60 - CLOCK_SLACK)
    before = decided_on(schedule, armed(schedule), START + 30, early)
    assert (before.state.counts, before.starts_before) == (Counts(), ())
    assert IGNORED not in before.state.conditions
    at_its_time = decided_on(schedule, before.state, START + 60, early)
    assert at_its_time.state.counts == Counts(due=1, started=1, active=1)


def test_a_job_created_after_its_fire_time_counts_although_our_clock_was_set_back() -> None:
    schedule = of_jobs()
    created_in_time = job(START + 60, START + 60)
    decision = decided_on(schedule, armed(schedule), START - 3600, created_in_time)
    assert decision.state.counts == Counts(due=1, started=1, active=1)


def test_a_task_adopts_no_job() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    forged = job(START + 60, START + 60)
    decision = decide(schedule, armed(schedule), facts(START + 61, jobs=(forged,), free_slots=0))
    assert decision.state.counts.active == 0
    assert IGNORED in decision.state.conditions


def test_a_task_that_ran_jobs_until_an_edit_adopts_the_one_that_was_not_recorded() -> None:
    schedule = schedule_of(resource(trigger=every(60), generation=2))
    state = armed(schedule)
    decision = decide(schedule, state, facts(START + 61, jobs=(job(START + 60, START + 60),)))
    assert [(run.name, run.holder) for run in decision.state.active] == [(f"nightly-{START + 60}", "")]


def test_a_job_at_no_fire_time_of_a_schedule_that_was_not_edited_is_ignored() -> None:
    schedule = of_jobs()
    odd = job(START + 61, START + 61)
    decision = decided_on(schedule, armed(schedule, cursor=START + 60), START + 62, odd)
    assert decision.state.counts == Counts()
    assert "which is no fire time" in decision.state.conditions[IGNORED].message


def running(schedule: Schedule, **more: Any) -> State:
    run = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "jobs", **more)
    return armed(schedule, cursor=START + 60, active=(run,), counts=Counts(due=1, started=1, active=1))


RETRIED: dict[str, Any] = {"retry": {"limit": 3, "backoffSeconds": 10}}


def ended(schedule: Schedule, view: JobView, outcome: Outcome) -> JobView:
    report = RunReport(schedule.ref, view.name, view.fire_time, outcome, view.created, view.created + 1)
    return replace(view, report=report)


@pytest.mark.parametrize("attempt", [2, 3, 900])
def test_a_job_of_a_later_attempt_changes_nothing_for_an_active_run(attempt: int) -> None:
    schedule = of_jobs(**RETRIED)
    state = running(schedule)
    real = job(START + 60, START + 60)
    forged = ended(schedule, job(START + 60, START + 61, attempt=attempt), Outcome.SUCCEEDED)
    decision = decided_on(schedule, state, START + 63, real, forged)
    assert decision.state.active == state.active
    assert decision.state.history == ()


def test_a_job_of_a_later_attempt_changes_nothing_for_a_succeeded_run() -> None:
    schedule = of_jobs(**RETRIED)
    real = ended(schedule, job(START + 60, START + 60), Outcome.SUCCEEDED)
    forged = ended(schedule, job(START + 60, START + 61, attempt=2), Outcome.FAILED)
    decision = decided_on(schedule, running(schedule), START + 63, real, forged)
    assert [run.outcome for run in decision.state.history] == [Outcome.SUCCEEDED]
    assert decision.state.active == ()


def test_a_job_two_attempts_ahead_is_not_that_of_the_run() -> None:
    schedule = of_jobs(**RETRIED)
    real = ended(schedule, job(START + 60, START + 60), Outcome.FAILED)
    decision = decided_on(schedule, running(schedule), START + 62, real, job(START + 60, START + 61, attempt=3))
    assert [run.attempt for run in decision.state.active] == [2]


def test_a_retry_that_was_created_and_not_recorded_is_adopted() -> None:
    schedule = of_jobs(**RETRIED)
    real = ended(schedule, job(START + 60, START + 60), Outcome.FAILED)
    retried = job(START + 60, START + 72, attempt=2)
    decision = decided_on(schedule, running(schedule), START + 75, real, retried)
    assert [(run.name, run.attempt, run.retry_at) for run in decision.state.active] == [(retried.name, 2, None)]


def test_a_job_under_the_name_of_a_retry_long_before_that_is_due_is_not_that_retry() -> None:
    schedule = of_jobs(**RETRIED)
    name = run_name("nightly", START + 60, 2)
    waiting = replace(running(schedule).active[0], name=name, attempt=2, retry_at=START + 600)
    state = replace(running(schedule), active=(waiting,))
    decision = decided_on(schedule, state, START + 200, job(START + 60, START + 200, attempt=2))
    assert decision.state.active == (waiting,)


def test_a_run_in_a_pool_is_not_taken_over_by_a_job() -> None:
    schedule = schedule_of(resource(trigger=every(60), **RETRIED))
    state = running(schedule, holder="me")
    state = replace(state, active=(replace(state.active[0], executor="default"),))
    forged = job(START + 60, START + 61, attempt=2)
    here = frozenset({state.active[0].name})
    decision = decide(schedule, state, facts(START + 63, jobs=(forged,), here=here))
    assert decision.state.active == state.active


def test_of_a_removed_record_jobs_of_fire_times_to_come_are_no_part() -> None:
    schedule = of_jobs()
    forged, real = job(START + 7200, START + 1), job(START + 60, START + 60)
    decision = decided_on(schedule, None, START + 70, forged, real, record_lost=True)
    assert [run.name for run in decision.state.active] == [real.name]
    assert decision.state.cursor == START + 60


def test_an_active_run_keeps_its_job_whatever_the_servers_clock_says() -> None:
    schedule = of_jobs()
    behind = job(START + 60, START + 60 - 10 * CLOCK_SLACK)
    decision = decided_on(schedule, running(schedule), START + 63, behind)
    assert decision.state.active == running(schedule).active
    assert decision.looks == ()


def test_a_job_without_its_label_continues_under_a_condition_until_it_ends() -> None:
    schedule = of_jobs()
    altered = replace(job(START + 60, START + 60), altered=True)
    decision = decided_on(schedule, running(schedule), START + 63, altered)
    assert decision.state.active == running(schedule).active
    condition = decision.state.conditions["JobRelabelled"]
    assert (condition.reason, altered.name in condition.message) == (Reason.IDENTITY_CHANGED, True)
    over = decided_on(schedule, decision.state, START + 65, ended(schedule, altered, Outcome.SUCCEEDED))
    assert "JobRelabelled" not in over.state.conditions
    assert over.state.counts.succeeded == 1


def test_under_forbid_nothing_starts_beside_a_job_that_is_to_be_read() -> None:
    schedule = of_jobs()
    unsure = replace(job(START + 60, START + 60), unsure=True)
    decision = decided_on(schedule, running(schedule), START + 120, unsure)
    assert decision.starts_before == ()
    assert decision.looks == (unsure.name,)
    assert decision.state.counts == Counts(due=2, started=1, active=1, skipped=1)


@pytest.mark.looptime
async def test_a_run_whose_status_names_an_executor_that_is_not_there_ends_like_any_other() -> None:
    world = World()
    obj = resource(trigger=every(60), jobTemplate=JOB)
    schedule = schedule_of(obj)
    run = ActiveRun(f"nightly-{START}", START, START, "nowhere", cancelling=Reason.REPLACED)
    state = armed(schedule, cursor=START, active=(run,), counts=Counts(due=1, started=1, active=1))
    key = world.apply(obj | {"status": encode(state)})
    async with world.running():
        await asyncio.sleep(5)
    assert world.cluster.looked == [run.name]
    counts = {name: count for name, count in world.counts(key).items() if count}
    assert counts == {"due": 1, "started": 1, "cancelled": 1}


@pytest.mark.looptime
async def test_a_job_that_left_its_watch_is_read_once_and_its_run_continues() -> None:
    world = World()
    obj = resource(trigger=every(60), jobTemplate=JOB)
    key, ref = world.apply(obj), schedule_of(obj).ref
    async with world.running():
        await asyncio.sleep(65)
        (name,) = world.cluster.created
        world.cluster.hide(ref, name)
        await asyncio.sleep(60)
        assert world.cluster.looked == [name]
        assert world.cluster.created == [name], "nothing starts beside it"
        conditions = {one["type"] for one in world.store.status(key)["conditions"]}
        assert "JobRelabelled" in conditions
        world.cluster.end(ref, name)
        await asyncio.sleep(5)
    counts = {name: count for name, count in world.counts(key).items() if count}
    assert counts == {"due": 2, "started": 1, "skipped": 1, "succeeded": 1}


def test_a_look_at_two_thousand_jobs_of_the_history_judges_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = replace(of_jobs(), keep_succeeded=5000, keep_failed=5000)
    state = running(schedule)
    history = [ended(schedule, job(START - 60 * number, START - 60 * number), Outcome.FAILED) for number in range(2000)]
    judged = []
    has_come = adopting.has_come

    def judging(view: JobView, known: Facts) -> bool:
        judged.append(view.name)
        return has_come(view, known)

    monkeypatch.setattr(adopting, "has_come", judging)
    decision = decided_on(schedule, state, START + 61, *history, job(START + 60, START + 60))
    assert decision.state.active == state.active
    assert set(judged) <= {f"nightly-{START + 60}"}
    assert decision.deletes == ()


def test_of_two_thousand_jobs_the_oldest_beyond_the_limits_are_deleted() -> None:
    schedule = replace(of_jobs(), keep_succeeded=1998, keep_failed=0)
    history = [ended(schedule, job(START - 60 * number, START), Outcome.SUCCEEDED) for number in range(2000)]
    failed = ended(schedule, job(START + 60, START + 60), Outcome.FAILED)
    decision = decided_on(schedule, armed(schedule, cursor=START + 60), START + 61, *history, failed)
    assert decision.deletes == (history[-1].name, history[-2].name, failed.name)


@pytest.mark.parametrize("now", [START + 61, START + 125])
def test_a_job_of_the_spec_before_counts_although_fire_times_are_not_decided_when_the_edit_is_seen(now: Any) -> None:
    task = schedule_of(resource(trigger=every(60), generation=2))
    of_before = job(START + 60, START + 60)
    known = {"jobs": (of_before,), "free_slots": 9}
    stopping = decide(task, armed(task), facts(now, dispatch=False, **known))
    assert stopping.state.counts == Counts()
    after = decide(task, stopping.state, facts(now + 1, **known))
    assert (of_before.name, "") in [(run.name, run.holder) for run in after.state.active]
    assert after.state.observed_generation == 2
    assert decide(task, after.state, facts(now + 2, **known)).state.counts == after.state.counts


def test_a_job_of_a_request_counts_although_nothing_is_decided_when_the_edit_to_a_task_is_seen() -> None:
    task = replace(schedule_of(resource(trigger=every(60), generation=2)), request="token")
    asked = job(START + 10, START + 10, request="token")
    known = {"jobs": (asked,), "free_slots": 9}
    stopping = decide(task, armed(task), facts(START + 11, dispatch=False, **known))
    after = decide(task, stopping.state, facts(START + 12, **known))
    assert [(run.name, run.holder) for run in after.state.active] == [(asked.name, "")]


def test_the_generation_is_recorded_at_once_where_there_is_no_job_to_count() -> None:
    task = schedule_of(resource(trigger=every(60), generation=2))
    assert decide(task, armed(task), facts(START + 61, dispatch=False, jobs=())).state.observed_generation == 2


def test_a_task_that_could_not_be_carried_out_until_now_adopts_the_job_of_the_spec_before() -> None:
    task = schedule_of(resource(trigger=every(60), generation=2))
    invalid = replace(armed(task), schedule_hash="", observed_generation=2)
    decision = decide(task, invalid, facts(START + 61, jobs=(job(START + 60, START + 60),), free_slots=9))
    assert [(run.name, run.holder) for run in decision.state.active] == [(f"nightly-{START + 60}", "")]


@pytest.mark.parametrize("suspended", [True, False])
def test_a_job_of_a_schedule_between_two_edits_is_counted_although_the_last_is_the_recorded_one(suspended: Any) -> None:
    spec = replace(of_jobs(), suspended=suspended)
    first = decide(spec, None, facts(START + 1, durable=True, jobs=()))
    again = replace(spec, generation=first.state.observed_generation + 2)
    between = job(START + 31, START + 31)  # no fire time of the recorded schedule
    known = {"durable": True, "jobs": (between,)}
    found = decide(again, first.state, facts(START + 40, **known))
    assert [run.name for run in found.state.active] == [between.name]
    assert (found.state.counts.due, found.state.counts.started) == (1, 1)
    settled = decide(again, found.state, facts(START + 41, **known))
    assert settled.state.counts == found.state.counts


@pytest.mark.parametrize(
    "edit",
    [
        {"suspended": True},
        {"hash": "edited"},
        {"hash": "edited", "trigger": of_jobs(startTime=format_instant(START + 7)).trigger},
    ],
    ids=["suspended", "the same times", "other times"],
)
def test_a_job_that_an_edit_overtook_is_counted_after_an_operator_that_stops_has_recorded_the_edit(edit: Any) -> None:
    spec = of_jobs()
    first = decide(spec, None, facts(START + 1, durable=True, jobs=()))
    edited = replace(spec, generation=first.state.observed_generation + 1, **{"edited": START + 50, **edit})
    # An operator that was paused created it before the edit reached it, and decides no fire times any more.
    created = {"durable": True, "jobs": (job(START + 120, START + 125),)}
    stopping = decide(edited, first.state, facts(START + 126, dispatch=False, **created))
    found = decide(edited, stopping.state, facts(START + 130, **created))
    runs = [run.name for decision in (stopping, found) for run in decision.state.active]
    assert f"nightly-{START + 120}" in runs
    assert found.state.counts.started == found.state.counts.active
    settled = decide(edited, found.state, facts(START + 131, **created))
    assert settled.state.counts == found.state.counts


def test_the_end_of_a_request_counts_although_its_job_was_created_at_another_instant_than_is_recorded() -> None:
    spec, token = of_jobs(), "token-1"
    name = run_name("nightly", START + 40, 1, token)
    active = ActiveRun(name, START + 40, START + 40, "jobs", 1, request=token)
    counts = Counts(requested=1, started=1, active=1)
    record = replace(armed(spec), active=(active,), counts=counts, last_requested=START + 40)
    report = RunReport(spec.ref, name, START + 30, Outcome.SUCCEEDED, START + 41, START + 42)
    found = decided_on(spec, record, START + 45, job(START + 30, START + 30, request=token, report=report))
    assert (found.state.counts.active, found.state.counts.succeeded) == (0, 1)
    assert found.looks == ()
