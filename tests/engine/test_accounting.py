"""The laws of the engine, as properties: whatever happens in whatever order, every fire time is accounted for once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.histories import CRASHES, EDITS, SPECS, History, check_due, interleaved, walk

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "pass",
                "pass",
                "decide",
                "decide",
                "decide",
                "end-run",
                "end-run",
                "clock-back",
                "go",
                "lose-job",
                "put-off-start",
                *CRASHES,
            ]
        ),
        st.integers(0, 400),
    ),
    max_size=60,
)
STEPS_AND_EDITS = st.tuples(STEPS, EDITS).map(lambda both: interleaved(*both))


def check_what_ran(history: History) -> None:
    names = [run.name for run in history.ran]
    assert len(names) == len(set(names)), "an attempt ran twice"
    last: dict[tuple[int, str], int] = {}
    for run in history.ran:
        before = last.get((run.fire_time, run.request), 0)
        # An attempt that was claimed, and whose holder died before it started, may count without having run.
        assert run.attempt == before + 1 or (run.attempt > before and not history.durable)
        last[run.fire_time, run.request] = run.attempt
    tokens = [run.request for run in history.ran if run.request and run.attempt == 1]
    assert len(tokens) == len(set(tokens)), "a request was carried out twice"


def account_through_crashes(spec: dict[str, Any], durable: bool, steps: list[Any]) -> None:
    history = History(spec, durable)
    walk(history, steps, check_due)
    check_what_ran(history)
    assert [run.fire_time for run in history.ran if run.attempt == 1] == sorted(
        run.fire_time for run in history.ran if run.attempt == 1
    )


def account_through_edits(spec: dict[str, Any], durable: bool, steps: list[Any]) -> None:
    history = History(spec, durable)
    walk(history, steps)
    check_what_ran(history)


def account_for_what_was_cut(spec: dict[str, Any], steps: list[Any]) -> None:
    history = History(spec, durable=False)
    for what, number in steps:
        history.step(what, number)
    history.restart()
    if history.record is None:
        return
    cut = {run.fire_time for run in history.record.active if run.retry_at is None}
    lost = history.record.counts.lost
    again = spec.get("retry", {}).get("onLost", False)
    history.decide()
    waiting = {run.fire_time for run in history.record.active if run.attempt > 1}
    assert history.record.counts.lost - lost == len(cut - waiting)
    assert again or not cut & waiting


@settings(max_examples=150, deadline=None)
@given(SPECS, st.booleans(), STEPS)
def test_every_fire_time_is_accounted_for_through_crashes_at_any_point(
    spec: dict[str, Any], durable: bool, steps: list[Any]
) -> None:
    account_through_crashes(spec, durable, steps)


@settings(max_examples=150, deadline=None)
@given(SPECS, st.booleans(), STEPS_AND_EDITS)
def test_edits_suspensions_and_requests_lose_nothing_and_double_nothing(
    spec: dict[str, Any], durable: bool, steps: list[Any]
) -> None:
    account_through_edits(spec, durable, steps)


def test_a_request_waits_before_a_fire_time_that_jitter_delays() -> None:
    spec = {
        "trigger": {"interval": {"seconds": 7}},
        "coalesce": "All",
        "concurrencyPolicy": "Allow",
        "jitterSeconds": 5,
    }
    steps = [("pass", 0), ("ask", 0), ("pass", 190), ("decide", 0), ("pass", 3), ("die-between-creates", 0)]
    account_through_edits(spec, durable=False, steps=steps)


@settings(max_examples=100, deadline=None)
@given(SPECS, STEPS)
def test_every_run_that_a_crash_cut_short_is_lost_or_tried_again_and_no_other(
    spec: dict[str, Any], steps: list[Any]
) -> None:
    account_for_what_was_cut(spec, steps)


@pytest.mark.slow
@settings(max_examples=700, deadline=None)
@given(SPECS, st.booleans(), STEPS)
def test_crashes_at_length(spec: dict[str, Any], durable: Any, steps: Any) -> None:
    account_through_crashes(spec, durable, steps)
    account_for_what_was_cut(spec, steps)


@pytest.mark.slow
@settings(max_examples=700, deadline=None)
@given(SPECS, st.booleans(), STEPS_AND_EDITS)
def test_edits_at_length(spec: dict[str, Any], durable: Any, steps: Any) -> None:
    account_through_edits(spec, durable, steps)
