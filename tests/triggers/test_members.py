"""Members of anyOf and allOf have bounds and a zone of their own, and what can never fire is remarked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.conversion.v1alpha1 import to_definition
from kalends.engine.core.compiler import schedule_hash
from kalends.engine.core.definition import Definition
from kalends.errors import InvalidSchedule
from kalends.model import ScheduledJobSpec, format_instant
from kalends.triggers import Tally, explain, reads_wall_time, warnings_of
from triggers.building import CREATED, at, build, coming, described
from triggers.walking import DAY, fire_times

NINE: dict[str, Any] = {"cron": {"hour": 9}}
HOURLY: dict[str, Any] = {"interval": {"hours": 1}}


def said(created: int = CREATED, **spec: Any) -> list[str]:
    return list(warnings_of(described(spec), created=created, zone="UTC", identity="default/test"))


def test_each_member_follows_the_clocks_of_its_own_zone() -> None:
    trigger = build("Europe/Berlin", trigger={"anyOf": [NINE, {**NINE, "timeZone": "America/New_York"}]})
    assert coming(trigger, at("2024-03-20"), 4) == [
        "2024-03-20 08:00:00+0000",
        "2024-03-20 13:00:00+0000",
        "2024-03-21 08:00:00+0000",
        "2024-03-21 13:00:00+0000",
    ]


def test_a_member_within_a_member_has_the_zone_of_that() -> None:
    inner = {"anyOf": [NINE, {"cron": {"hour": 10}, "timeZone": "UTC"}], "timeZone": "America/New_York"}
    trigger = build("Europe/Berlin", trigger={"anyOf": [inner]})
    assert [text[11:16] for text in coming(trigger, at("2024-01-02"), 2)] == ["10:00", "14:00"]


def test_members_agree_across_zones() -> None:
    members = [{"cron": {"hour": "9-17"}, "timeZone": zone} for zone in ("Europe/Berlin", "America/New_York")]
    trigger = build(trigger={"allOf": members})
    assert [text[11:16] for text in coming(trigger, at("2024-01-02"), 4)] == ["14:00", "15:00", "16:00", "14:00"]


def test_an_interval_counts_from_the_start_of_its_member() -> None:
    members = [
        {**HOURLY, "startTime": "2024-01-01T00:10:00Z"},
        {"interval": {"hours": 2}, "startTime": "2024-01-01T00:20:00Z", "endTime": "2024-01-01T02:20:00Z"},
    ]
    trigger = build(trigger={"anyOf": members}, startTime="2024-01-01T00:15:00Z")
    assert [text[11:16] for text in coming(trigger, CREATED, 5)] == ["00:20", "01:10", "02:10", "02:20", "03:10"]


def test_an_interval_without_a_start_counts_from_that_of_the_spec() -> None:
    trigger = build(trigger={"anyOf": [{**HOURLY, "endTime": "2024-02-01"}]}, startTime="2024-01-01T00:07:00Z")
    assert [text[11:16] for text in coming(trigger, CREATED, 2)] == ["00:07", "01:07"]


def test_bounds_of_a_member_are_wall_time_of_its_zone() -> None:
    member = {"cron": {"minute": 0}, "timeZone": "Asia/Kathmandu", "startTime": "2024-01-02", "endTime": "2024-01-02"}
    trigger = build("Europe/Berlin", trigger={"anyOf": [member]})
    assert trigger.tally(0, 2**40) == Tally(24, at("2024-01-01T18:15"), at("2024-01-02T17:15"))


def test_the_bounds_of_all_members_bound_what_they_agree_on() -> None:
    members = [
        {"cron": {"hour": "*"}, "startTime": "2024-01-05T06:00:00Z"},
        {"interval": {"hours": 6}, "endTime": "2024-01-06T12:00:00Z"},
        {"cron": {"minute": 0}, "startTime": "2024-01-05T18:00:00Z"},
    ]
    trigger = build(trigger={"allOf": members})
    assert [text[8:13] for text in coming(trigger, CREATED, 5)] == ["05 18", "06 00", "06 06", "06 12", ""]


def test_members_that_agree_at_no_instant_of_all_bounds_are_refused() -> None:
    members = [{"cron": {"hour": 9}, "startTime": "2030-01-02"}, {"cron": {"minute": 0}, "endTime": "2030-01-01"}]
    with pytest.raises(InvalidSchedule, match="must have members that agree") as refused:
        build(trigger={"allOf": members})
    assert refused.value.path == "spec.trigger.allOf"


@pytest.mark.parametrize(
    "member",
    [
        {**HOURLY, "endTime": "2020-01-01"},
        {"calendarInterval": {"days": 1}, "endTime": "2020-01-01"},
        {"anyOf": [{**HOURLY, "endTime": "2020-01-01"}]},
        {"allOf": [{**HOURLY, "endTime": "2020-01-01"}]},
    ],
)
def test_what_ended_before_the_creation_is_over(member: dict[str, Any]) -> None:
    for trigger in ({"allOf": [member, {"cron": {"minute": 0}}]}, {"anyOf": [member]}):
        assert build(trigger=trigger).next_after(CREATED - 1) is None


@pytest.mark.parametrize(
    ("member", "path", "message"),
    [
        ({**NINE, "timeZone": "Berlin"}, "spec.trigger.anyOf[1].timeZone", "must be an IANA time zone name"),
        ({**NINE, "startTime": "soon"}, "spec.trigger.anyOf[1].startTime", "must be RFC 3339"),
        ({**NINE, "endTime": "late"}, "spec.trigger.anyOf[1].endTime", "must be RFC 3339"),
        (
            {**NINE, "startTime": "2024-01-02", "endTime": "2024-01-01"},
            "spec.trigger.anyOf[1].endTime",
            "must not be before startTime (2024-01-02), got '2024-01-01'",
        ),
        (
            {"allOf": [NINE, {**NINE, "timeZone": "Nowhere"}]},
            "spec.trigger.anyOf[1].allOf[1].timeZone",
            "must be an IANA time zone name",
        ),
    ],
)
def test_an_error_in_a_member_says_where_it_is(member: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(InvalidSchedule, match="must") as refused:
        build(trigger={"anyOf": [NINE, member]})
    assert refused.value.path == path
    assert message in refused.value.message


instants = st.integers(CREATED - 3 * DAY, CREATED + 3 * DAY)
members = st.tuples(
    st.sampled_from([NINE, {"cron": {"minute": "*/40"}}, {"cron": {"hour": "*/5", "minute": 7}}]),
    st.none() | instants,
    st.none() | instants,
    st.sampled_from([None, "Europe/Berlin", "Asia/Kathmandu", "America/Santiago"]),
).filter(lambda one: one[1] is None or one[2] is None or one[1] <= one[2])


@given(st.lists(members, min_size=1, max_size=4), st.sampled_from(["anyOf", "allOf"]))
@settings(max_examples=80, deadline=None)
def test_bounded_members_are_as_sets_of_instants_have_it(drawn: list[Any], word: str) -> None:
    start, stop = CREATED - 4 * DAY, CREATED + 4 * DAY
    sets = []
    written = []
    for rule, first, last, zone in drawn:
        alone = build("UTC" if zone is None else zone, trigger=rule)
        sets.append(
            {
                instant
                for instant in fire_times(alone, start, stop)
                if (first is None or instant >= first) and (last is None or instant <= last)
            }
        )
        bounds = {"startTime": first, "endTime": last}
        texts = {name: format_instant(instant) for name, instant in bounds.items() if instant is not None}
        written.append({**rule, **texts, **({} if zone is None else {"timeZone": zone})})
    expected = set.union(*sets) if word == "anyOf" else set.intersection(*sets)
    try:
        trigger = build(trigger={word: written})
    except InvalidSchedule:
        assert not expected
        return
    assert fire_times(trigger, start, stop) == sorted(expected)
    tally = trigger.tally(start - 1, stop - 1)
    assert isinstance(tally, Tally)
    assert tally.count == len(expected)


def test_members_are_explained_with_their_zones_and_bounds() -> None:
    trigger = {
        "anyOf": [
            NINE,
            {**NINE, "timeZone": "Asia/Kathmandu", "startTime": "2024-02-01", "endTime": "2024-03-01T12:00"},
            {"date": {"at": "2024-05-01T09:00"}, "timeZone": "Asia/Kathmandu"},
        ]
    }
    sentence = explain(described({"trigger": trigger}), created=CREATED, zone="Europe/Berlin", identity="a/b")
    assert sentence == (
        "(at 09:00 every day), (at 09:00 every day, Asia/Kathmandu, from 2024-02-01 00:00:00 Asia/Kathmandu on, until "
        "2024-03-01 12:00:00 Asia/Kathmandu) or (once, at 2024-05-01 09:00:00 Asia/Kathmandu), Europe/Berlin; once on "
        "days when the clocks change"
    )


def test_clock_changes_of_a_member_s_zone_are_spoken_of() -> None:
    trigger = {"anyOf": [NINE, {**NINE, "timeZone": "Europe/Berlin"}]}
    sentence = explain(described({"trigger": trigger}), created=CREATED, zone="UTC", identity="a/b")
    assert sentence == (
        "(at 09:00 every day) or (at 09:00 every day, Europe/Berlin), UTC; once on days when the clocks change"
    )


@pytest.mark.parametrize(
    ("member", "zones"),
    [
        (NINE, "differ"),
        ({**NINE, "timeZone": "UTC"}, "are alike"),
        (HOURLY, "are alike"),
        ({**HOURLY, "startTime": "2024-01-01"}, "differ"),
        ({**HOURLY, "startTime": "2024-01-01T00:00:00Z"}, "are alike"),
        ({**HOURLY, "endTime": "2024-01-01", "timeZone": "UTC"}, "are alike"),
        ({"allOf": [NINE], "timeZone": "UTC"}, "are alike"),
        ({"allOf": [{**HOURLY, "endTime": "2024-01-01T12:00"}]}, "differ"),
    ],
)
def test_the_zone_of_the_operator_matters_where_a_member_has_none(member: dict[str, Any], zones: str) -> None:
    trigger = {"anyOf": [HOURLY, member]}
    assert reads_wall_time(described({"trigger": trigger})) == (zones == "differ")
    wanted = definition(trigger)
    assert (schedule_hash(wanted, "UTC") != schedule_hash(wanted, "Asia/Kathmandu")) == (zones == "differ")


def test_a_member_without_bounds_keeps_the_hash_of_its_schedule() -> None:
    """Another hash would make every schedule of this kind start from now at an upgrade."""
    trigger = {"anyOf": [{"cron": {"hour": 9}}, {"calendarInterval": {"weeks": 2}}]}
    assert schedule_hash(definition(trigger), "UTC") == "4ce6a04555b9f075"


def definition(trigger: dict[str, Any]) -> Definition:
    return to_definition(ScheduledJobSpec.model_validate({"task": {"name": "test"}, "trigger": trigger}))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"trigger": {"date": {"at": "2023-12-31T23:59:59Z"}}}, "its only fire time had passed before it was created"),
        ({"trigger": {"cron": {"year": 2020}}}, "its only fire time had passed before it was created"),
        ({"schedule": "@daily", "endTime": "2023-12-31"}, "its last fire time had passed before it was created"),
        (
            {"trigger": HOURLY, "endTime": "2023-12-31"},
            "it has no fire time: its `endTime` had passed before it was created",
        ),
    ],
)
def test_what_was_over_before_its_creation_is_remarked(spec: dict[str, Any], expected: str) -> None:
    assert said(**spec) == [expected]


def test_a_member_that_never_fires_is_remarked() -> None:
    """The date lies before the start of the spec, which an interval needs beside it."""
    trigger = {"anyOf": [{"date": {"at": "2026-01-01T12:00:12Z"}}, {"interval": {"seconds": 30}}]}
    assert said(startTime="2026-01-01T12:00:30Z", trigger=trigger) == [
        "spec.trigger.anyOf[0] never fires: no fire time from the creation on lies within its bounds and the spec's"
    ]


@pytest.mark.parametrize(
    ("trigger", "path"),
    [
        ({"anyOf": [HOURLY, {**NINE, "endTime": "2023-01-01"}]}, "spec.trigger.anyOf[1]"),
        ({"anyOf": [HOURLY, {"anyOf": [NINE, {"cron": {"year": 2022}}]}]}, "spec.trigger.anyOf[1].anyOf[1]"),
        (
            {"allOf": [{"cron": {"minute": 0}}, {"anyOf": [NINE, {"cron": {"year": 2022}}]}]},
            "spec.trigger.allOf[1].anyOf[1]",
        ),
    ],
)
def test_a_member_is_remarked_wherever_it_stands(trigger: dict[str, Any], path: str) -> None:
    [warning] = said(trigger=trigger)
    assert warning.startswith(f"{path} never fires")


def test_a_member_that_is_excluded_altogether_is_remarked() -> None:
    [warning] = said(
        trigger={"anyOf": [HOURLY, {"date": {"at": "2025-06-01"}}]},
        exclude=[{"from": "2025-06-01", "to": "2025-06-01"}],
    )
    assert warning.startswith("spec.trigger.anyOf[1] never fires")


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"schedule": "@daily"},
        {"trigger": {"date": {"at": "2024-01-01T00:00:00Z"}}},
        {"trigger": {"anyOf": [NINE, {"cron": {"year": 2030}}]}},
        {"schedule": "@daily", "startTime": "2020-01-01", "endTime": "2030-01-01"},
    ],
)
def test_of_what_fires_nothing_is_remarked(spec: dict[str, Any]) -> None:
    assert said(**spec) == []
