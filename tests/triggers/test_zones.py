"""Zones: found by name, read from the database, true to ``zoneinfo`` at every instant."""

from __future__ import annotations

import re
import zoneinfo
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers.zones.zone import FOREVER, LAST_INSTANT, Zone, database_version, find_zone
from triggers.database_changes import YEAR_2038, database_changes
from triggers.strategies import ALL_ZONES, zones
from triggers.walking import DAY, offset_at


@given(zones, st.integers(0, LAST_INSTANT - 1))
@settings(max_examples=90, deadline=None)
def test_a_span_holds_its_instant_and_has_the_offset_that_zoneinfo_says(zone: str, instant: int) -> None:
    span = find_zone(zone).span_at(instant)
    assert span.start <= instant < span.end
    assert span.offset == offset_at(zone, instant)
    assert span.offset == offset_at(zone, max(span.start, 0))
    assert span.offset == offset_at(zone, min(span.end, LAST_INSTANT) - 1)


@given(zones, st.integers(0, LAST_INSTANT - 1000 * DAY), st.integers(1, 1000))
@settings(max_examples=30, deadline=None)
def test_spans_follow_on_each_other(zone: str, start: int, days: int) -> None:
    spans = list(find_zone(zone).spans(start, start + days * DAY))
    assert spans[0].start <= start
    assert spans[-1].end >= start + days * DAY
    for before, after in pairwise(spans):
        assert before.end == after.start
        assert after.shown == max(before.shown, before.end + before.offset)


@given(zones, st.integers(DAY, 4_000_000_000))
@settings(max_examples=90, deadline=None)
def test_the_first_instant_of_a_wall_time_is_the_first_that_shows_it_or_a_later_one(zone: str, wall: int) -> None:
    found = find_zone(zone)
    instant = found.first_instant(wall)
    assert found.wall_at(instant) >= wall
    assert found.wall_at(instant - 1) < wall
    assert found.wall_at(instant) == wall or found.span_at(instant).start == instant


def test_before_and_after_all_time_there_is_one_offset() -> None:
    berlin = find_zone("Europe/Berlin")
    assert (berlin.span_at(-1).start, berlin.span_at(-1).end, berlin.span_at(-1).offset) == (-FOREVER, 0, 3600)
    assert (berlin.span_at(LAST_INSTANT).end, berlin.span_at(10**15).offset) == (FOREVER, 3600)


def test_equal_names_are_one_zone() -> None:
    assert find_zone("Europe/Berlin") is find_zone("Europe/Berlin")


def test_what_a_zone_remembers_is_bounded() -> None:
    zone = Zone("Europe/Berlin", zoneinfo.ZoneInfo("Europe/Berlin"))
    for century in range(0, LAST_INSTANT, 6 * 366 * DAY):
        assert zone.span_at(century).offset in {3600, 7200}
    assert zone.chunks_kept <= 512


@pytest.mark.parametrize(
    "name",
    [
        "Berlin", "europe/berlin/x", "Europe", "Mars/Olympus", "", " ", "UTC ", "../etc/passwd",
        "/etc/localtime", "Europe/../UTC",
        "posix/Europe/Berlin", "right/Europe/Berlin", "localtime", "posixrules", "CET/CEST", "+02:00", "UTC+2",
        "GMT+25", "\x00",
        "Europe\x00/Berlin", "Europe//Berlin", "\uff25urope/Berlin", "x" * 10_000_000, "tzdata.zi",
        "Europe/Berlin\n", "Local", "local",
    ],
    ids=lambda name: ascii(name[:20]),
)  # fmt: skip
def test_what_is_no_iana_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        find_zone(name)
    assert (refused.value.path, refused.value.reason) == ("spec.timeZone", "UnknownTimeZone")
    assert refused.value.message.startswith("must be an IANA time zone name such as 'Europe/Berlin', got '")
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT+5", "GMT", "EST5EDT", "GB-Eire", "America/Argentina/ComodRivadavia"])
def test_all_kinds_of_names_that_the_database_has_are_found(name: str) -> None:
    assert find_zone(name).name == name


def test_the_version_of_the_database_is_known() -> None:
    assert re.fullmatch(r"20\d\d[a-z]+", database_version())


@pytest.fixture
def database_of_the_system(tzpath_restored: None) -> None:
    """The files of the system list each change until 2037; those of the package do not."""
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.slow
@pytest.mark.usefixtures("database_of_the_system")
def test_all_zones_are_read_as_the_database_has_them() -> None:
    """Also what this package builds on: no two changes within six days, all of them at multiples of half a minute."""
    for name in ALL_ZONES:
        known = database_changes(name)
        stop = max([YEAR_2038, *(instant + DAY for instant, _ in known)])
        zone = Zone(name, zoneinfo.ZoneInfo(name))
        found = [(span.start, span.offset) for span in zone.spans(1, stop) if span.shown != span.start + span.offset]
        assert [change for change in found if change[0] < YEAR_2038] == known, name
        for (before, _), (after, _) in pairwise(found):
            assert after - before > 6 * DAY, name
        assert all(instant % 30 == offset % 30 == 0 for instant, offset in found), name


@pytest.mark.slow
def test_all_zones_are_right_for_decades_to_come() -> None:
    for name in ALL_ZONES:
        zone, info = Zone(name, zoneinfo.ZoneInfo(name)), zoneinfo.ZoneInfo(name)
        for instant in range(YEAR_2038 - 3600, YEAR_2038 + 12 * 366 * DAY, 7 * DAY + 3600):
            said = datetime.fromtimestamp(instant, info).utcoffset()
            assert said is not None
            assert zone.span_at(instant).offset == said.total_seconds(), (name, instant)
