"""The status is read as it was written, and nonsense is called nonsense."""

from typing import Any

import pytest

from kalends.errors import InvalidStatus
from kalends.model import ConditionStatus, ConditionType, Counts, Outcome, Reason, Status, format_instant, parse_instant
from kalends.model.instants import LAST_INSTANT

WRITTEN: dict[str, Any] = {
    "observedGeneration": 3,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-21T00:00:00Z",
            "reason": "Armed",
            "message": "",
        }
    ],
    "scheduleSummary": "0 2 * * *",
    "nextRunTime": "2026-11-23T01:00:00Z",
    "lastScheduleTime": "2026-11-22T01:00:00Z",
    "decidedUntilTime": "2026-11-22T01:00:00Z",
    "active": [{"name": "a-1795309200", "scheduledTime": "2026-11-22T01:00:00Z", "attempt": 1}],
    "queued": [{"name": "a-1795309200", "scheduledTime": "2026-11-22T01:00:00Z", "request": "now"}],
    "history": [
        {"name": "a-1795222800", "scheduledTime": "2026-11-21T01:00:00Z", "outcome": "TimedOut", "attempts": 2}
    ],
    "lastMisfire": {"scheduledTime": "2026-11-20T01:00:00Z", "reason": "DeadlineExceeded", "count": 2},
    "counts": {"due": 4, "started": 2, "missed": 2, "active": 1, "failed": 1},
}


def test_a_missing_status_is_empty() -> None:
    assert Status.read(None) == Status.read({}) == Status()


def test_a_status_is_read_as_instants_and_words() -> None:
    status = Status.read(WRITTEN)
    assert status.next_run_time == 1_795_395_600
    assert [(run.scheduled_time, run.request) for run in status.queued] == [(1_795_309_200, "now")]
    assert status.history[0].outcome is Outcome.TIMED_OUT
    assert status.counts == Counts(due=4, started=2, missed=2, active=1, failed=1)


def test_a_status_that_is_written_again_is_the_same() -> None:
    assert Status.read(WRITTEN).model_dump(mode="json", by_alias=True, exclude_unset=True) == WRITTEN


def test_a_condition_is_found_by_its_type() -> None:
    status = Status.read(WRITTEN)
    ready = status.condition(ConditionType.READY)
    assert ready is not None
    assert (ready.status, ready.reason) == (ConditionStatus.TRUE, Reason.ARMED)
    assert status.condition(ConditionType.STALLED) is None


def test_fields_of_a_newer_release_are_ignored() -> None:
    assert Status.read({"mood": "good", "counts": {"due": 1, "guessed": 2}}).counts == Counts(due=1)


@pytest.mark.parametrize(
    ("nonsense", "where"),
    [
        ({"counts": {"due": -1}}, "status.counts.due"),
        ({"counts": {"due": "1"}}, "status.counts.due"),
        ({"nextRunTime": "soon"}, "status.nextRunTime"),
        ({"nextRunTime": "2026-11-23T01:00:00"}, "status.nextRunTime"),
        (
            {"history": [{"name": "a", "scheduledTime": "2026-11-20T01:00:00Z", "outcome": "Perhaps"}]},
            "status.history.0",
        ),
        ({"active": [{"name": "a"}]}, "status.active.0.scheduledTime"),
        ({"history": [WRITTEN["history"][0]] * 21}, "status.history"),
        ([1], "status"),
    ],
)
def test_nonsense_is_called_nonsense_and_where(nonsense: Any, where: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        Status.read(nonsense)
    assert str(caught.value).startswith(where)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2027-01-01T00:00:00+01:00", 1_798_758_000),
        ("2027-01-01T00:00:00.999999Z", 1_798_761_600),
        ("1969-12-31T23:59:59.5Z", -1),
    ],
)
def test_an_instant_is_whole_seconds_of_utc(text: str, instant: int) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize("instant", [0, 1, 951_782_400, 1_798_761_600, 253_402_300_799])
def test_an_instant_survives_being_written(instant: int) -> None:
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize("text", ["", "soon", "2027-01-01", "2027-01-01T00:00:00", "2027-02-30T00:00:00Z", "12:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be RFC 3339, as in '2027-01-01T00:00:00Z', got"):
        parse_instant(text)


def test_every_reason_is_one_pascal_case_word_named_after_itself() -> None:
    assert all(reason.value == reason.name.title().replace("_", "") for reason in Reason)


@pytest.mark.parametrize("name", ["../../nodes/x", "a?dryRun=All", "a/status", "A", "-a", "a..b", ""])
@pytest.mark.parametrize("where", ["active", "queued", "history"])
def test_what_is_no_name_of_an_object_is_no_name_of_a_run(name: str, where: str) -> None:
    (run,) = WRITTEN[where]
    with pytest.raises(InvalidStatus, match=f"status.{where}.0.name"):
        Status.read({**WRITTEN, where: [{**run, "name": name}]})


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (LAST_INSTANT + 1, "9999-12-31T23:59:59Z"),
        (1 << 62, "9999-12-31T23:59:59Z"),
        (-(1 << 62), "0001-01-01T00:00:00Z"),
        (-62_135_596_800, "0001-01-01T00:00:00Z"),
    ],
)
def test_every_instant_can_be_written(instant: int, shown: str) -> None:
    assert format_instant(instant) == shown
