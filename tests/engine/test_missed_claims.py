"""A run of a pool that was claimed in time, and could start only after its deadline, is missed: it got no run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from doubles import START, every, resource, schedule_of
from engine.world import facts
from kalends.engine.core.state import Counts, FinishedRun, State
from kalends.engine.decisions.decide import decide
from kalends.model import Outcome
from kalends.model.values import MOST_HISTORY_LISTED


def claimed_and_missed(record: State | None, fire_time: int, **more: Any) -> State:
    """Return the record after a run of a pool was claimed at its fire time, and could start only after its deadline."""
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=5))
    claimed = decide(schedule, record, facts(fire_time, **more)).state
    assert claimed.last_scheduled == fire_time
    return decide(schedule, claimed, facts(fire_time + 6)).state


def test_a_claim_that_missed_its_deadline_is_not_the_last_fire_time_that_got_a_run() -> None:
    missed = claimed_and_missed(None, START + 60)
    assert missed.counts == Counts(due=1, missed=1)
    assert (missed.cursor, missed.last_scheduled) == (START + 60, None)
    entry = FinishedRun(f"nightly-{START + 60}", START + 60, START + 60, START + 61, Outcome.SUCCEEDED)
    counts = Counts(due=1, started=1, succeeded=1)
    before = replace(missed, history=(entry,), counts=counts, last_scheduled=START + 60)
    missed_later = claimed_and_missed(before, START + 120)
    assert (missed_later.cursor, missed_later.last_scheduled) == (START + 120, START + 60)


def test_a_claim_that_missed_its_deadline_leaves_the_last_fire_time_where_requests_fill_the_history() -> None:
    missed = claimed_and_missed(None, START + 60)
    entries = tuple(
        FinishedRun(f"nightly-m-{n:08}", START + n, START, START, Outcome.SUCCEEDED, request=f"token-{n}")
        for n in range(MOST_HISTORY_LISTED, 0, -1)
    )
    many = len(entries)
    counts = Counts(due=1, missed=1, requested=many, started=many, succeeded=many)
    before = replace(missed, history=entries, counts=counts)
    assert claimed_and_missed(before, START + 120).last_scheduled == START + 120
