from __future__ import annotations

import pytest

from doubles import START
from kalends.engine.core.state import Ref
from kalends.engine.ports import Decided, Ended, ReadinessChanged, RunReport, Verdict
from kalends.handlers.notice_reporter import event_of
from kalends.model import Outcome
from kalends.model.reasons import Reason

REF = Ref("default", "nightly", "uid")


def ended(outcome: Outcome, reason: str = "", message: str = "") -> Ended:
    return Ended(RunReport(REF, "nightly-1", START, outcome, START, START + 1, reason, message), "default")


@pytest.mark.parametrize(
    ("notice", "reason"),
    [
        (Decided(REF, Verdict.MISSED, 3, START, Reason.DEADLINE_EXCEEDED, "late"), Reason.RUN_MISSED),
        (Decided(REF, Verdict.SKIPPED, 1, START, Reason.TOO_MANY_INSTANCES, "full"), Reason.RUN_SKIPPED),
        (Decided(REF, Verdict.COALESCED, 10, START, Reason.COALESCED, "another"), Reason.RUNS_COALESCED),
        (ReadinessChanged(REF, Reason.START_REFUSED, "403 Forbidden", ready=False), Reason.START_REFUSED),
        (ended(Outcome.FAILED, "Exception", "ValueError: no"), Reason.RUN_FAILED),
        (ended(Outcome.TIMED_OUT), Reason.RUN_FAILED),
        (ended(Outcome.LOST, "HolderGone"), Reason.RUN_LOST),
        (ReadinessChanged(REF, "InvalidSchedule", "must be …", ready=False), Reason.SCHEDULE_INVALID),
        (ReadinessChanged(REF, Reason.EXHAUSTED, "once", ready=True), Reason.SCHEDULE_EXHAUSTED),
    ],
)
def test_what_needs_attention_is_an_event_with_one_reason(
    notice: Decided | Ended | ReadinessChanged, reason: Reason
) -> None:
    event = event_of(notice)
    assert event is not None
    assert event.reason == reason
    assert event.note


@pytest.mark.parametrize(
    "notice",
    [
        Decided(REF, Verdict.STARTED, 1, START),
        Decided(REF, Verdict.COALESCED, 4, START, Reason.COALESCED, "another"),
        ended(Outcome.SUCCEEDED),
        ReadinessChanged(REF, Reason.ARMED, "every 60s", ready=True),
    ],
)
def test_what_went_as_it_should_is_none(notice: Decided | Ended | ReadinessChanged) -> None:
    assert event_of(notice) is None


def test_a_schedule_that_was_over_from_the_start_is_a_warning() -> None:
    events = [
        event_of(ReadinessChanged(REF, Reason.EXHAUSTED, "once", ready=True, warns=warns)) for warns in (True, False)
    ]
    assert [event is not None and event.warning for event in events] == [True, False]


def test_a_setting_asks_for_events_of_success_too() -> None:
    event = event_of(ended(Outcome.SUCCEEDED), success_too=True)
    assert event is not None
    assert (event.reason, event.warning) == (Reason.RUN_SUCCEEDED, False)
