"""A status lists fifty active runs. After a restart the others are found among the Jobs, and none is counted again."""

from __future__ import annotations

from dataclasses import replace

from doubles import JOB, START, every, resource, schedule_of
from engine.world import facts
from kalends.engine.core.state import ActiveRun, Counts, FinishedRun, State
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobView, RunReport
from kalends.model import Outcome
from kalends.model.values import MOST_HISTORY_LISTED
from kalends.stores.status_record import decode, encode
from narrowing import present

SCHEDULE = schedule_of(resource(trigger=every(1), jobTemplate=JOB, concurrencyPolicy="Allow", coalesce="All"))
COUNTED = range(START + 1, START + 61)
"""Fire times whose runs have ended: only the newest of them are in the history."""
ACTIVE = range(START + 61, START + 131)
RESTART = START + 200


def name(fire_time: int) -> str:
    return f"nightly-{fire_time}"


def ended(fire_time: int, completed: int, outcome: Outcome = Outcome.SUCCEEDED) -> JobView:
    report = RunReport(SCHEDULE.ref, name(fire_time), fire_time, outcome, fire_time, completed)
    return JobView(name(fire_time), fire_time, fire_time, report)


def running(fire_time: int) -> JobView:
    return JobView(name(fire_time), fire_time, fire_time)


def record(outcome: Outcome) -> State:
    """Return what a new process reads: seventy active runs, fifty of them listed, and sixty that have ended."""
    newest = sorted(COUNTED, reverse=True)[:MOST_HISTORY_LISTED]
    well = outcome is Outcome.SUCCEEDED
    counts = Counts(due=130, started=130, active=70, **{"succeeded" if well else "failed": 60})
    known = State(
        armed=START,
        schedule_hash=SCHEDULE.hash,
        observed_generation=1,
        cursor=ACTIVE[-1],
        last_scheduled=ACTIVE[-1],
        last_successful=COUNTED[-1] + 1 if well else None,
        active=tuple(ActiveRun(name(at), at, at, "jobs") for at in ACTIVE),
        history=tuple(FinishedRun(name(at), at, at, at + 1, outcome) for at in newest),
        counts=counts,
    )
    return present(decode(encode(known), created=START))


def decided(state: State, *jobs: JobView) -> State:
    decision = decide(replace(SCHEDULE, suspended=True), state, facts(RESTART, durable=True, jobs=jobs))
    assert decision.state.counts.imbalance() is None
    return decision.state


def test_runs_that_were_counted_are_not_counted_again_in_place_of_runs_whose_jobs_are_gone() -> None:
    old = [ended(at, at + 1) for at in COUNTED]
    still_there = [running(at) for at in ACTIVE[:-5]]
    counts = decided(record(Outcome.SUCCEEDED), *old, *still_there).counts
    assert (counts.active, counts.succeeded, counts.lost) == (65, 60, 5)


def test_failed_runs_that_were_counted_are_not_counted_again_either() -> None:
    old = [ended(at, at + 1, Outcome.FAILED) for at in COUNTED]
    still_there = [running(at) for at in ACTIVE[:-5]]
    counts = decided(record(Outcome.FAILED), *old, *still_there).counts
    assert (counts.active, counts.failed, counts.lost) == (65, 60, 5)


def test_an_unlisted_run_that_ended_while_no_operator_ran_is_counted_as_it_ended() -> None:
    old = [ended(at, at + 1) for at in COUNTED]
    still_there = [running(at) for at in ACTIVE[:-5]]
    ended_since = ended(ACTIVE[-5], START + 150)
    counts = decided(record(Outcome.SUCCEEDED), *old, *still_there, ended_since).counts
    assert (counts.active, counts.succeeded, counts.lost) == (65, 61, 4)
