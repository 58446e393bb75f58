"""An end waits to be recorded with the next fire time only where that fire time is decided here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doubles import START, every, resource, snapshot_of
from engine.world import armed, facts
from kalends.engine.core.facts import Facts
from kalends.engine.core.holders import Holders
from kalends.engine.core.state import ActiveRun, Counts
from kalends.engine.decisions.decide import decide
from kalends.engine.decisions.foreign_resources import decide_foreign
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.queues.deferred_ends import can_wait_for_the_next
from kalends.engine.ports import RunReport
from kalends.model import Outcome
from narrowing import present

NAME = f"nightly-{START + 60}"
NOW = START + 119.5
"""Half a second before the next fire time."""


def entry_with_an_end() -> Entry:
    """Return what the loop knows of a resource whose writes take a second, and whose run has just ended."""
    snapshot = snapshot_of(resource(trigger=every(60)))
    run = ActiveRun(NAME, START + 60, START + 60, "default", holder="prod/kalends/me")
    record = armed(
        present(snapshot.schedule),
        cursor=START + 60,
        next_run=START + 120,
        active=(run,),
        counts=Counts(due=1, started=1, active=1),
        operator="prod/kalends",
    )
    entry = Entry(snapshot, "1", record, write_seconds=1.0)
    entry.runs.here[NAME] = "default"
    entry.runs.reports[NAME] = RunReport(snapshot.ref, NAME, START + 60, Outcome.SUCCEEDED, START + 60, START + 119)
    return entry


def facts_of(entry: Entry, **more: Any) -> Facts:
    return facts(NOW, me="prod/kalends/me", reports=entry.runs.reports, here=frozenset(entry.runs.here), **more)


def test_an_end_waits_for_the_next_fire_time_where_that_comes_before_it_could_be_written() -> None:
    entry = entry_with_an_end()
    decision = decide(present(entry.snapshot.schedule), entry.record, facts_of(entry))
    assert decision.state.counts.succeeded == 1
    assert can_wait_for_the_next(entry, decision, NOW)


def test_an_end_is_recorded_at_once_where_another_operator_decides_on_the_next_fire_time() -> None:
    entry = entry_with_an_end()
    entry.record = replace(present(entry.record), operator="staging/kalends")
    decision = decide_foreign(entry.ref, entry.record, facts_of(entry, holders=Holders("prod/kalends")), None)
    assert decision.state.counts.succeeded == 1
    assert not can_wait_for_the_next(entry, decision, NOW)


@pytest.mark.parametrize("checked_again_at", [None, NOW + 60])
def test_an_end_is_recorded_at_once_where_an_edit_is_still_to_be_checked(checked_again_at: float | None) -> None:
    entry = entry_with_an_end()
    found = facts_of(entry, checked=False, starts_at=checked_again_at)
    decision = decide(present(entry.snapshot.schedule), entry.record, found)
    assert decision.state.counts.succeeded == 1
    assert not can_wait_for_the_next(entry, decision, NOW)
