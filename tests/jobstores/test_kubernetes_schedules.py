"""A job as a ScheduledJob: the same fire times, everything that it says, and clear refusals of the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobstores.jobs import report
from jobstores.values import Client, Colour
from kalends.job import Job
from kalends.jobstores.base import KeptJob, TransientJobError
from kalends.jobstores.kubernetes.notes import object_name
from kalends.jobstores.kubernetes.objects import kept_of, manifest_of
from kalends.library.definitions import definition_of
from kalends.model import check_manifest
from kalends.triggers.base import BaseTrigger
from kalends.triggers.build import build_trigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron.trigger import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.compiled import exact_next_fire_time
from kalends.triggers.programs.datetimes import SECOND, microseconds_of
from kalends.triggers.when import When
from triggers.program_triggers import BERLIN, NOW, cron_fields, listed

CREATED = int(NOW.timestamp())


def job(trigger: BaseTrigger, at: datetime | str | None = "its own", **options: Any) -> Job:
    first = exact_next_fire_time(trigger, None, NOW) if at == "its own" else at
    given: dict[str, Any] = {
        "func": report,
        "trigger": trigger,
        "args": (),
        "kwargs": {},
        "executor": "default",
        "misfire_grace_time": 1,
        "coalesce": True,
        "max_instances": 1,
        "next_run_time": first,
    }
    return Job(None, id="a", **{**given, **options})


def created(of: Job, **changes: Any) -> dict[str, Any]:
    """Return the ScheduledJob of a job as the API server shows it."""
    manifest = manifest_of(of, NOW, "example.com/my-app", 0)
    meta = {**manifest["metadata"], "namespace": "team", "uid": "uid", "resourceVersion": "7", "generation": 1}
    return {**manifest, "metadata": {**meta, "creationTimestamp": "2026-02-11T09:30:00Z"}, **changes}


def kept(of: Job) -> KeptJob:
    return kept_of(created(of), lambda name: name, UTC)


def fire_times(of: Job, count: int = 12) -> list[int]:
    """Return the fire times of the ScheduledJob of a job, in seconds."""
    stored = kept(of).stored
    assert stored is not None
    assert stored.definition is not None
    when = stored.definition.when
    assert isinstance(when, When)
    trigger = build_trigger(when, created=CREATED, zone="UTC", identity="team/a")
    assert stored.edited is not None
    return listed(trigger, stored.edited // SECOND, count)


def wanted(of: Job, count: int = 12) -> list[int]:
    """Return the fire times of a job in a store of a program, in seconds, the first of them rounded up."""
    first = of.first_fire_time
    assert first is not None
    found = listed(definition_of(of).when, microseconds_of(first) - 1, count)  # type: ignore[arg-type]
    return [-(-instant // SECOND) for instant in found]


moments = st.integers(CREATED - 10**6, CREATED + 2 * 10**7)
starts = st.none() | moments.map(lambda instant: datetime.fromtimestamp(instant, BERLIN))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])


@st.composite
def crons(draw: st.DrawFn) -> CronTrigger:
    return CronTrigger(**draw(cron_fields()), timezone=draw(zones), start_date=draw(starts))


@st.composite
def intervals(draw: st.DrawFn) -> IntervalTrigger:
    start = (draw(starts) or NOW).replace(microsecond=0)
    return IntervalTrigger(seconds=draw(st.integers(1, 10**6)), start_date=start, timezone=draw(zones))


@st.composite
def calendars(draw: st.DrawFn) -> CalendarIntervalTrigger:
    units: dict[str, Any] = draw(
        st.sampled_from([{"days": 1}, {"weeks": 2}, {"months": 1}, {"years": 1, "months": 1}, {"days": 40}])
    )
    day = draw(st.dates(date(2025, 1, 1), date(2026, 6, 30)))
    hour = draw(st.integers(0, 23))
    return CalendarIntervalTrigger(**units, hour=hour, start_date=day, timezone=draw(zones))


single = crons() | intervals() | calendars()
triggers = single | st.builds(OrTrigger, st.lists(single, min_size=1, max_size=3))


@settings(max_examples=30, deadline=None)
@given(trigger=triggers)
def test_the_fire_times_of_a_scheduledjob_are_those_of_the_job(trigger: BaseTrigger) -> None:
    of = job(trigger)
    if of.first_fire_time is not None:
        assert fire_times(of) == wanted(of)


@settings(max_examples=30, deadline=None)
@given(trigger=triggers, ahead=st.integers(1, 10**7))
def test_a_first_fire_time_that_the_program_chooses_is_kept(trigger: BaseTrigger, ahead: int) -> None:
    assume(exact_next_fire_time(trigger, None, NOW) is not None)
    of = job(trigger, NOW + timedelta(seconds=ahead))
    assert fire_times(of) == wanted(of)


@settings(max_examples=30, deadline=None)
@given(trigger=triggers, later=st.integers(1, 30))
def test_a_later_fire_time_can_be_the_first(trigger: BaseTrigger, later: int) -> None:
    of = job(trigger)
    if of.first_fire_time is not None:
        chosen = datetime.fromtimestamp(wanted(of, later)[-1], BERLIN)
        assert fire_times(job(trigger, chosen)) == wanted(job(trigger, chosen))


@settings(max_examples=30, deadline=None)
@given(trigger=triggers)
def test_a_trigger_is_read_as_the_program_made_it(trigger: BaseTrigger) -> None:
    of = job(trigger)
    assume(of.next_run_time is not None)
    found = kept(of).job
    assert found is not None
    assert repr(found.trigger) == repr(trigger)
    assert found.next_run_time == found.first_fire_time


def test_triggers_agree_where_all_members_fire() -> None:
    both = AndTrigger([CronTrigger(hour="*/2", timezone=BERLIN), CronTrigger(day_of_week="0,5", timezone=BERLIN)])
    assert fire_times(job(both)) == wanted(job(both))


def test_a_default_start_with_a_fraction_of_a_second_is_rounded_up() -> None:
    trigger = IntervalTrigger(seconds=5, timezone=UTC)
    first = trigger.start_date.replace(microsecond=250_000)
    trigger.start_date = first
    found = kept(job(trigger, first)).job
    assert found is not None
    assert found.first_fire_time == first.replace(microsecond=0) + timedelta(seconds=1)


def test_everything_that_a_job_says_is_kept() -> None:
    of = job(
        CronTrigger(hour=7, timezone=BERLIN, jitter=30),
        args=[Colour.RED, {"day": date(2027, 1, 31)}],
        kwargs={"client": Client("ACME")},
        name="Report of the day",
        misfire_grace_time=None,
        coalesce="earliest",
        max_instances=3,
        concurrency="replace",
        executor="processes",
        retry={"limit": 2, "backoff": 5},
        time_limit=60,
        max_runs=9,
    )
    found = kept(of).job
    assert found is not None
    before, after = of.__getstate__(), found.__getstate__()
    assert {**after, "trigger": repr(after["trigger"]), "retry": after["retry"]["limit"]} == {
        **before,
        "trigger": repr(before["trigger"]),
        "retry": 2,
    }


@pytest.mark.parametrize("coalesce", [True, False, "earliest", "all"])
@pytest.mark.parametrize("concurrency", ["skip", "queue", "replace"])
def test_policies_are_kept(coalesce: bool | str, concurrency: str) -> None:
    found = kept(job(CronTrigger(hour=7, timezone=UTC), coalesce=coalesce, concurrency=concurrency)).job
    assert found is not None
    assert (found.coalesce or "all", found.concurrency) == (coalesce or "all", concurrency)


def test_a_paused_job_is_suspended() -> None:
    of = created(job(CronTrigger(hour=7, timezone=UTC), None))
    assert of["spec"]["suspend"] is True
    found = kept_of(of, lambda name: name, UTC).job
    assert found is not None
    assert found.next_run_time is None


@settings(max_examples=30, deadline=None)
@given(trigger=triggers)
def test_the_manifest_is_accepted(trigger: BaseTrigger) -> None:
    assume(exact_next_fire_time(trigger, None, NOW) is not None)
    assert check_manifest(manifest_of(job(trigger), NOW, "example.com/my-app", 0)) == []


class Custom(BaseTrigger):
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return now if previous_fire_time is None else None

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore nothing."""


FRACTION = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("trigger", "problem"),
    [
        (Custom(), "must be a CronTrigger, IntervalTrigger, .* got .*test_kubernetes_schedules.Custom"),
        (IntervalTrigger(seconds=0.25, timezone=UTC), "the interval must be a whole number of seconds, got 0:00:00.25"),
        (IntervalTrigger(seconds=5, start_date=FRACTION, timezone=UTC), "start_date must be a whole second"),
        (DateTrigger(FRACTION), "run_date must be a whole second"),
        (CronTrigger(hour=7, timezone=UTC, jitter=0.5), "jitter must be a whole number of seconds, got 0.5"),
        (CronTrigger(hour=7, timezone=timezone(timedelta(hours=2))), "timezone must be a name of the IANA database"),
        (OrTrigger([CronTrigger(hour=7, timezone=UTC, jitter=5)]), "jitter must be that of the whole trigger"),
        (
            OrTrigger([OrTrigger([OrTrigger([CronTrigger(hour=7, timezone=UTC)])])]),
            "spec.trigger.anyOf",
        ),
    ],
)
def test_a_trigger_that_no_scheduledjob_has_is_refused(trigger: BaseTrigger, problem: str) -> None:
    with pytest.raises(TransientJobError, match=problem):
        manifest_of(job(trigger, NOW + timedelta(hours=1)), NOW, "example.com/my-app", 0)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"time_limit": 2.5}, "time_limit must be a whole number of seconds, got 2.5"),
        ({"max_instances": 1001}, "spec.maxInstances"),
        ({"args": [object()]}, r"args\[0\]"),
        ({"func": lambda: None}, "no reference leads"),
        ({"executor": "x" * 64}, "spec.executor"),
    ],
)
def test_a_job_that_no_scheduledjob_can_say_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(TransientJobError, match=problem):
        manifest_of(job(CronTrigger(hour=7, timezone=UTC), **options), NOW, "example.com/my-app", 0)


def test_the_name_of_an_object_is_the_id_if_that_can_be_a_name() -> None:
    assert object_name("nightly-report.v2") == "nightly-report.v2"
    assert object_name("x" * 52) == "x" * 52
    odd = ["x" * 53, "A", "a/b", " ", "größe", "a.", "-a", "a" * 512]
    names = [object_name(one) for one in odd]
    assert len(set(names)) == len(odd)
    assert all(len(name) <= 52 and object_name(name) == name for name in names)
    assert object_name("Nightly Report!").startswith("nightly-report-")
