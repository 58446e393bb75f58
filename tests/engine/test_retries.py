"""Runs that failed and are tried again, runs requested manually, schedules that end, and what history remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import JOB, START, every, resource, schedule_of
from engine.world import facts
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.history import MISFIRES_KEPT, was_run, with_entry
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import RetryPolicy, Schedule
from kalends.engine.core.state import ActiveRun, Counts, FinishedRun, State
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobView, Retried, RunReport
from kalends.engine.runs.retry_policy import backoff
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.model.values import MOST_HISTORY_LISTED
from narrowing import known, present

RETRY = {"limit": 2, "backoffSeconds": 10, "factor": 2, "maxBackoffSeconds": 15}


def started(schedule: Schedule, now: int = START + 60) -> State:
    return decide(schedule, None, facts(now)).state


def report(schedule: Schedule, run: ActiveRun, outcome: Outcome, at: int) -> dict[str, Any]:
    return {run.name: RunReport(schedule.ref, run.name, run.fire_time, outcome, run.started, at, "Exception", "no")}


def fail(schedule: Schedule, state: State, at: int, outcome: Outcome = Outcome.FAILED) -> Decision:
    run = state.active[0]
    reports = report(schedule, run, outcome, at)
    return decide(schedule, state, facts(at, reports=reports, here=frozenset({run.name})))


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMED_OUT])
def test_a_run_that_failed_waits_for_its_next_attempt_and_stays_active(outcome: Outcome) -> None:
    schedule = schedule_of(resource(trigger=every(3600), retry=RETRY))
    failed = fail(schedule, started(schedule, START + 3600), START + 3601, outcome)
    (run,) = failed.state.active
    assert (run.attempt, run.holder) == (2, "")
    assert START + 3611 <= present(run.retry_at) <= START + 3613, "ten seconds, and up to a quarter more"
    assert failed.wake_at == run.retry_at
    assert failed.state.counts == Counts(due=1, started=1, active=1)
    assert [(one.attempt, one.at) for one in failed.notices if isinstance(one, Retried)] == [(2, run.retry_at)]
    again = decide(schedule, failed.state, facts(present(run.retry_at)))
    assert [(one.name, one.holder, one.retry_at) for one in again.state.active] == [(run.name, "me", None)]
    assert [one.attempt for one in decide(schedule, again.state, facts(present(run.retry_at))).starts_claimed] == [2]


def test_after_its_last_attempt_a_run_has_failed_with_all_attempts_recorded() -> None:
    schedule = schedule_of(resource(trigger=every(3600), retry=RETRY))
    state, now = started(schedule, START + 3600), START + 3601
    for _ in range(2):
        state = fail(schedule, state, now).state
        now = present(state.active[0].retry_at)
        state = decide(schedule, state, facts(now)).state
    ended = fail(schedule, state, now + 1).state
    assert ended.active == ()
    assert ended.counts == Counts(due=1, started=1, failed=1)
    assert (ended.history[0].attempts, ended.history[0].outcome) == (3, Outcome.FAILED)


def test_a_retry_waits_for_a_worker_without_being_looked_at_all_the_time() -> None:
    schedule = schedule_of(resource(trigger=every(3600), retry=RETRY))
    failed = fail(schedule, started(schedule, START + 3600), START + 3601).state
    waiting = decide(schedule, failed, facts(START + 3700, free_slots=0))
    assert waiting.waiting
    assert waiting.wake_at == START + 7200


def test_where_more_wait_for_their_next_attempt_than_may_run_the_oldest_goes_first() -> None:
    more = schedule_of(resource(trigger=every(3600), coalesce="All", maxInstances=2, retry=RETRY))
    state = started(more, START + 7200)
    ends: dict[str, RunReport] = {}
    for run in state.active:
        ends |= report(more, run, Outcome.FAILED, START + 7201)
    state = decide(more, state, facts(START + 7201, reports=ends, here=frozenset(ends))).state
    older, newer = state.active
    now = max(present(older.retry_at), present(newer.retry_at))

    assert [run.retry_at for run in decide(more, state, facts(now)).state.active] == [None, None]
    fewer = schedule_of(resource(trigger=every(3600), coalesce="All", maxInstances=1, retry=RETRY))
    first = decide(fewer, state, facts(now))
    assert [run.retry_at for run in first.state.active] == [None, newer.retry_at]
    assert not first.waiting, "it is no worker that is missing"
    assert first.wake_at == START + 10800

    ended = report(fewer, first.state.active[0], Outcome.SUCCEEDED, now + 5)
    then = decide(fewer, first.state, facts(now + 5, reports=ended, here=frozenset(ended)))
    assert [(run.name, run.retry_at) for run in then.state.active] == [(newer.name, None)]


@pytest.mark.parametrize(("on_lost", "counts"), [(True, Counts(1, 0, 1, active=1)), (False, Counts(1, 0, 1, lost=1))])
def test_a_lost_run_is_tried_again_only_where_that_is_allowed(on_lost: bool, counts: Counts) -> None:
    schedule = schedule_of(resource(trigger=every(3600), retry={**RETRY, "onLost": on_lost}))
    state = replace(started(schedule, START + 3600))
    decision = decide(schedule, state, Facts(now=START + 3650, me="another"))
    assert decision.state.counts == counts


def test_a_job_is_tried_again_under_another_name_that_is_as_sure_as_the_first() -> None:
    schedule = schedule_of(resource("x" * 52, trigger=every(3600), retry=RETRY, jobTemplate=JOB))
    first = decide(schedule, None, facts(START + 3600, durable=True, jobs=())).state
    run = first.active[0]
    ended = RunReport(schedule.ref, run.name, run.fire_time, Outcome.FAILED, START + 3600, START + 3601)
    job = JobView(run.name, run.fire_time, START + 3600, report=ended)
    failed = decide(schedule, first, facts(START + 3602, durable=True, jobs=(job,)))
    now = present(failed.state.active[0].retry_at)
    twice = [decide(schedule, failed.state, facts(now, durable=True, jobs=(job,))).starts_before for _ in range(2)]
    assert twice[0] == twice[1]
    (again,) = twice[0]
    assert again.attempt == 2
    assert again.name != run.name
    assert len(again.name) <= 63


def test_a_run_that_was_cancelled_is_not_tried_again() -> None:
    schedule = schedule_of(resource(trigger=every(3600), retry=RETRY))
    ended = fail(schedule, started(schedule, START + 3600), START + 3601, Outcome.CANCELLED).state
    assert ended.counts == Counts(due=1, started=1, cancelled=1)


def test_retries_continue_while_the_schedule_is_suspended() -> None:
    spec: dict[str, Any] = {"trigger": every(3600), "retry": RETRY}
    failed = fail(schedule_of(resource(**spec)), started(schedule_of(resource(**spec)), START + 3600), START + 3601)
    suspended = schedule_of(resource(**spec, suspend=True, generation=2))
    again = decide(suspended, failed.state, facts(START + 3650))
    assert [(run.attempt, run.holder) for run in again.state.active] == [(2, "me")]


def test_the_wait_grows_up_to_its_limit_and_is_the_same_for_every_operator() -> None:
    retry = RetryPolicy(limit=5, backoff_seconds=10, factor=2, max_backoff_seconds=30)
    waits = [backoff(retry, ActiveRun("a", START, START, "default", attempt=n), "uid") for n in (1, 2, 3, 4)]
    again = [backoff(retry, ActiveRun("a", START, START, "default", attempt=n), "uid") for n in (1, 2, 3, 4)]
    assert waits == again
    for wait, least in zip(waits, (10, 20, 30, 30), strict=True):
        assert least <= wait <= least + least // 4


@given(
    st.integers(0, 4_000_000_000),
    st.integers(1, 101),
    st.text(min_size=0, max_size=5),
    st.sampled_from(["a", "x" * 52]),
)
def test_names_fit_and_are_names(fire_time: int, attempt: int, request: str, resource_name: str) -> None:
    fire_time = max(fire_time, 1_000_000_000)
    name = run_name(resource_name, fire_time, attempt, request)
    assert len(name) <= len(resource_name) + 11
    assert name.removeprefix(resource_name).replace("-", "").isalnum()
    assert name == name.lower()


def test_no_two_runs_have_the_same_name() -> None:
    names = [
        run_name("a", START + second, attempt, request)
        for second in range(50)
        for attempt in (1, 2, 36, 37, 101)
        for request in ("", "one", "two")
        if not request or second == 0
    ]
    assert len(set(names)) == len(names)


def asked(token: str, **spec: Any) -> Schedule:
    obj = resource(**spec)
    obj["metadata"]["annotations"] = {"kalends.dev/run-requested": token}
    return schedule_of(obj)


def test_a_request_is_carried_out_once_for_each_token() -> None:
    schedule = asked("now", trigger=every(3600))
    first = decide(schedule, None, facts(START + 5.5)).state
    assert first.counts == Counts(requested=1, started=1, active=1)
    assert [(run.request, run.fire_time) for run in first.active] == [("now", START + 5)]
    here = frozenset({first.active[0].name})
    assert decide(schedule, first, facts(START + 6, here=here)).state == first
    ended = decide(schedule, first, facts(START + 6, reports=report(schedule, first.active[0], Outcome.SUCCEEDED, 6)))
    assert ended.state.counts == Counts(requested=1, started=1, succeeded=1)
    assert ended.state.history[0].request == "now"
    more = decide(asked("again", trigger=every(3600)), ended.state, facts(START + 7)).state
    assert more.counts.requested == 2
    back = decide(schedule, more, facts(START + 8, here=frozenset({more.active[0].name}))).state
    assert back.counts.requested == 2, "the first token was answered before"


def test_a_request_is_carried_out_while_suspended_and_after_the_end() -> None:
    suspended = decide(asked("now", trigger=every(60), suspend=True), None, facts(START + 5))
    assert suspended.state.counts.started == 1
    over = asked("now", trigger={"date": {"at": "2026-01-01T00:00:00Z"}})
    assert decide(over, None, facts(START + 5)).state.counts == Counts(requested=1, started=1, active=1)


def test_a_request_obeys_the_rules_of_overlap() -> None:
    spec: dict[str, Any] = {"trigger": every(60)}
    first = decide(schedule_of(resource(**spec)), None, facts(START + 60)).state
    here = frozenset({first.active[0].name})
    refused = decide(asked("now", **spec), first, facts(START + 61, here=here))
    assert refused.state.counts == Counts(due=1, requested=1, started=1, active=1, skipped=1)
    assert refused.state.handled_requests == ("now",)


def test_a_token_of_any_length_is_remembered() -> None:
    schedule = asked("x" * 10_000, trigger=every(3600))
    state = decide(schedule, None, facts(START + 5)).state
    assert len(state.handled_requests[0]) <= 63
    assert decide(schedule, state, facts(START + 6, here=frozenset({state.active[0].name}))).state == state


def test_a_schedule_ends_after_its_last_run_and_reports_it() -> None:
    schedule = schedule_of(resource(trigger=every(60), maxRuns=1))
    first = decide(schedule, None, facts(START + 60))
    assert first.state.next_run is None
    ready = first.state.conditions["Ready"]
    assert (ready.status, ready.reason) == (True, Reason.EXHAUSTED)
    assert "1 runs have started (`maxRuns`)" in ready.message
    later = decide(schedule, first.state, facts(START + 600, here=frozenset({first.state.active[0].name})))
    assert later.state.counts == Counts(due=1, started=1, active=1)


def test_what_is_due_together_with_the_last_run_is_skipped_with_a_reason() -> None:
    schedule = schedule_of(resource(trigger=every(60), maxRuns=2, coalesce="All", concurrencyPolicy="Allow"))
    state = decide(schedule, None, facts(START + 240)).state
    assert state.counts == Counts(due=4, started=2, active=2, skipped=2)
    assert state.last_misfire is not None
    assert state.last_misfire.reason == Reason.RUN_LIMIT_REACHED


def test_a_resource_is_removed_some_time_after_its_last_run_was_over() -> None:
    at: dict[str, Any] = {"trigger": {"date": {"at": "2026-11-18T12:00:00Z"}}, "ttlSecondsAfterFinished": 100}
    schedule = schedule_of(resource(**at, created=START))
    fire = present(known(schedule.trigger.next_after(START - 1)))
    state = decide(schedule, None, facts(fire)).state
    run = state.active[0]
    running = decide(schedule, state, facts(fire + 500, here=frozenset({run.name})))
    assert not running.remove
    ended = decide(schedule, state, facts(fire + 501, reports=report(schedule, run, Outcome.SUCCEEDED, fire + 500)))
    assert not ended.remove
    assert ended.wake_at == fire + 600
    assert decide(schedule, ended.state, facts(fire + 600)).remove
    suspended = schedule_of(resource(**at, suspend=True, generation=2))
    assert not decide(suspended, ended.state, facts(fire + 900)).remove


def entry(at: int, outcome: Outcome, reason: str = "") -> FinishedRun:
    started_at = None if outcome in {Outcome.MISSED, Outcome.SKIPPED} else at
    return FinishedRun(f"a-{at}", at, started_at, at, outcome, reason)


def test_misfires_in_a_row_are_one_entry_that_says_how_many() -> None:
    history: tuple[FinishedRun, ...] = ()
    for at in range(1000):
        history = with_entry(history, entry(at, Outcome.MISSED, "DeadlineExceeded"))
    assert [(one.fire_time, one.count) for one in history] == [(999, 1000)]


def test_misfires_for_different_reasons_or_with_a_run_between_them_are_separate() -> None:
    history: tuple[FinishedRun, ...] = ()
    for one in (
        entry(1, Outcome.MISSED, "DeadlineExceeded"),
        entry(2, Outcome.SKIPPED, "TooManyInstances"),
        entry(3, Outcome.SUCCEEDED),
        entry(4, Outcome.SKIPPED, "TooManyInstances"),
        entry(5, Outcome.SKIPPED, "TooManyInstances"),
    ):
        history = with_entry(history, one)
    assert [(one.fire_time, one.count) for one in history] == [(5, 2), (3, 1), (2, 1), (1, 1)]


@given(st.lists(st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.MISSED, Outcome.SKIPPED]), max_size=120))
def test_a_storm_of_misfires_pushes_out_no_run(outcomes: list[Any]) -> None:
    history: tuple[FinishedRun, ...] = ()
    for at, outcome in enumerate(outcomes):
        history = with_entry(history, entry(at, outcome))
    assert len(history) <= MOST_HISTORY_LISTED
    runs = [at for at, outcome in enumerate(outcomes) if outcome in {Outcome.SUCCEEDED, Outcome.FAILED}]
    kept = [one.fire_time for one in history if was_run(one)]
    assert kept == sorted(runs, reverse=True)[: len(kept)], "the newest runs are kept"
    assert len(kept) >= min(len(runs), MOST_HISTORY_LISTED - MISFIRES_KEPT)
