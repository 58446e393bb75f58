"""Helper functions that plug-ins for APScheduler import."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kalends import util

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "meaning"), [("yes", True), ("False", False), (1, True), ("0", False), (None, False)]
)
def test_text_is_read_as_yes_or_no(value: Any, meaning: bool) -> None:
    assert util.asbool(value) is meaning


def test_text_that_is_neither_is_refused() -> None:
    with pytest.raises(ValueError, match="must be 'true' or 'false', got 'perhaps'"):
        util.asbool("perhaps")


def test_timestamps_are_exact_to_the_microsecond() -> None:
    moment = datetime(2026, 1, 31, 9, 0, 0, 250_001, tzinfo=UTC)
    assert util.utc_timestamp_to_datetime(util.datetime_to_utc_timestamp(moment)) == moment
    assert util.datetime_to_utc_timestamp(None) is None
    assert util.utc_timestamp_to_datetime(None) is None


def test_a_moment_is_rounded_up_to_a_whole_second() -> None:
    moment = datetime(2026, 1, 31, 9, 0, 59, 1, tzinfo=UTC)
    assert util.datetime_ceil(moment) == datetime(2026, 1, 31, 9, 1, tzinfo=UTC)
    assert util.datetime_ceil(util.datetime_ceil(moment)) == datetime(2026, 1, 31, 9, 1, tzinfo=UTC)


def test_wall_times_get_the_zone_that_is_given() -> None:
    assert util.convert_to_datetime("2026-01-31 09:00", BERLIN, "run_date") == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert util.convert_to_datetime(None, BERLIN, "run_date") is None
    assert util.localize(datetime.fromisoformat("2026-07-01 12:00"), BERLIN).utcoffset() == timedelta(hours=2)


def test_arithmetic_over_a_change_of_the_clocks_is_normalized() -> None:
    in_the_gap = datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN) + timedelta(hours=1)
    assert util.normalize(in_the_gap).hour == 3


def test_coroutine_functions_are_recognised_through_partials() -> None:
    async def work(number: int) -> int:
        return number

    assert util.iscoroutinefunction_partial(partial(partial(work), 1))
    assert not util.iscoroutinefunction_partial(partial(len, "abc"))


def test_references_lead_to_objects_and_back() -> None:
    assert util.ref_to_obj(util.obj_to_ref(datetime)) is datetime
    assert util.maybe_ref("builtins:len") is len
    assert util.get_callable_name(len) == "len"
    with pytest.raises(ValueError, match="more than it accepts"):
        util.check_callable_args(lambda: None, (1,), {})


def test_datetimes_are_shown_with_their_zone() -> None:
    assert util.datetime_repr(datetime(2026, 7, 1, 12, tzinfo=BERLIN)) == "2026-07-01 12:00:00 CEST"
    assert util.datetime_repr(None) == "None"
