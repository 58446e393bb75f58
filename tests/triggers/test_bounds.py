"""startTime, endTime, exclude, and the one run of a resource that says nothing of when."""

from __future__ import annotations

from typing import Any

import pytest

from kalends.errors import InvalidSchedule
from kalends.triggers import find_zone
from kalends.triggers.text.instants import read_moment
from narrowing import known
from triggers.building import CREATED, at, build, coming


def test_start_and_end_are_fire_times_themselves() -> None:
    trigger = build(schedule="0 * * * *", startTime="2024-03-01T10:00:00Z", endTime="2024-03-01T12:00:00Z")
    assert [text[11:16] for text in coming(trigger, CREATED, 3)] == ["10:00", "11:00", "12:00"]
    assert trigger.next_after(at("2024-03-01T12:00")) is None
    assert known(trigger.tally(0, 2**40)) == known(trigger.tally(at("2024-03-01T10:00") - 1, at("2024-03-01T12:00")))
    assert known(trigger.tally(0, 2**40)).count == 3
    assert known(trigger.tally(at("2024-03-01T12:00"), 2**40)).count == 0
    assert known(trigger.tally(0, at("2024-03-01T10:00") - 1)).count == 0


def test_bounds_without_an_offset_are_wall_time() -> None:
    trigger = build("Europe/Berlin", schedule="0 * * * *", startTime="2024-07-01T10:00", endTime="2024-07-01")
    assert coming(trigger, CREATED, 1) == ["2024-07-01 08:00:00+0000"]
    assert known(trigger.tally(0, 2**40)).last == at("2024-07-01T21:00")


@pytest.mark.parametrize(
    "spec",
    [
        {"schedule": "0 * * * *"},
        {"schedule": "@every 1h"},
        {"trigger": {"interval": {"hours": 1}}},
        {"trigger": {"calendarInterval": {"days": 1}}},
        {"trigger": {"anyOf": [{"interval": {"hours": 1}}, {"calendarInterval": {"weeks": 1}}]}},
        {},
    ],
)
def test_an_end_that_is_over_is_no_error(spec: dict[str, Any]) -> None:
    assert build(endTime="2020-01-01", **spec).next_after(CREATED - 1) is None


def test_a_start_after_the_end_is_refused() -> None:
    with pytest.raises(InvalidSchedule, match="must not be before startTime") as refused:
        build(
            schedule="0 * * * *",
            timeZone="Europe/Berlin",
            startTime="2024-01-02T00:00:00Z",
            endTime="2024-01-01T00:00:00Z",
        )
    assert refused.value.path == "spec.endTime"


def test_without_a_schedule_there_is_one_fire_time_the_creation() -> None:
    trigger = build(created=CREATED)
    assert trigger.next_after(CREATED - 1) == CREATED
    assert trigger.next_after(CREATED) is None
    assert known(trigger.tally(0, 2**40)).count == 1


def test_without_a_schedule_a_later_start_is_the_fire_time() -> None:
    assert build(startTime="2024-06-01").next_after(CREATED) == at("2024-06-01")
    assert build(startTime="2020-06-01").next_after(0) == CREATED


def test_a_date_before_the_creation_still_names_its_instant() -> None:
    trigger = build(trigger={"date": {"at": "2020-01-01T00:00:00Z"}}, created=CREATED)
    assert trigger.next_after(0) == at("2020-01-01")
    assert trigger.next_after(CREATED) is None


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ([{"from": "2024-01-02", "to": "2024-01-02"}], ["01 12", "03 00", "03 12"]),
        ([{"from": "2024-01-02T12:00", "to": "2024-01-03T00:00"}], ["01 12", "02 00", "03 12"]),
        ([{"from": "2024-01-02T00:00:01", "to": "2024-01-02T11:59:59"}], ["01 12", "02 00", "02 12"]),
        ([{"from": "2024-01-02T06:00", "to": "2024-01-02T12:00"}], ["01 12", "02 00", "03 00"]),
        ([{"to": "2024-01-02T12:00:00+01:00"}], ["02 12", "03 00", "03 12"]),
        ([{"from": "2024-01-02"}], ["01 12", "never"]),
        ([{"cron": {"day": 2}}], ["01 12", "03 00", "03 12"]),
        ([{"cron": {"dayOfWeek": "tue,wed"}}], ["01 12", "04 00", "04 12"]),
        ([{"cron": {"hour": 12}}], ["02 00", "03 00", "04 00"]),
        ([{"cron": {"hour": 12, "minute": 1}}], ["01 12", "02 00", "02 12"]),
        ([{"cron": {"hour": 12, "dayOfWeek": "mon-wed"}}], ["02 00", "03 00", "04 00"]),
        ([{"cron": {"year": 2024}}], ["01 00", "01 12", "02 00"]),
        ([{"from": "2024-01-02", "to": "2024-01-03"}, {"from": "2024-01-03", "to": "2024-01-04"}], ["01 12", "05 00"]),
    ],
)  # fmt: skip
def test_exclusions_take_fire_times_away(exclude: list[dict[str, Any]], expected: list[str]) -> None:
    trigger = build(schedule="0 */12 * * *", exclude=exclude)
    assert [
        text[8:13] if text != "never" else text for text in coming(trigger, at("2024-01-01"), len(expected))
    ] == expected


def test_single_seconds_may_be_excluded() -> None:
    exclude = [{"cron": {"second": 30}}, {"from": "2024-01-01T00:01:15", "to": "2024-01-01T00:01:45"}]
    trigger = build(trigger={"cron": {"second": "*/15"}}, exclude=exclude)
    assert [text[14:19] for text in coming(trigger, CREATED, 6)] == [
        "00:15",
        "00:45",
        "01:00",
        "02:00",
        "02:15",
        "02:45",
    ]
    assert known(trigger.tally(CREATED, CREATED + 180)).count == 7


def test_what_is_excluded_is_what_the_clocks_show_after_a_gap() -> None:
    """02:30 becomes 03:00 on that day, which hour 2 does not exclude and hour 3 does."""
    for hour, expected in (
        (2, ["2024-03-31 03:00:00+0200"]),
        (3, ["2024-03-30 02:30:00+0100", "2024-04-01 02:30:00+0200"]),
    ):
        trigger = build("Europe/Berlin", schedule="30 2 * * *", exclude=[{"cron": {"hour": hour}}])
        assert coming(trigger, at("2024-03-29T12:00"), len(expected), "Europe/Berlin") == expected


def test_a_long_exclusion_of_a_dense_schedule_is_passed_over_quickly() -> None:
    """Stepping over three years of seconds would take minutes."""
    trigger = build(
        trigger={"cron": {"second": "*"}},
        exclude=[{"cron": {"year": "2024-2026"}}, {"from": "2027-01-01", "to": "2030-01-01"}],
    )
    assert coming(trigger, CREATED, 1) == ["2030-01-02 00:00:00+0000"]


def test_an_exclusion_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidSchedule, match="must not be before from") as refused:
        build(
            schedule="* * * * *",
            exclude=[{"cron": {"day": 1}}, {"from": "2024-01-02T00:00:00Z", "to": "2024-01-02T00:30:00+01:00"}],
        )
    assert refused.value.path == "spec.exclude[1].to"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-07-01T10:00:00Z", "2024-07-01T10:00"),
        ("2024-07-01t10:00:00z", "2024-07-01T10:00"),
        ("2024-07-01T10:00:00.000Z", "2024-07-01T10:00"),
        ("2024-07-01T10:00:00+02:00", "2024-07-01T08:00"),
        ("2024-07-01T10:00-03:30", "2024-07-01T13:30"),
        ("2024-07-01T10:00:00", "2024-07-01T08:00"),
        ("2024-07-01T10:00", "2024-07-01T08:00"),
        ("2024-07-01 10:00", "2024-07-01T08:00"),
        ("2024-07-01", "2024-06-30T22:00"),
        ("2024-01-01", "2023-12-31T23:00"),
        ("2024-03-31T02:59:59", "2024-03-31T01:00"),
        ("2024-10-27T02:00", "2024-10-27T00:00"),
        ("9999-12-29", "9999-12-28T23:00"),
    ],
)
def test_a_moment_is_rfc_3339_or_wall_time(text: str, instant: str) -> None:
    assert read_moment(text, find_zone("Europe/Berlin"), "spec.startTime") == at(instant)


def test_a_date_that_ends_something_is_the_whole_day() -> None:
    berlin = find_zone("Europe/Berlin")
    assert read_moment("2024-03-31", berlin, "spec.endTime", as_end=True) == at("2024-03-31T22:00") - 1
    assert read_moment("2024-03-31T00:00", berlin, "spec.endTime", as_end=True) == at("2024-03-30T23:00")


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        # as JavaScript, Python and Go write them
        ("2024-07-01T10:00:00.123Z", "2024-07-01T10:00:01", "2024-07-01T10:00:00"),
        ("2024-07-01T10:00:00.123456+02:00", "2024-07-01T08:00:01", "2024-07-01T08:00:00"),
        ("2024-07-01T10:00:00.123456789Z", "2024-07-01T10:00:01", "2024-07-01T10:00:00"),
        ("2024-07-01T09:59:59.999999", "2024-07-01T08:00:00", "2024-07-01T07:59:59"),
        ("2024-07-01T10:00:00.000", "2024-07-01T08:00:00", "2024-07-01T08:00:00"),
        ("2024-03-31T01:59:59.5", "2024-03-31T01:00:00", "2024-03-31T00:59:59"),
        ("2024-03-31T02:30:00.5", "2024-03-31T01:00:00", "2024-03-31T01:00:00"),
        ("2024-12-31T23:59:59.9Z", "2025-01-01T00:00:00", "2024-12-31T23:59:59"),
    ],
)
def test_a_fraction_of_a_second_is_rounded_into_the_range(text: str, begins: str, ends: str) -> None:
    berlin = find_zone("Europe/Berlin")
    assert read_moment(text, berlin, "spec.startTime") == at(begins)
    assert read_moment(text, berlin, "spec.endTime", as_end=True) == at(ends)


def test_fractions_of_a_second_are_accepted_wherever_an_instant_is() -> None:
    trigger = build(
        trigger={"cron": {"second": "*"}},
        startTime="2024-03-01T10:00:00.250Z",
        endTime="2024-03-01T10:00:09.750Z",
        exclude=[{"from": "2024-03-01T10:00:02.5Z", "to": "2024-03-01T10:00:07.5Z"}],
    )
    assert [text[17:19] for text in coming(trigger, CREATED, 5)] == ["01", "02", "08", "09", ""]
    once = build(trigger={"date": {"at": "2024-03-01T10:00:00.001Z"}})
    assert once.next_after(CREATED) == at("2024-03-01T10:00:01")


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2024", "2024-07", "2024-7-1", "20240701", "2024-W01-1", "2024-02-30", "2024-13-01", "2024-00-10",
        "2024-07-01T24:00:00", "2024-07-01T23:59:60Z", "2024-07-01T25:00", "2024-07-01T10",
        "2024-07-01T10:00:00.Z", "2024-07-01T10:00.5", "2024-07-01T10:00:00,5",
        "2024-07-01T10:00:00+25:00", "2024-07-01T10:00:00+01:60", "2024-07-01T10:00:00+0100",
        "2024-07-01T10:00 Europe/Berlin",
        "1969-12-31T23:59:59Z", "9999-12-31", "0000-01-01", "10000-01-01", "1719820800", "2024-07-01T", "2024-07-01Z",
        "\uff12024-07-01", "2024-07-01\x00", "2024-07-01\n", " 2024-07-01", "2024-07-01T10:00:00--01:00",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        read_moment(text, find_zone("UTC"), "spec.startTime")
    assert refused.value.path == "spec.startTime"
    assert "must be RFC 3339 like '2027-01-01T00:00:00Z', or wall time like" in refused.value.message
