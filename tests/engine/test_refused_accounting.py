"""The laws of the engine where starts are refused: for now, permanently, or without an answer.

The server answers creations in the order of a script. What it refuses ends the decision, as in ``Actor``: nothing of it
is recorded, and the next decision is made without that start until it is time to try again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles import JOB, START, every, resource, schedule_of
from engine.histories import EDITS, SPECS, History, check_due, interleaved, walk
from engine.world import armed, facts
from kalends.engine.core.facts import Facts
from kalends.engine.core.policies import Refusal
from kalends.engine.core.refused_starts import RefusedStarts
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, FinishedRun, QueuedRun
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobView, Run, RunReport
from kalends.model import Outcome
from kalends.model.reasons import Reason

PAUSE = 5
ANSWERS = ("refused", "refused-for-good", "created-unanswered", "unanswered", "unrecorded")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pass", "decide", "decide", "go", "end-run", "restart", "ask", *ANSWERS, *ANSWERS]),
        st.integers(0, 130),
    ),
    max_size=50,
)


@dataclass
class RefusedHistory(History):
    """A history in which the server does not always do as it is asked."""

    refused_starts: RefusedStarts | None = None
    starts_at: float = 0.0
    refused: dict[str, Refusal] = field(default_factory=dict)

    def facts(self) -> Facts:
        waits = self.refused_starts is not None and self.now < self.starts_at
        return replace(
            super().facts(),
            refused=dict(self.refused),
            refused_starts=self.refused_starts,
            starts_at=self.starts_at if waits else None,
        )

    def restart(self) -> None:
        super().restart()
        self.refused_starts = None
        self.refused.clear()

    def step(self, what: str, number: int) -> None:
        if what in ANSWERS:
            self.answered(what, after=number % 3)
        else:
            super().step(what, number)

    def answered(self, answer: str, after: int) -> None:
        """Decide once; the creation that follows on ``after`` others gets this answer."""
        decision = decide(self.schedule, self.record, self.facts())
        self.start(decision.starts_claimed)
        if not self.create(decision.starts_before, answer, after) or answer == "unrecorded":
            return
        self.write(decision)
        self.start(decision.starts_after)
        self.refused.clear()
        for name in decision.deletes:
            self.jobs.pop(name, None)

    def create(self, runs: Sequence[Run], answer: str, after: int) -> bool:
        for place, run in enumerate(runs):
            wanted = place == after
            if not (wanted and answer in {"refused", "refused-for-good", "unanswered"}):
                self.create_job(run)
            if wanted and answer == "refused-for-good" and run.name not in self.jobs:
                self.refused[run.name] = Refusal(Reason.JOB_REFUSED, "it is not accepted")
            elif wanted and answer in {"refused", "unanswered", "created-unanswered"}:
                newest = run.fire_time if self.refused_starts is None else max(run.fire_time, self.refused_starts.up_to)
                tries = 1 if self.refused_starts is None else self.refused_starts.tries + 1
                self.starts_at = self.now + PAUSE
                self.refused_starts = RefusedStarts(
                    "refused", tries, certain=answer == "refused", up_to=newest, not_before=self.starts_at
                )
                return False
            else:
                self.refused_starts = None
        return not any(run.name in self.refused for run in runs)


def check_decided(history: History) -> None:
    """Check that the record lists no fire time as decided that is yet to be decided."""
    record = history.record
    if record is None:
        return
    runs: tuple[ActiveRun | QueuedRun | FinishedRun, ...] = (*record.active, *record.queued, *record.history)
    listed = [run.fire_time for run in runs if not run.request]
    assert all(at <= record.decided_until for at in listed), "a fire time is decided, and is to be decided again"
    unfinished: tuple[ActiveRun | QueuedRun, ...] = (*record.active, *record.queued)
    names = [run.name for run in unfinished]
    assert len(names) == len(set(names)), "a run is listed twice"


def check_what_ran(history: History) -> None:
    """Check that attempts ran once each, and in order. An attempt that was refused permanently has no Job."""
    names = [run.name for run in history.ran]
    assert len(names) == len(set(names)), "an attempt ran twice"
    last: dict[tuple[int, str], int] = {}
    for run in history.ran:
        assert run.attempt > last.get((run.fire_time, run.request), 0)
        last[run.fire_time, run.request] = run.attempt


def account_through_refusals(spec: dict[str, Any], durable: bool, steps: list[Any]) -> None:
    history = RefusedHistory(spec, durable)
    walk(history, steps, check_decided, check_due)
    check_what_ran(history)


def account_through_refusals_and_edits(spec: dict[str, Any], durable: bool, steps: list[Any]) -> None:
    history = RefusedHistory(spec, durable)
    walk(history, steps)
    check_what_ran(history)


@settings(max_examples=100, deadline=None)
@given(SPECS, st.booleans(), STEPS)
def test_every_fire_time_is_accounted_for_although_starts_are_refused(
    spec: dict[str, Any], durable: bool, steps: list[Any]
) -> None:
    account_through_refusals(spec, durable, steps)


@settings(max_examples=100, deadline=None)
@given(SPECS, st.booleans(), st.tuples(STEPS, EDITS).map(lambda both: interleaved(*both)))
def test_edits_double_nothing_although_starts_are_refused(
    spec: dict[str, Any], durable: bool, steps: list[Any]
) -> None:
    account_through_refusals_and_edits(spec, durable, steps)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(SPECS, st.booleans(), STEPS)
def test_refusals_at_length(spec: dict[str, Any], durable: Any, steps: Any) -> None:
    account_through_refusals(spec, durable, steps)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(SPECS, st.booleans(), st.tuples(STEPS, EDITS).map(lambda both: interleaved(*both)))
def test_refusals_and_edits_at_length(spec: dict[str, Any], durable: Any, steps: Any) -> None:
    account_through_refusals_and_edits(spec, durable, steps)


def refused(up_to: int) -> RefusedStarts:
    return RefusedStarts("403 Forbidden: exceeded quota", 1, certain=True, up_to=up_to, not_before=0.0)


def test_no_fire_time_is_decided_after_one_that_stays_undecided_although_a_request_is_taken_up() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, coalesce="All", concurrencyPolicy="Allow"))
    asked = JobView(run_name("nightly", START + 100, request="now"), START + 100, START + 100, request="now")
    put_off = facts(START + 125, durable=True, jobs=(asked,), refused_starts=refused(START + 60), starts_at=START + 126)
    first = decide(schedule, armed(schedule), put_off)
    assert [run.name for run in first.state.active] == [asked.name]
    created = (asked, *(JobView(run.name, run.fire_time, START + 125) for run in first.starts_before))
    second = decide(schedule, first.state, facts(START + 127, durable=True, jobs=created))
    assert (second.state.counts.due, second.state.counts.started, second.state.counts.requested) == (2, 3, 1)


def test_a_job_of_the_schedule_before_an_edit_is_taken_up_once_although_the_next_start_is_refused() -> None:
    def edited(seconds: int, generation: int, at: int) -> Schedule:
        spec: dict[str, Any] = {"trigger": every(seconds), "jobTemplate": JOB, "concurrencyPolicy": "Allow"}
        return replace(schedule_of(resource(generation=generation, **spec)), edited=at)

    before, after, at_last = edited(10, 1, START), edited(60, 2, START + 100), edited(90, 3, START + 128)
    job = JobView(f"nightly-{START + 110}", START + 110, START + 110)
    put_off = facts(START + 125, durable=True, jobs=(job,), refused_starts=refused(START + 120), starts_at=START + 126)
    record = decide(after, armed(before, cursor=START + 100), put_off).state
    assert (record.counts.started, record.cursor) == (1, START + 110)
    report = RunReport(after.ref, job.name, job.fire_time, Outcome.SUCCEEDED, job.created, START + 125)
    ended = (replace(job, report=report),)
    record = decide(after, record, replace(put_off, jobs=ended)).state
    record = decide(at_last, record, facts(START + 130, durable=True, jobs=ended)).state
    assert (record.counts.started, record.counts.succeeded) == (1, 1)
