"""anyOf, allOf and exclude are set algebra on fire times."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers import Tally, Trigger
from kalends.triggers.build import build_trigger
from kalends.triggers.rules.interval import IntervalRule, meeting
from kalends.triggers.when import TriggerSpec, When
from narrowing import known
from triggers.building import CREATED, at, build, coming
from triggers.strategies import near_changes
from triggers.walking import DAY, fire_times

NEVER_SAID = ("must have a fire time", "must have members that agree")
START = "2009-01-01T00:00:00Z"

small_crons = st.fixed_dictionaries(
    {},
    optional={
        "dayOfWeek": st.sampled_from(["mon-fri", "sat,sun", "*", "*/2"]),
        "hour": st.sampled_from(["*", "*/2", "0-3", "2", "1,2,3", "22-23"]),
        "minute": st.sampled_from(["*/15", "0", "30", "*/20", "10-50/10", "*"]),
        "second": st.sampled_from(["0", "0", "*/30", "15", "*/20"]),
    },
).filter(lambda fields: "hour" in fields or "minute" in fields or "second" in fields)
leaves = st.one_of(
    small_crons.map(lambda cron: {"cron": cron}),
    st.sampled_from([50, 60, 90, 420, 900, 1800, 3600, 5400, 7201, DAY, 2 * DAY]).map(
        lambda seconds: {"interval": {"seconds": seconds}}
    ),
    st.builds(
        lambda days, hour, minute: {"calendarInterval": {"days": days, "hour": hour, "minute": minute}},
        st.integers(1, 3),
        st.integers(0, 3),
        st.sampled_from([0, 30]),
    ),
)
exclusions = small_crons.map(lambda cron: {"cron": cron})


class Rules:
    """Builds rules in one zone, all alike but for what they name."""

    def __init__(self, zone: str, change: int, daylight_saving: str) -> None:
        self.zone = zone
        self.start, self.stop = change - DAY, change + DAY
        self.daylight_saving = daylight_saving

    def build(self, trigger: dict[str, Any], **spec: Any) -> Trigger | None:
        """Return the trigger, or None if it is refused because it never fires."""
        try:
            return build(self.zone, trigger=trigger, startTime=START, daylightSaving=self.daylight_saving, **spec)
        except InvalidSchedule as refused:
            if not refused.message.startswith(NEVER_SAID):
                raise
            return None

    def instants(self, trigger: dict[str, Any]) -> set[int]:
        built = self.build(trigger)
        assert built is not None
        return set(fire_times(built, self.start, self.stop))

    def check(self, trigger: Trigger | None, expected: set[int]) -> None:
        """Hold a trigger to what set algebra says of it."""
        if trigger is None:
            assert not expected
            return
        assert fire_times(trigger, self.start, self.stop) == sorted(expected)
        assert known(trigger.tally(self.start - 1, self.stop - 1)) == Tally(
            len(expected), min(expected, default=None), max(expected, default=None)
        )


rules = st.builds(
    lambda near, mode: Rules(near[0], near[1], mode), near_changes, st.sampled_from(["Adjust", "Literal"])
)


@given(rules, leaves, leaves, leaves)
@settings(max_examples=30, deadline=None)
def test_any_of_is_the_union(rules: Rules, one: Any, other: Any, third: Any) -> None:
    expected = rules.instants(one) | rules.instants(other) | rules.instants(third)
    rules.check(rules.build({"anyOf": [one, other, third]}), expected)


@given(rules, leaves, leaves)
@settings(max_examples=60, deadline=None)
def test_all_of_is_the_intersection(rules: Rules, one: Any, other: Any) -> None:
    intersect(rules, one, other)


def intersect(rules: Rules, one: Any, other: Any) -> None:
    """Hold allOf to the intersection."""
    rules.check(rules.build({"allOf": [one, other]}), rules.instants(one) & rules.instants(other))


@given(rules, leaves, leaves, leaves, leaves)
@settings(max_examples=15, deadline=None)
def test_they_nest_two_deep(rules: Rules, one: Any, other: Any, third: Any, fourth: Any) -> None:
    a, b, c, d = (rules.instants(leaf) for leaf in (one, other, third, fourth))
    rules.check(rules.build({"allOf": [{"anyOf": [one, other]}, {"anyOf": [third, fourth]}]}), (a | b) & (c | d))
    some = rules.build({"anyOf": [{"allOf": [one, other]}, third]})
    if some is not None:
        rules.check(some, (a & b) | c)


# All that is left is what the clocks of 2012 have put off to four o'clock, years after the start.
@example(
    rules=Rules("Pacific/Apia", 1_348_927_200, "Adjust"),
    leaf={"cron": {"dayOfWeek": "*/2", "hour": "0-3", "minute": "10-50/10"}},
    exclusion={"cron": {"hour": "0-3"}},
    begin=0,
    length=0,
)
@given(rules, leaves, exclusions, st.integers(-DAY, DAY), st.integers(0, DAY))
@settings(max_examples=15, deadline=None)
def test_exclude_takes_away(rules: Rules, leaf: Any, exclusion: Any, begin: int, length: int) -> None:
    take_away(rules, leaf, exclusion, begin, length)


def take_away(rules: Rules, leaf: Any, exclusion: Any, begin: int, length: int) -> None:
    """Hold exclude to the difference."""
    first = rules.start + DAY + begin
    stretch = {"from": rfc3339(first), "to": rfc3339(first + length)}
    clock = clock_of(exclusion["cron"], rules.zone)
    base = rules.instants(leaf)
    outside = {instant for instant in base if not first <= instant <= first + length}
    rules.check(rules.build(leaf, exclude=[stretch]), outside)
    rules.check(rules.build(leaf, exclude=[exclusion]), {instant for instant in base if not clock(instant)})
    rules.check(rules.build(leaf, exclude=[exclusion, stretch]), {instant for instant in outside if not clock(instant)})


def rfc3339(instant: int) -> str:
    return coming(IntervalRule(instant, DAY), instant - 1, 1)[0].replace(" ", "T")[:19] + "Z"


def clock_of(cron: dict[str, str], zone: str) -> Callable[[int], bool]:
    """Return whether the clocks of a zone match some fields at an instant; what is unset matches everything."""
    fields = {"dayOfWeek": "*", "hour": "*", "minute": "*", "second": "*"} | cron
    trigger = build(zone, trigger={"cron": fields}, daylightSaving="Literal")
    return lambda instant: trigger.next_after(instant - 1) == instant


@given(st.integers(0, 5000), st.integers(1, 120), st.integers(0, 5000), st.integers(1, 120))
@settings(max_examples=25, deadline=None)
def test_two_grids_meet_as_often_as_they_do(first: int, period: int, other_first: int, other_period: int) -> None:
    one, other = IntervalRule(first, period), IntervalRule(other_first, other_period)
    common = sorted(set(range(first, 20_000, period)) & set(range(other_first, 20_000, other_period)))
    found = meeting(one, other)
    assert (fire_times(found, 0, 20_000) if found is not None else []) == common


def test_equal_instants_of_any_of_are_one() -> None:
    trigger = build(trigger={"anyOf": [{"cron": {"minute": "*/10"}}, {"cron": {"minute": "*/15"}}]})
    assert [text[11:16] for text in coming(trigger, CREATED, 6)] == [
        "00:10",
        "00:15",
        "00:20",
        "00:30",
        "00:40",
        "00:45",
    ]
    assert known(trigger.tally(CREATED, CREATED + 3600)).count == 8


def test_friday_the_thirteenth() -> None:
    trigger = build("Europe/Berlin", trigger={"allOf": [{"cron": {"dayOfWeek": "fri"}}, {"cron": {"day": 13}}]})
    assert [text[:10] for text in coming(trigger, CREATED, 4, "Europe/Berlin")] == [
        "2024-09-13",
        "2024-12-13",
        "2025-06-13",
        "2026-02-13",
    ]


def test_every_third_day_if_it_is_a_weekend() -> None:
    """The example of APScheduler's documentation, on which its version 3 hangs."""
    members = [{"calendarInterval": {"days": 3}}, {"cron": {"dayOfWeek": "sat,sun"}}]
    trigger = build(trigger={"allOf": members}, startTime="2024-01-01")
    assert [text[:10] for text in coming(trigger, CREATED - 1, 4)] == [
        "2024-01-07",
        "2024-01-13",
        "2024-01-28",
        "2024-02-03",
    ]


def test_times_that_never_agree_but_after_a_gap_agree_there() -> None:
    """On 2024-03-31, 02:00 and 02:30 both became 03:00 in Berlin."""
    trigger = build("Europe/Berlin", trigger={"allOf": [{"cron": {"hour": 2}}, {"cron": {"hour": 2, "minute": 30}}]})
    assert coming(trigger, CREATED, 1, "Europe/Berlin") == ["2024-03-31 03:00:00+0200"]


def test_a_grid_may_meet_a_rule_right_after_a_gap_alone() -> None:
    """The rule names second 15, the grid never does; but 02:30:15 became 03:00:00."""
    members = [{"cron": {"hour": 2, "minute": 30, "second": 15}}, {"interval": {"hours": 1}}]
    trigger = build("Europe/Berlin", trigger={"allOf": members}, startTime="2024-01-01T00:00:00Z")
    assert coming(trigger, CREATED, 1, "Europe/Berlin") == ["2024-03-31 03:00:00+0200"]


def test_the_first_instant_after_a_day_without_any_is_not_overlooked() -> None:
    """Two exclusions that make up a Monday together: neither takes the whole day away."""
    exclude = [{"cron": {"dayOfWeek": "mon", "hour": "0-22"}}, {"cron": {"dayOfWeek": "mon", "hour": 23}}]
    trigger = build(trigger={"cron": {"second": "*"}}, exclude=exclude)
    assert coming(trigger, CREATED - 1, 1) == ["2024-01-02 00:00:00+0000"]


NEVER: list[dict[str, Any]] = [
    {"trigger": {"allOf": [{"cron": {"minute": "*/2"}}, {"cron": {"minute": "1-59/2"}}]}},
    {"trigger": {"allOf": [{"cron": {"dayOfWeek": "fri"}}, {"cron": {"dayOfWeek": "sat"}}]}},
    {"trigger": {"allOf": [{"cron": {"month": 1}}, {"cron": {"month": 2}}]}},
    {"trigger": {"allOf": [{"cron": {"year": 2025}}, {"cron": {"year": "2026-2030"}}]}},
    {"trigger": {"allOf": [{"interval": {"hours": 2}}, {"interval": {"hours": 2}}, {"cron": {"second": 30}}]}},
    {
        "trigger": {"allOf": [{"calendarInterval": {"weeks": 1}}, {"cron": {"dayOfWeek": "tue"}}]},
        "startTime": "2024-01-01",
    },
    {"trigger": {"allOf": [{"interval": {"days": 1}}, {"cron": {"hour": 13}}]}, "startTime": "2024-01-01T00:00:00Z"},
    {"trigger": {"allOf": [{"date": {"at": "2026-01-01"}}, {"date": {"at": "2026-01-02"}}]}},
    {"trigger": {"cron": {"dayOfWeek": "sat"}}, "exclude": [{"cron": {"dayOfWeek": "sat,sun"}}]},
    {"trigger": {"cron": {"second": "*"}}, "exclude": [{"cron": {"second": "*"}}]},
    {"schedule": "*/5 * * * *", "exclude": [{"from": "1970-01-01"}]},
    {"trigger": {"date": {"at": "2026-01-01"}}, "startTime": "2026-01-02"},
    {"trigger": {"date": {"at": "2026-01-01"}}, "exclude": [{"from": "2026-01-01", "to": "2026-01-01"}]},
    {"schedule": "0 0 1 1 *", "startTime": "2026-02-01", "endTime": "2026-03-01"},
]


@pytest.mark.parametrize("spec", NEVER, ids=str)
def test_what_never_fires_is_refused_in_bounded_time(spec: dict[str, Any]) -> None:
    begin = time.process_time()
    with pytest.raises(InvalidSchedule, match="|".join(NEVER_SAID)):
        build(**spec)
    assert time.process_time() - begin < 2.0


def test_a_rule_with_a_last_fire_time_ends_there() -> None:
    trigger = build(trigger={"anyOf": [{"date": {"at": "2026-01-01"}}, {"date": {"at": "2026-01-03"}}]}, exclude=[])
    assert [text[:10] for text in coming(trigger, CREATED, 5)] == ["2026-01-01", "2026-01-03", "never"]


@pytest.mark.parametrize("members", [[], None])
def test_a_combination_of_nothing_is_refused(members: Any) -> None:
    spec = TriggerSpec(any_of=members, all_of=members)
    with pytest.raises(InvalidSchedule, match="exactly one of cron"):
        build_trigger(When(trigger=spec), created=0, zone="UTC", identity="a/b")


def test_what_is_nested_three_deep_is_refused() -> None:
    leaf: dict[str, Any] = {"cron": {"minute": "*"}}
    two = {"anyOf": [{"allOf": [leaf]}]}
    assert build(trigger=two).next_after(CREATED) == at("2024-01-01T00:01")
    with pytest.raises(InvalidSchedule, match="must not be nested more than 2 deep") as refused:
        build(trigger={"anyOf": [leaf, {"allOf": [{"anyOf": [leaf]}]}]})
    assert refused.value.path == "spec.trigger.anyOf[1].allOf[0].anyOf"
