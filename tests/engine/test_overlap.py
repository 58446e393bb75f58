"""What happens to a run that finds no room: Forbid, Allow, Replace and Queue, and a full pool."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, every, resource, schedule_of
from engine.world import facts, jobs_of
from kalends.engine.core.facts import Decision
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Counts, QueuedRun, State
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import Decided, JobView, RunReport, Verdict
from kalends.model import Outcome
from kalends.model.reasons import Reason
from narrowing import present


def job_schedule(**spec: Any) -> Schedule:
    return schedule_of(resource(trigger=every(60), jobTemplate=JOB, **spec))


def decide_job(
    schedule: Schedule, state: State | None, now: float, jobs: tuple[Any, ...], gone: list[Any] | tuple[Any, ...] = ()
) -> Decision:
    return decide(schedule, state, facts(now, durable=True, jobs=jobs, gone=frozenset(gone)))


def test_a_queued_run_starts_when_the_one_before_it_has_ended() -> None:
    schedule = job_schedule(concurrencyPolicy="Queue")
    first = decide_job(schedule, None, START + 60, ()).state
    waiting = decide_job(schedule, first, START + 120, jobs_of(first))
    assert waiting.starts_before == ()
    assert waiting.state.queued == (QueuedRun(f"nightly-{START + 120}", START + 120),)
    assert waiting.state.counts == Counts(due=2, started=1, active=1, queued=1)
    assert not waiting.waiting, "it waits for the run before it, and for no worker"
    ended = RunReport(schedule.ref, first.active[0].name, START + 60, Outcome.SUCCEEDED, START + 60, START + 130)
    freed = decide_job(schedule, waiting.state, START + 130, (replace(jobs_of(first)[0], report=ended),))
    assert [run.fire_time for run in freed.starts_before] == [START + 120]
    assert freed.state.counts == Counts(due=2, started=2, active=1, succeeded=1)
    assert freed.state.queued == ()


def test_the_oldest_of_those_that_wait_starts_first_and_newer_ones_do_not_overtake() -> None:
    schedule = job_schedule(concurrencyPolicy="Queue", coalesce="All")
    first = decide_job(schedule, None, START + 300, ())
    assert [run.fire_time for run in first.starts_before] == [START + 60]
    assert [run.fire_time for run in first.state.queued] == [START + 60 * n for n in (2, 3, 4, 5)]
    no_run_is_active = decide_job(schedule, replace(first.state, active=(), counts=Counts()), START + 360, ())
    assert no_run_is_active.starts_before[0].fire_time == START + 120
    assert [run.fire_time for run in no_run_is_active.state.queued] == [START + 60 * n for n in (3, 4, 5, 6)]


def test_a_queue_that_is_full_skips_what_comes_next() -> None:
    schedule = job_schedule(concurrencyPolicy="Queue", maxQueued=1, coalesce="All")
    decision = decide_job(schedule, None, START + 240, ())
    assert decision.state.counts == Counts(due=4, started=1, active=1, queued=1, skipped=2)
    assert decision.state.last_misfire is not None
    assert decision.state.last_misfire.reason == Reason.QUEUE_FULL


def test_the_deadline_of_a_queued_run_continues_to_count() -> None:
    schedule = job_schedule(concurrencyPolicy="Queue", startingDeadlineSeconds=30)
    first = decide_job(schedule, None, START + 60, ()).state
    waiting = decide_job(schedule, first, START + 120, jobs_of(first))
    assert START + 150 < present(waiting.wake_at) < START + 150.1
    given_up = decide_job(schedule, waiting.state, present(waiting.wake_at), jobs_of(first))
    assert given_up.state.counts == Counts(due=2, started=1, active=1, missed=1)
    assert given_up.state.history[0].outcome is Outcome.MISSED
    assert given_up.state.history[0].reason == Reason.WAITED_TOO_LONG


def test_a_queued_run_of_a_schedule_that_was_edited_is_skipped() -> None:
    schedule = job_schedule(concurrencyPolicy="Queue")
    first = decide_job(schedule, None, START + 60, ()).state
    waiting = decide_job(schedule, first, START + 120, jobs_of(first)).state
    edited = schedule_of(resource(trigger=every(7), jobTemplate=JOB, concurrencyPolicy="Queue", generation=2))
    decision = decide_job(edited, waiting, START + 121, jobs_of(first))
    assert decision.state.queued == ()
    assert decision.state.counts == Counts(due=2, started=1, active=1, skipped=1)
    assert decision.state.last_misfire is not None
    assert decision.state.last_misfire.reason == Reason.SCHEDULE_CHANGED


def test_a_queued_run_whose_job_was_created_and_not_recorded_is_started_even_past_its_deadline() -> None:
    schedule = job_schedule(concurrencyPolicy="Queue", startingDeadlineSeconds=30)
    first = decide_job(schedule, None, START + 60, ()).state
    waiting = decide_job(schedule, first, START + 120, jobs_of(first)).state
    there = JobView(f"nightly-{START + 120}", START + 120, START + 140)
    decision = decide_job(schedule, waiting, START + 500, (there,))
    assert START + 120 not in [run.fire_time for run in decision.state.queued]
    assert (f"nightly-{START + 120}", START + 120) in [(run.name, run.fire_time) for run in decision.state.active]


def test_replace_asks_the_old_run_to_end_and_starts_the_new_one_when_it_is_gone() -> None:
    schedule = job_schedule(concurrencyPolicy="Replace")
    first = decide_job(schedule, None, START + 60, ()).state
    replacing = decide_job(schedule, first, START + 120, jobs_of(first))
    assert replacing.starts_before == (), "the old one is still there"
    assert [(run.name, run.cancelling) for run in replacing.cancels] == [(first.active[0].name, Reason.REPLACED)]
    assert replacing.state.counts == Counts(due=2, started=1, active=1, queued=1)
    still = decide_job(schedule, replacing.state, START + 125, jobs_of(first))
    assert still.starts_before == ()
    gone = decide_job(schedule, replacing.state, START + 130, (), [first.active[0].name])
    assert [run.fire_time for run in gone.starts_before] == [START + 120]
    assert gone.state.counts == Counts(due=2, started=2, active=1, cancelled=1)
    assert (gone.state.history[0].outcome, gone.state.history[0].reason) == (Outcome.CANCELLED, Reason.REPLACED)


def test_an_executor_is_asked_once_and_again_after_a_restart() -> None:
    schedule = job_schedule(concurrencyPolicy="Replace")
    first = decide_job(schedule, None, START + 60, ()).state
    replacing = decide_job(schedule, first, START + 120, jobs_of(first)).state
    asked = facts(START + 121, durable=True, jobs=jobs_of(first), asked_to_end=frozenset({first.active[0].name}))
    assert decide(schedule, replacing, asked).cancels == ()
    assert len(decide_job(schedule, replacing, START + 121, jobs_of(first)).cancels) == 1


def test_of_several_that_wait_to_replace_the_newest_wins() -> None:
    schedule = job_schedule(concurrencyPolicy="Replace")
    first = decide_job(schedule, None, START + 60, ()).state
    second = decide_job(schedule, first, START + 120, jobs_of(first)).state
    third = decide_job(schedule, second, START + 180, jobs_of(first))
    assert [run.fire_time for run in third.state.queued] == [START + 180]
    assert third.state.counts == Counts(due=3, started=1, active=1, queued=1, coalesced=1)


def test_replace_with_two_instances_ends_only_as_many_as_it_must() -> None:
    schedule = job_schedule(concurrencyPolicy="Replace", maxInstances=2)
    first = decide_job(schedule, None, START + 60, ()).state
    second = decide_job(schedule, first, START + 120, jobs_of(first)).state
    third = decide_job(schedule, second, START + 180, jobs_of(second))
    assert [run.fire_time for run in third.cancels] == [START + 60]


def test_a_task_is_asked_to_end_only_where_it_runs() -> None:
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Replace"))
    first = decide(schedule, None, facts(START + 60)).state
    here = frozenset({first.active[0].name})
    assert len(decide(schedule, first, facts(START + 120, here=here)).cancels) == 1
    never_started = decide(schedule, first, facts(START + 120)).state
    ended = decide(schedule, never_started, facts(START + 120)).state
    assert ended.counts == Counts(due=2, started=2, active=1, cancelled=1)


def test_runs_that_wait_for_a_worker_count_as_instances() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    waiting = decide(schedule, None, facts(START + 63, free_slots=0)).state
    skipped = decide(schedule, waiting, facts(START + 120, free_slots=0))
    assert skipped.state.counts == Counts(due=2, queued=1, skipped=1)
    assert skipped.state.last_misfire is not None
    assert "waiting for a worker" in skipped.state.last_misfire.message


def test_a_worker_that_is_free_again_takes_the_one_that_waits() -> None:
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Allow"))
    waiting = decide(schedule, None, facts(START + 63, free_slots=0)).state
    assert waiting.counts.queued == 1
    claimed = decide(schedule, waiting, facts(START + 90, free_slots=1))
    assert [(run.fire_time, run.holder) for run in claimed.state.active] == [(START + 60, "me")]
    assert claimed.state.counts == Counts(due=1, started=1, active=1)
    delays = [one.delay for one in claimed.notices if isinstance(one, Decided) and one.verdict is Verdict.STARTED]
    assert delays == [30.0]


def test_a_job_whose_pods_do_not_start_is_given_up_and_has_failed() -> None:
    schedule = job_schedule(pendingTimeoutSeconds=40)
    first = decide_job(schedule, None, START + 60, ()).state
    name = first.active[0].name
    stuck = JobView(name, START + 60, START + 60, pending_since=START + 60, pending_message="ImagePullBackOff: no")
    waiting = decide_job(schedule, first, START + 61, (stuck,))
    assert waiting.wake_at == START + 100
    given_up = decide_job(schedule, first, START + 100, (stuck,))
    assert [run.name for run in given_up.cancels] == [name]
    gone = decide_job(schedule, given_up.state, START + 102, (), [name])
    assert gone.state.counts == Counts(due=1, started=1, failed=1)
    entry = gone.state.history[0]
    assert (entry.outcome, entry.reason) == (Outcome.FAILED, Reason.PENDING_TIMEOUT)
    assert "within 40 s: ImagePullBackOff: no" in entry.message


def test_a_job_that_has_started_is_not_given_up() -> None:
    schedule = job_schedule(pendingTimeoutSeconds=40)
    first = decide_job(schedule, None, START + 60, ()).state
    started = JobView(first.active[0].name, START + 60, START + 60)
    assert decide_job(schedule, first, START + 118, (started,)).cancels == ()


def test_a_claim_that_was_to_be_replaced_before_it_started_never_starts() -> None:
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Replace"))
    claim = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="me", cancelling="Replaced")
    state = State(
        armed=START,
        schedule_hash=schedule.hash,
        observed_generation=1,
        cursor=START + 60,
        active=(claim,),
        counts=Counts(due=1, started=1, active=1),
    )
    decision = decide(schedule, state, facts(START + 61))
    assert decision.starts_claimed == ()
    assert decision.state.counts == Counts(due=1, started=1, cancelled=1)


def test_what_waits_for_a_moment_costs_no_record_and_starts_when_a_worker_is_free() -> None:
    schedule = schedule_of(resource(trigger=every(1), coalesce="All", concurrencyPolicy="Allow"))
    before = decide(schedule, None, facts(START + 0.5)).state
    waiting = decide(schedule, before, facts(START + 2.1, free_slots=1))
    assert [run.fire_time for run in waiting.state.active] == [START + 1]
    assert (waiting.state.cursor, waiting.state.counts) == (START + 1, Counts(due=1, started=1, active=1))
    assert waiting.waiting
    here = frozenset({run.name for run in waiting.state.active})
    claimed = decide(schedule, waiting.state, facts(START + 2.9, here=here))
    assert [run.fire_time for run in claimed.state.active] == [START + 1, START + 2]


def test_a_deadline_shorter_than_a_moment_is_kept() -> None:
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=1))
    waiting = decide(schedule, None, facts(START + 60.2, free_slots=0))
    assert START + 61 < present(waiting.wake_at) < START + 61.1
    assert decide(schedule, waiting.state, facts(present(waiting.wake_at), free_slots=0)).state.counts == Counts(
        due=1, missed=1
    )


def test_a_short_wait_changes_nothing_in_the_record() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    before = decide(schedule, None, facts(START + 1)).state
    assert decide(schedule, before, facts(START + 60.1, free_slots=0)).state == before


def test_a_moment_counts_from_the_first_that_waits_also_where_it_gives_way_to_later_ones() -> None:
    schedule = schedule_of(resource(trigger=every(1)))
    state = decide(schedule, None, facts(START)).state
    moments = [decide(schedule, state, facts(START + 1 + lateness, free_slots=0)) for lateness in (0.1, 1.1, 1.9)]
    assert [moment.state.counts for moment in moments] == [Counts()] * 3
    assert [moment.wake_at for moment in moments] == [pytest.approx(START + 3, abs=0.01)] * 3
    waiting = decide(schedule, state, facts(present(moments[-1].wake_at), free_slots=0)).state
    assert waiting.counts == Counts(due=3, coalesced=2, queued=1)


def test_a_request_does_not_overtake_a_fire_time_that_waits_for_a_moment() -> None:
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Queue"))
    before = decide(schedule, None, facts(START + 1)).state
    moment = decide(schedule, before, facts(START + 60.5, free_slots=0)).state
    assert moment == before
    asked = decide(replace(schedule, request="now"), moment, facts(START + 61, free_slots=0)).state
    assert [(run.fire_time, run.request) for run in asked.queued] == [(START + 60, ""), (START + 61, "now")]
