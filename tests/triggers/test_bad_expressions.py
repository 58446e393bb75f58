"""What cannot be meant is refused at once, whole, and with a message that says where, what, and what would do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kalends.errors import InvalidSchedule
from kalends.triggers.cron.eight_fields import parse_eight_fields
from kalends.triggers.cron.five_fields import SCHEDULE, parse_schedule
from triggers.building import build


def words(text: str) -> list[str]:
    return text.split()


MINUTES = [
    *words("60 61 99999999999999999999 -1 1- - 1-2-3 5-1 59-0 */0 */ */x /5 1//5 1/5/7 0/0 1-5/0 1-60 */-5 a mon jan"),
    *words("1.5 1e1 0x10 1;2 1|2 ** *-5 ?-5 *5 5* % $(date) {{x}} 1_0 L LW 15W # 1#1 , ,,, 0,60 0,,61 5,x 5@ ~ 1~5"),
    *words("H( H() H(1) H(1- H(5-1) H(0-60) H/0 H/61 H(0-5)/7 H-5 HH H5 H(a-b) h(1-2)x '5' \"5\" 5-a a-5 1-*"),
    *("\x00", "5\x00", "\uff11\uff12", "\u0661", "\u00b2", "\u2460", "\u00bd", "\ufb01", "\U0001f550"),
]
HOURS = words("24 25 -1 12pm 9-25 22-2 */0 noon 9:00 am 8h 2-1 L 1/ H(0-24)")
DAYS = [
    *words("0 32 -1 31-1 0-5 L-0 L-31 L- L3 LL WL W 0W 32W W15 15WW 1-5W L/2 L-3-4 1st last last-3 lastfoo mon LW-1"),
    *words("H(0-5) H(1-32) 15w-2 */0 1-32"),
]
MONTHS = words("0 13 foo january ja jan- dec-jan 12-1 mon jan-mon */0 janfeb L 0-3")
WEEKDAYS = [
    *words("8 -1 monday mo foo 5-1 1-8 6-3 mon- -fri mon-foo L 8L fooL L5 5LL mon#0 mon#6 mon# #1 mon#-1 mon#1.5 8#1"),
    *words("mon#1#2 jan W mon/0 mon-fri/0 mon#1-2 fri-monL H(0-7) *L"),
]
NOT_FIVE = ["", " ", "\t\n", "*", "* *", "* * *", "* * * *", "every day", "* * * * * * * *"]
SIX = ["0 0 0 * * *", "0 0 12 * * ?", "*/10 * * * * *", "0 12 * * ? *"]
WITH_A_YEAR = ["15 10 ? * 6L 2002-2025", "0 0 1 1 * 2026", "0 0 1 1 ? 2026/2"]
SEVEN = ["0 0 12 1 1 ? 2030", "* * * * * * *", "0 0 1 1 * 2026 x"]
COMMENTED = ["0 0 * * * # nightly", "0 0 * * * #nightly", "# 0 0 * * *", "0 0 * * # every day"]
ZONED = [
    "TZ=UTC * * * * *",
    "CRON_TZ=Europe/Berlin 0 9 * * *",
    "tz=UTC 0 9 * * *",
    "TZ= 0 9 * * *",
    "CRON_TZ=UTC @daily",
]
MACROS = ["@", "@reboot", "@dailyy", "@fortnightly", "@daily 5", "@every", "@every 5 m", "@5", "@@daily", "@every5m"]
DURATIONS = [*words("5 m -5m 0s 0 1h-5m 5x five 1.5.5h .h 1:30 5M 1d 3000000h PT5M \u0663m"), "9" * 40 + "h"]
NEVER = [
    *("0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 4 *", "0 0 L-30 feb *", "0 0 30W 2 *", "* * L-30 feb,apr *"),
]
HUGE = ["," * 10_000_000, "* " * 5_000_000, "9" * 10_000_000 + " * * * *"]

SCHEDULES: list[tuple[str, str, str]] = [
    # (schedule, what its message begins with, what the message says as well)
    *((f"{text} * * * *", "minute must be", "*, a number from 0 to 59") for text in MINUTES),
    *((f"0 {text} * * *", "hour must be", "*, a number from 0 to 23") for text in HOURS),
    *((f"0 0 {text} * *", "day of month must be", "*, ?, a number from 1 to 31") for text in DAYS),
    *((f"0 0 1 {text} *", "month must be", "*, a number from 1 to 12") for text in MONTHS),
    *((f"0 0 * * {text}", "day of week must be", "a number from 0 (Sunday) to 7 (Sunday)") for text in WEEKDAYS),
    *((text, "schedule must be five fields (minute, hour, day of month, month, day of week)", "") for text in NOT_FIVE),
    *((text, "schedule must be five fields", "for seconds set `trigger.cron.second`, for a year `tri") for text in SIX),
    *((text, "schedule must be five fields", "; for a year set `trigger.cron.year`, got 6") for text in WITH_A_YEAR),
    *((text, "schedule must be five fields", "`trigger.cron.second` and `trigger.cron.year`, got 7") for text in SEVEN),
    *((text, "schedule must be five fields", "without a comment") for text in COMMENTED),
    *((text, "schedule must not name a time zone", "`timeZone`") for text in ZONED),
    *((text, "schedule must be one of @yearly", "@every and a duration") for text in MACROS),
    *((f"@every {text}", "@every must be followed by a duration", "") for text in DURATIONS),
    *((text, "must name a day that some year has", "") for text in NEVER),
    *((text, "schedule must be at most 4096 characters long", " characters)") for text in HUGE),
]

OF_SIXTY: list[str | int] = [
    *words("60 */60 */0 5-1 1-60 0-5/6 5/0 59/1 , 1,,2 ,1 1, */ x *-5 ? L H +5 1.5 1-2-3 */5/5 \uff11"),
    *("", " ", "1 2", "\x00", "9" * 30, 61, -1),
]
DAYS_OF_MONTH = [
    *words("0 32 last-0 last-31 last- lastfoo lastw L- LL W W15 0W 32W 1-5W 2nd */31 last, -1 lastmon 2ndfri 1st"),
    *("last -3", "1st mon-fri", "6th mon", "0th mon", "2nd monday", "2nd foo", "last 5", "2nd 5", "first mon"),
]
MONTH_NAMES = words("0 13 jan-mar/2 dec-jan january foo */12 mar-jan jan-")
DAYS_OF_WEEK: list[str | int] = [*words("0 7 1-5 mon-fri/2 monday mon-5 */7 mon#2 5L foo mon-foo ? last"), "2nd fri", 1]

FIELDS: list[tuple[str, str | int, str]] = [
    # (field, expression, what its message says as well)
    *((field, text, "*, a number from 0 to 59, a range like") for field in ("minute", "second") for text in OF_SIXTY),
    *(("hour", text, "*, a number from 0 to 23") for text in words("24 */24 22-2 9am 0-23/24")),
    *(("day", text, "last (or L), last-3, LW, 15W, an expression like 2nd fri") for text in DAYS_OF_MONTH),
    *(("month", text, "jan to dec") for text in MONTH_NAMES),
    *(("dayOfWeek", text, "no digits, as 0 is Monday") for text in DAYS_OF_WEEK),
    *(("week", text, "*, a number from 1 to 53") for text in words("0 54 */53 mon 10-5")),
    *(("year", text, "*, a number from 1970 to 9999") for text in words("1969 10000 26 2026-2025 next */9000")),
]


def test_there_are_enough_of_them() -> None:
    assert len({text for text, _, _ in SCHEDULES}) >= 200
    assert len({(field, text) for field, text, _ in FIELDS}) >= 75


@pytest.mark.parametrize(("text", "begins", "accepts"), SCHEDULES, ids=lambda value: ascii(value[:20]))
def test_a_bad_schedule_is_refused_with_a_message_that_helps(text: str, begins: str, accepts: str) -> None:
    refused = refusal(lambda: build(schedule=text) if 0 < len(text) <= 4096 else parse_schedule(text))
    assert refused.path == SCHEDULE
    assert refused.message.startswith(begins)
    assert accepts in refused.message
    assert len(refused.message) < 600
    assert refused.message.isprintable()
    assert any(len(quote) > 0 for quote in refused.message.split("got ")[1:])


@pytest.mark.parametrize(("field", "text", "accepts"), FIELDS, ids=lambda value: ascii(str(value)[:20]))
def test_a_bad_field_is_refused_with_a_message_that_helps(field: str, text: str | int, accepts: str) -> None:
    refused = refusal(lambda: parse_eight_fields({field: text}, "spec.trigger.cron"))
    assert refused.path == f"spec.trigger.cron.{field}"
    assert refused.message.startswith(f"{field} must be ")
    assert accepts in refused.message
    assert "got '" in refused.message
    assert len(refused.message) < 600
    assert refused.message.isprintable()


@pytest.mark.parametrize("field", ["year", "month", "day", "week", "dayOfWeek", "hour", "minute", "second"])
def test_ten_megabytes_of_commas_are_refused_in_every_field(field: str) -> None:
    refused = refusal(lambda: parse_eight_fields({field: "," * 10_000_000}, "spec.trigger.cron"))
    assert "longer than 1000 characters" in refused.message
    assert len(refused.message) < 600


@pytest.mark.parametrize(
    "cron",
    [
        {"month": 2, "day": 30},
        {"month": "mar-oct", "week": "49-50"},
        {"year": 2023, "month": 2, "day": 29},
        {"month": "feb", "day": "5th mon", "year": "2025-2027"},
        {"week": 53, "year": 2025},
        {"day": "last", "month": "apr", "year": "2024", "dayOfWeek": "mon"},
        {"month": "jan", "day": "11-31", "week": 1},
        {"day": "1st mon", "week": 53, "month": "dec"},
    ],
)
def test_fields_that_never_match_together_are_refused(cron: dict[str, Any]) -> None:
    refused = refusal(lambda: build(trigger={"cron": cron}))
    assert refused.path == "spec.trigger.cron"
    assert "must name a day that some year has" in refused.message


def test_a_cron_trigger_without_fields_is_refused() -> None:
    refused = refusal(lambda: parse_eight_fields({}, "spec.trigger.cron"))
    assert refused.message.startswith("must have at least one of year, month, day, week, dayOfWeek, ")


def refusal(attempt: Any) -> InvalidSchedule:
    """Return how an attempt is refused; the best of three within 0.2 s of work, twenty times what it takes."""
    durations: list[float] = []
    refusals: list[InvalidSchedule] = []
    for _ in range(3):
        begin = time.process_time()
        with pytest.raises(InvalidSchedule) as refused:
            attempt()
        durations.append(time.process_time() - begin)
        refusals.append(refused.value)
    assert min(durations) < 0.2
    return refusals[0]
