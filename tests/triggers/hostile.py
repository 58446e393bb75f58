"""Valid triggers that are as expensive as the schema lets them be, and a count of the work that they cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kalends.triggers.rules.date import DateRule
from kalends.triggers.rules.interval import IntervalRule
from kalends.triggers.rules.wall_clock import WallRule
from kalends.triggers.search.budget import MOST_WORK, PATTERN, QUESTION

LEAF_KINDS = (WallRule, IntervalRule, DateRule)
MOST_ASKED = MOST_WORK * 1.1
"""The last step of a search, and what a count does beside its windows, may exceed the budget a little."""


def seconds(numbers: range) -> list[dict[str, Any]]:
    return [{"cron": {"second": number}} for number in numbers]


def common(date: str) -> dict[str, Any]:
    return {"date": {"at": date}}


EVENS, ODDS = seconds(range(0, 32, 2)), seconds(range(1, 32, 2))
FAR = "2150-06-01T12:00:00Z"
APART: dict[str, Any] = {"trigger": {"allOf": [{"anyOf": EVENS}, {"anyOf": ODDS}]}}
AGREE_FAR_OFF: dict[str, Any] = {
    "trigger": {"allOf": [{"anyOf": [common(FAR), *EVENS[1:]]}, {"anyOf": [common(FAR), *ODDS[1:]]}]}
}
AGREE_IN_A_YEAR: dict[str, Any] = {
    "trigger": {
        "allOf": [
            {"anyOf": [common("2025-06-01T12:00:00Z"), *EVENS[1:]]},
            {"anyOf": [common("2025-06-01T12:00:00Z"), *ODDS[1:]]},
        ]
    }
}
EACH_SECOND_BUT: dict[str, Any] = {"trigger": {"cron": {"second": "*"}}, "exclude": seconds(range(31))}
NOT_IN_THIS_ERA: dict[str, Any] = {"trigger": {"cron": {"second": "*"}}, "exclude": [{"cron": {"year": "1970-2300"}}]}
ALL_EXCLUDED: dict[str, Any] = {
    "trigger": {"cron": {"second": "*"}},
    "exclude": [{"cron": {"second": f"{number},{number + 30}"}} for number in range(30)],
}
MANY_SEARCHES: dict[str, Any] = {
    "trigger": {
        "anyOf": [
            {"allOf": [{"cron": {"hour": 12, "minute": prime}}, {"interval": {"seconds": 86_400 - prime}}]}
            for prime in (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59)
        ]
    },
    "startTime": "2024-01-01T00:00:00Z",
}
NEARLY_A_DAY: dict[str, Any] = {
    "trigger": {"allOf": [{"cron": {"hour": 0}}, {"interval": {"seconds": 86_399}}]},
    "startTime": "2024-01-01T00:00:01Z",
}
GAPS_ALONE: dict[str, Any] = {
    "trigger": {
        "allOf": [
            {"cron": {"dayOfWeek": "wed", "hour": 2, "minute": 10}},
            {"cron": {"dayOfWeek": "wed", "hour": 2, "minute": 20}},
        ]
    },
    "timeZone": "Europe/Berlin",
}
MONTHS_APART: dict[str, Any] = {
    "trigger": {
        "allOf": [
            *[{"calendarInterval": {"months": 1, "days": 1 + n}} for n in range(15)],
            {"anyOf": [{"calendarInterval": {"months": 2, "days": 3 + n}} for n in range(16)]},
        ]
    },
    "startTime": "1970-01-01",
}

HOSTILE = {
    "apart": APART,
    "agree far off": AGREE_FAR_OFF,
    "agree in a year": AGREE_IN_A_YEAR,
    "each second but": EACH_SECOND_BUT,
    "not in this era": NOT_IN_THIS_ERA,
    "all excluded": ALL_EXCLUDED,
    "many searches": MANY_SEARCHES,
    "nearly a day": NEARLY_A_DAY,
    "gaps alone": GAPS_ALONE,
    "months apart": MONTHS_APART,
}


class Work:
    """Counts what leaves are asked for, whatever the budget takes note of."""

    def __init__(self) -> None:
        self.units = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for kind in LEAF_KINDS:
                patch.setattr(kind, "next_after", self._counting(kind.next_after, QUESTION))
                patch.setattr(kind, "pattern", self._counting(kind.pattern, PATTERN))
            yield

    def _counting(self, method: Callable[..., Any], units: int) -> Callable[..., Any]:
        def counting(*args: Any) -> Any:
            self.units += units
            return method(*args)

        return counting
