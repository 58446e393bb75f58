"""What a schedule means, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from kalends.conversion.v1alpha1 import when_of
from kalends.errors import InvalidSchedule
from kalends.model import ScheduledJobSpec
from kalends.triggers import explain
from triggers.building import CREATED

ONCE = ", Europe/Berlin; once on days when the clocks change"
EACH_ONCE = ", Europe/Berlin; each once on days when the clocks change"
FOLLOWS = ", Europe/Berlin; follows the clocks when they change"
BOTH = ", Europe/Berlin; once on days when the clocks change, follows the clocks when they change"
SINCE = "counted from 2024-01-01T00:00:00Z"


def explained(zone: str = "Europe/Berlin", **spec: Any) -> str:
    read = ScheduledJobSpec.model_validate({"task": {"name": "test"}, **spec})
    jitter = read.jitter_seconds
    return explain(when_of(read), created=CREATED, zone=zone, identity="default/report", jitter=jitter)


@pytest.mark.parametrize(
    ("schedule", "phrase", "ending"),
    [
        ("0 2 * * mon-fri", "at 02:00 from Monday to Friday", ONCE),
        ("* * * * *", "every minute", FOLLOWS),
        ("*/5 * * * *", "every 5 minutes", FOLLOWS),
        ("*/1 * * * *", "every minute", FOLLOWS),
        ("0 * * * *", "every hour", FOLLOWS),
        ("17 * * * *", "at 17 minutes past every hour", FOLLOWS),
        ("1 * * * *", "at 1 minute past every hour", FOLLOWS),
        ("5,35 * * * *", "at minutes 5 and 35 of every hour", FOLLOWS),
        ("*/7 * * * *", "at every 7th minute from 0 to 56 of every hour", FOLLOWS),
        ("0 */2 * * *", "every 2 hours", FOLLOWS),
        ("0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00 and 20:00 every day", FOLLOWS),
        ("15 */2 * * *", "at minute 15 of every 2nd hour", FOLLOWS),
        ("0 9-17 * * *", "every hour from 09:00 to 17:00", EACH_ONCE),
        ("*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:59 from Monday to Friday", FOLLOWS),
        ("* 3 * * *", "every minute from 03:00 to 03:59", FOLLOWS),
        ("*/10 2,4 * * *", "every 10 minutes of hours 2 and 4", FOLLOWS),
        ("0 8,9 * * *", "at 08:00 and 09:00 every day", EACH_ONCE),
        ("30 10,11,12 * * 1-5", "at 10:30, 11:30 and 12:30 from Monday to Friday", EACH_ONCE),
        ("0 0 13 * 5", "at 00:00 on the 13th of the month or on Friday", ONCE),
        ("0 0 1,15 * *", "at 00:00 on the 1st and the 15th of the month", ONCE),
        ("0 0 */2 * *", "at 00:00 on every 2nd day from the 1st to the 31st", ONCE),
        ("0 0 L * *", "at 00:00 on the last day of the month", ONCE),
        ("0 0 L-1 * *", "at 00:00 on the day before the last of the month", ONCE),
        ("0 0 L-3 * *", "at 00:00 3 days before the last day of the month", ONCE),
        (
            "0 0 L-3W * *",
            "at 00:00 on the day from Monday to Friday nearest to 3 days before the last day of the month",
            ONCE,
        ),
        ("0 0 LW * *", "at 00:00 on the last day from Monday to Friday of the month", ONCE),
        (
            "0 0 15W * *",
            "at 00:00 on the day from Monday to Friday nearest to the 15th of the month",
            ONCE,
        ),
        ("0 0 * * 5L", "at 00:00 on the last Friday of the month", ONCE),
        ("0 0 * 1,7 mon#2", "at 00:00 on the second Monday of the month in January and July", ONCE),
        ("0 0 * * fri-mon", "at 00:00 from Friday to Monday", ONCE),
        ("0 0 * * sat,sun", "at 00:00 on Saturday and Sunday", ONCE),
        ("0 0 29 2 *", "at 00:00 on the 29th of the month in February", ONCE),
        (
            "0 0 1 jan-mar,12 *",
            "at 00:00 on the 1st of the month from January to March and in December",
            ONCE,
        ),
        ("@daily", "at 00:00 every day", ONCE),
        ("H H * * *", "at 20:20 every day", ONCE),
        ("H/15 * * * *", "at minutes 5, 20, 35 and 50 of every hour", FOLLOWS),
        ("@every 90m", "every 90 minutes of elapsed time, counted from 2024-01-01T00:00:00Z", ""),
        ("@every 24h", "every day of elapsed time, counted from 2024-01-01T00:00:00Z", ""),
        ("@every 36h5s", "every 1 day, 12 hours and 5 seconds of elapsed time, counted from 2024-01-01T00:00:00Z", ""),
    ],
)
def test_a_schedule_is_explained(schedule: str, phrase: str, ending: str) -> None:
    assert explained(schedule=schedule) == f"{phrase}{ending}"


def test_it_is_one_sentence() -> None:
    sentence = "at 02:00 from Monday to Friday, Europe/Berlin; once on days when the clocks change"
    assert explained(schedule="0 2 * * mon-fri") == sentence


@pytest.mark.parametrize(
    ("trigger", "phrase", "ending"),
    [
        ({"cron": {"second": "*"}}, "every second", FOLLOWS),
        ({"cron": {"second": "*/10"}}, "every 10 seconds", FOLLOWS),
        ({"cron": {"second": "*", "minute": "*/5"}}, "every second of every 5th minute", FOLLOWS),
        ({"cron": {"hour": 2, "second": "5,10"}}, "at seconds 5 and 10 of every minute from 02:00 to 02:59", FOLLOWS),
        ({"cron": {"hour": 2, "minute": 3, "second": 4}}, "at 02:03:04 every day", ONCE),
        (
            {"cron": {"day": "2nd fri,last sun"}},
            "at 00:00 on the second Friday of the month and on the last Sunday of the month",
            ONCE,
        ),
        ({"cron": {"day": "13", "dayOfWeek": "fri"}}, "at 00:00 on the 13th of the month, but only on Friday", ONCE),
        ({"cron": {"week": "10-20", "dayOfWeek": "mon"}}, "at 00:00 on Monday in ISO weeks 10 to 20", ONCE),
        ({"cron": {"year": "2026-2030"}}, "at 00:00 on the 1st of the month in January from 2026 to 2030", ONCE),
        ({"cron": {"year": "2026/2"}}, "at 00:00 on the 1st of the month in January in every 2nd year from 2026", ONCE),
        ({"interval": {"hours": 6}}, "every 6 hours of elapsed time, counted from 2024-01-01T00:00:00Z", ""),
        ({"calendarInterval": {"months": 1, "hour": 3}}, "at 03:00 every month, counted from 2024-01-01", ONCE),
        (
            {"calendarInterval": {"years": 1, "weeks": 2}},
            "at 00:00 every 1 year and 2 weeks, counted from 2024-01-01",
            ONCE,
        ),
        ({"date": {"at": "2027-01-01T00:00"}}, "once, at 2027-01-01 00:00:00 Europe/Berlin", ""),
        (
            {"anyOf": [{"cron": {"hour": 3}}, {"interval": {"hours": 5}}]},
            f"(at 03:00 every day) or (every 5 hours of elapsed time, {SINCE})",
            ONCE,
        ),
        (
            {"allOf": [{"cron": {"dayOfWeek": "fri"}}, {"cron": {"day": 13}}]},
            "whenever these agree: (at 00:00 on Friday) and (at 00:00 on the 13th of the month)",
            ONCE,
        ),
        (
            {"anyOf": [{"cron": {"hour": 3}}, {"cron": {"minute": 5}}]},
            "(at 03:00 every day) or (at 5 minutes past every hour)",
            BOTH,
        ),
    ],
)
def test_a_trigger_is_explained(trigger: dict[str, Any], phrase: str, ending: str) -> None:
    assert explained(trigger=trigger) == f"{phrase}{ending}"


def test_clocks_are_not_spoken_of_where_they_never_change() -> None:
    assert explained("UTC", schedule="0 2 * * *") == "at 02:00 every day, UTC"
    assert explained("Asia/Kathmandu", schedule="*/5 * * * *") == "every 5 minutes, Asia/Kathmandu"


def test_literal_is_said() -> None:
    assert explained(schedule="0 2 * * *", daylightSaving="Literal") == f"at 02:00 every day{FOLLOWS}"


def test_what_has_no_schedule_is_explained() -> None:
    assert explained() == "once, as soon as the resource is seen"


def test_a_day_that_some_months_lack_is_spoken_of() -> None:
    sentence = explained(trigger={"calendarInterval": {"months": 1}}, startTime="2024-01-31")
    assert sentence.startswith(
        "at 00:00 every month, counted from 2024-01-31, passing over months without that day, Europe/Berlin"
    )


def test_bounds_exclusions_and_jitter_are_explained() -> None:
    exclude = [
        {"cron": {"month": 12, "day": "24-26"}},
        {"from": "2026-01-01", "to": "2026-01-02"},
        {"cron": {"hour": "9-17"}},
    ]
    sentence = explained(
        schedule="0 2 * * *", exclude=exclude, startTime="2025-01-31", endTime="2030-01-01T00:00:00Z", jitterSeconds=300
    )
    excluded = [
        "from the 24th to the 26th of the month in December",
        "from 2026-01-01 00:00:00 Europe/Berlin to 2026-01-02 23:59:59 Europe/Berlin",
    ]
    assert sentence.split("; ")[2:] == [
        f"except {', '.join(excluded)} and from 09:00 to 17:59",
        "from 2025-01-31 00:00:00 Europe/Berlin on",
        "until 2030-01-01 01:00:00 Europe/Berlin",
        "each run up to 5 minutes later",
    ]


@pytest.mark.parametrize(
    ("cron", "phrase"),
    [
        ({"dayOfWeek": "sat,sun"}, "on Saturday and Sunday"),
        ({"year": 2026, "month": "aug"}, "in August in 2026"),
        ({"minute": 0}, "every second of minute 0"),
        ({"hour": 2, "minute": 30}, "every second of minute 30 from 02:00 to 02:59"),
        ({"second": "*"}, "ever"),
    ],
)
def test_an_exclusion_by_fields_is_explained(cron: dict[str, Any], phrase: str) -> None:
    assert (
        explained("UTC", schedule="0 2 * * *", exclude=[{"cron": cron}]) == f"at 02:00 every day, UTC; except {phrase}"
    )


def test_what_cannot_be_built_cannot_be_explained() -> None:
    with pytest.raises(InvalidSchedule):
        explained(schedule="0 0 * *")
