"""The grammar of ``schedule``: all that CronJob accepts, meaning the same, and what else people write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers.cron.compiled import compile_five_fields, hashed_values
from kalends.triggers.cron.fields import DAY, FIVE_FIELDS, Field
from kalends.triggers.cron.five_fields import Every, FiveFields, parse_schedule
from kalends.triggers.cron.items import Hashed, LastDay, LastWeekday, LastWorkday, NearestWorkday, NthWeekday, Values
from kalends.triggers.wall_clock.times_of_day import members
from triggers.building import at, build, coming
from triggers.robfig import Refused, parse_standard
from triggers.strategies import crons

starts = st.sampled_from(
    ["*", "?", "0", "1", "2", "5", "7", "12", "23", "31", "05", "+5", "sun", "MON", "Sat", "jan", ""]
)
ends = st.sampled_from(["", "", "", "-5", "-7", "-12", "-23", "-59", "-fri", "-DEC", "-0", "-", "-1-2", "x"])
steps = st.sampled_from(["", "", "", "/1", "/2", "/7", "/90", "/+3", "/0", "/", "/2/3", "/mon"])
made_up_items = st.tuples(starts, ends, steps).map("".join)
made_up_fields = st.lists(made_up_items, min_size=1, max_size=3).map(",".join)
plain_fields = st.sampled_from(["*", "1", "1-5", "*/2", "?"])


@st.composite
def made_up_schedules(draw: st.DrawFn) -> str:
    """Write five fields, some of which may be nonsense."""
    strange = draw(st.integers(0, 4))
    return " ".join(draw(made_up_fields if place == strange else made_up_fields | plain_fields) for place in range(5))


def read(text: str) -> FiveFields:
    found = parse_schedule(text)
    assert isinstance(found, FiveFields)
    return found


def agrees_with_cronjob(text: str) -> None:
    expected = parse_standard(text)
    meaning = compile_five_fields(read(text), "a/b")
    weekdays = meaning.rule.weekdays
    sunday_first = (weekdays << 1 | weekdays >> 6) & 0x7F
    fields = (meaning.minutes, meaning.hours, meaning.rule.days, meaning.rule.months, sunday_first)
    assert tuple(frozenset(members(bits)) for bits in fields) == expected.values
    assert meaning.rule.either == (not (expected.stars[2] or expected.stars[4]))


@given(made_up_schedules())
@settings(max_examples=120, deadline=None)
def test_what_cronjob_accepts_is_accepted_and_means_the_same(text: str) -> None:
    try:
        expected = parse_standard(text)
    except Refused:
        return
    empty = not all(expected.values)  # nothing but commas: it would never run
    cut_star = any(item[:2] in {"*-", "?-"} for field in text.split() for item in field.split(","))
    if empty or cut_star:
        with pytest.raises(InvalidSchedule):
            parse_schedule(text)
    else:
        agrees_with_cronjob(text)


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *", "? ? ? ? ?", "*/5 * * * *", "0/15 * * * *", "5,10,,15 * * * *", ",5 * * * *", "+5 * * * *",
        "007 * * * *",
        "0 9-17/2 * * mon-fri/2", "0 0 1-7/3 JAN-mar Mon,WED", "0 0 */2 * 0", "0 0 13 * 5", "0 0 */1 * 5",
        "*/90 * * * *",
        " 0\t0  1 1 0 ", "59-59/7 23/5 31/2 12/3 6/9", "0 0 ? * sun", "0 0 1 */3 *", "0 0 * * mon/2", "*,5 * 5,* * 1",
    ],
)  # fmt: skip
def test_these_mean_what_they_mean_to_cronjob(text: str) -> None:
    agrees_with_cronjob(text)


@given(crons)
@settings(max_examples=50, deadline=None)
def test_what_is_written_back_reads_the_same(cron: Any) -> None:
    parsed = read(cron.text)
    assert read(str(parsed)) == parsed


def items_of(field: Field) -> st.SearchStrategy[Any]:
    """Write what every field takes."""
    value = st.integers(field.low, field.high)
    pair = st.tuples(value, value).map(sorted)
    last_hashed = 28 if field is DAY else field.high
    return st.one_of(
        st.builds(lambda step: Values(field.low, field.high, step, star=True), st.integers(1, 99)),
        st.builds(lambda one: Values(one, one), value),
        st.builds(
            lambda ends, step: Values(ends[0], ends[1], step),
            pair.filter(lambda ends: ends[0] < ends[1]),
            st.integers(1, 99),
        ),
        st.builds(Hashed, st.just(field.low), st.just(last_hashed), st.none() | st.integers(1, 7)),
        st.builds(lambda ends: Hashed(ends[0], ends[1], whole=False), pair),
    )


special_days = st.one_of(
    st.builds(LastDay, st.integers(0, 30)),
    st.builds(LastWorkday, st.integers(0, 30)),
    st.builds(NearestWorkday, st.integers(1, 31)),
)
special_weekdays = st.one_of(
    st.builds(NthWeekday, st.integers(0, 6), st.integers(1, 5)),
    st.builds(LastWeekday, st.integers(0, 6)),
    st.builds(Values, st.integers(1, 6), st.just(7)),
    st.builds(Values, st.just(6), st.integers(7, 11), st.integers(1, 3)),
)
items_by_field = [items_of(field) for field in FIVE_FIELDS]
items_by_field[2] |= special_days
items_by_field[4] |= special_weekdays
fields = st.builds(FiveFields, *(st.lists(item, min_size=1, max_size=3).map(tuple) for item in items_by_field))


@given(fields)
@settings(max_examples=50, deadline=None)
def test_what_is_read_is_what_was_written(written: FiveFields) -> None:
    assert parse_schedule(str(written)) == written


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * 7-7", "0 0 * * 0"),
        ("0 0 * * 0-0", "0 0 * * 0"),
        ("0 0 * * sun-sun", "0 0 * * 0"),
        ("0 0 * * 0-7", "0 0 * * 0,1,2,3,4,5,6"),
        ("0 0 * * 7-1", "0 0 * * 0,1"),
        ("0 0 * * fri-sun", "0 0 * * 5,6,0"),
        ("0 0 * * fri-7", "0 0 * * 5,6,0"),
        ("0 0 * * 5-7", "0 0 * * 5,6,0"),
        ("0 0 * * 5-0", "0 0 * * 5,6,0"),
        ("0 0 * * sat-mon", "0 0 * * 6,0,1"),
        ("0 0 * * thu-tue/2", "0 0 * * 4,6,1"),
        ("0 0 * * 1-7/3", "0 0 * * 1,4,0"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@Daily", "0 0 * * *"),
        ("0 0 l * *", "0 0 L * *"),
        ("0 0 lw * *", "0 0 LW * *"),
        ("0 0 * * FRIL", "0 0 * * 5L"),
        ("0 0 * * 7L", "0 0 * * sunL"),
        ("0 0 * * 7#2", "0 0 * * sun#2"),
        ("0 0 * * MON#L", "0 0 * * 1L"),
    ],
)
def test_these_are_two_ways_to_write_the_same(text: str, same: str) -> None:
    assert compile_five_fields(read(text), "") == compile_five_fields(read(same), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 L * *", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
        ("0 0 L-3 * *", ["2024-01-28", "2024-02-26", "2024-03-28", "2024-04-27"]),
        ("0 0 L-30 * *", ["2024-03-01", "2024-05-01", "2024-07-01", "2024-08-01"]),
        ("0 0 LW * *", ["2024-01-31", "2024-02-29", "2024-03-29", "2024-04-30"]),
        # the 28th of January and of April 2024 are Sundays, and the 30th of June is, too
        ("0 0 L-3W * *", ["2024-01-29", "2024-02-26", "2024-03-28", "2024-04-26"]),
        ("0 0 L-27W 2 *", ["2024-02-02", "2025-02-03", "2026-02-02", "2027-02-01"]),
        ("0 0 15W * *", ["2024-01-15", "2024-02-15", "2024-03-15", "2024-04-15"]),
        ("0 0 1W * *", ["2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"]),
        ("0 0 1W 6,9 *", ["2024-06-03", "2024-09-02", "2025-06-02", "2025-09-01"]),
        ("0 0 31W * *", ["2024-01-31", "2024-03-29", "2024-05-31", "2024-07-31"]),
        ("0 0 * * 5L", ["2024-01-26", "2024-02-23", "2024-03-29", "2024-04-26"]),
        ("0 0 * * mon#2", ["2024-01-08", "2024-02-12", "2024-03-11", "2024-04-08"]),
        ("0 0 * * 4#5", ["2024-02-29", "2024-05-30", "2024-08-29", "2024-10-31"]),
        ("0 0 13 * 5", ["2024-01-05", "2024-01-12", "2024-01-13", "2024-01-19"]),
        ("0 0 */2 * 0", ["2024-01-03", "2024-01-05", "2024-01-07", "2024-01-09"]),
        ("0 0 * * */2", ["2024-01-02", "2024-01-04", "2024-01-06", "2024-01-07"]),
        ("0 0 29 2 *", ["2024-02-29", "2028-02-29", "2032-02-29", "2036-02-29"]),
    ],
)
def test_these_days_are_meant(text: str, expected: list[str]) -> None:
    trigger = build(schedule=text)
    found = coming(trigger, at("2024-01-01"), len(expected))
    assert [day[:10] for day in found] == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5400), ("1h30m", 5400), ("1.5h", 5400), (".5h", 1800), ("1.h", 3600), ("45s", 45), ("+2m", 120),
        ("1h0.5s", 3600), ("1500ms", 1), ("500ms", 1), ("1ns", 1), ("2us", 1), ("2µs", 1), ("2μs", 1),
        ("100000h", 360_000_000),
        ("1h1h", 7200), ("1m1h", 3660),
    ],
)  # fmt: skip
def test_every_takes_go_s_durations_in_whole_seconds(text: str, seconds: int) -> None:
    assert parse_schedule(f"@every {text}") == Every(seconds)


def test_a_schedule_may_be_as_long_as_the_schema_lets_it() -> None:
    text = ",".join(["0"] * 2000) + " * * * *"
    assert coming(build(schedule=text), at("2024-01-01"), 1) == ["2024-01-01 01:00:00+0000"]


def test_every_counts_from_the_creation_or_from_the_start() -> None:
    assert coming(build(schedule="@every 90m", created=at("2024-01-01T00:10")), at("2024-01-01T00:10"), 2) == [
        "2024-01-01 01:40:00+0000",
        "2024-01-01 03:10:00+0000",
    ]
    assert coming(build(schedule="@every 90m", startTime="2024-02-01T00:00:00Z"), at("2024-01-01"), 2) == [
        "2024-02-01 00:00:00+0000",
        "2024-02-01 01:30:00+0000",
    ]


identities = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20).map(lambda name: f"default/{name}")


@given(identities, fields)
@settings(max_examples=40, deadline=None)
def test_h_is_a_value_that_the_field_has(identity: str, written: FiveFields) -> None:
    every_field = zip(
        FIVE_FIELDS, (written.minute, written.hour, written.day, written.month, written.weekday), strict=True
    )
    for field, items in every_field:
        for item in items:
            if isinstance(item, Hashed):
                values = hashed_values(field, item, identity)
                assert values == hashed_values(field, item, identity)
                assert len(values) >= 1
                assert item.low <= values[0] <= values[-1] <= item.high


def test_h_spreads_resources_evenly_and_its_fields_do_not_go_together() -> None:
    meanings = [compile_five_fields(read("H H H H H"), f"default/job-{number}") for number in range(6000)]
    for bits, size in (
        ([one.minutes for one in meanings], 60),
        ([one.hours for one in meanings], 24),
        ([one.rule.days for one in meanings], 28),
        ([one.rule.months for one in meanings], 12),
        ([one.rule.weekdays for one in meanings], 7),
    ):
        counts = [bits.count(value) for value in set(bits)]
        assert len(counts) == size
        assert 6000 / size * 0.5 < min(counts) <= max(counts) < 6000 / size * 1.5
    pairs = {(one.minutes, one.hours) for one in meanings}
    assert len(pairs) > 1100  # of 1440, which 6000 draws at random would nearly fill


def test_h_stays_the_same_for_ever() -> None:
    """A change of the hash would move every schedule that uses it."""
    assert str_of("H H * * *", "default/report") == "20 20"
    assert str_of("H/15 H(0-7) * * *", "default/report") == "5,20,35,50 4"


def str_of(text: str, identity: str) -> str:
    meaning = compile_five_fields(read(text), identity)
    return f"{','.join(map(str, members(meaning.minutes)))} {','.join(map(str, members(meaning.hours)))}"
