"""The column Schedule says when, in few words."""

import pytest

from kalends.conversion.v1alpha1 import when_of
from kalends.model import ScheduledJob
from kalends.triggers import summary, summary_of_unread
from model.manifests import CRON, TASK, Json, manifest

SUMMARIES: list[tuple[Json, str]] = [
    ({}, "once"),
    ({"schedule": "0 2 * * mon-fri"}, "0 2 * * mon-fri"),
    (
        {"trigger": {"cron": {"minute": "*/5", "hour": 9, "dayOfWeek": "mon"}}},
        "cron(dayOfWeek=mon, hour=9, minute=*/5)",
    ),
    ({"trigger": {"interval": {"hours": 6}}}, "every 6h"),
    ({"trigger": {"interval": {"weeks": 1, "days": 2, "minutes": 3, "seconds": 4}}}, "every 1w 2d 3m 4s"),
    ({"trigger": {"calendarInterval": {"months": 1, "hour": 3}}}, "every 1 month at 03:00"),
    ({"trigger": {"calendarInterval": {"years": 1, "days": 10, "second": 5}}}, "every 1 year 10 days at 00:00:05"),
    ({"trigger": {"calendarInterval": {"weeks": 2}}}, "every 2 weeks at 00:00"),
    (
        {"trigger": {"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue", "thu"], "hour": 3}}},
        "every 2 weeks on tue,thu at 03:00",
    ),
    ({"trigger": {"date": {"at": "2027-01-01T00:00:00"}}}, "at 2027-01-01T00:00:00"),
    ({"trigger": {"anyOf": [CRON, {"interval": {"hours": 1}}]}}, "cron(minute=*/5) or every 1h"),
    (
        {"trigger": {"allOf": [CRON, {"anyOf": [CRON, CRON]}]}},
        "cron(minute=*/5) and (cron(minute=*/5) …",
    ),
]


@pytest.mark.parametrize(("when", "words"), SUMMARIES, ids=[words for _, words in SUMMARIES])
def test_a_schedule_is_said_in_few_words(when: Json, words: str) -> None:
    assert summary(when_of(ScheduledJob.read(manifest({**when, **TASK})).spec)) == words


def test_a_long_schedule_is_cut_visibly() -> None:
    words = summary(when_of(ScheduledJob.read(manifest({"schedule": "1," * 100, **TASK})).spec))
    assert (len(words), words[-1]) == (40, "…")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"schedule": "99 * * * *", "suspend": "yes"}, "99 * * * *"),
        ({"schedule": 5}, ""),
        ({}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_of_a_spec_that_cannot_be_read_its_schedule_is_said(spec: object, words: str) -> None:
    assert summary_of_unread(spec) == words
