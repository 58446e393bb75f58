"""``kalends convert apscheduler --output yaml``: jobs of APScheduler as ScheduledJobs of the operator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as ForeignStore
from apscheduler.schedulers.background import BackgroundScheduler as ForeignScheduler
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from click.testing import Result

from kalends.cli.commands.convert_to_manifests import manifest_of
from kalends.cli.manifests.documents import documents
from kalends.cli.manifests.written import manifest_text
from kalends.library.foreign.jobs import jobs_in_place

Command = Callable[..., Result]
LATER = datetime(2090, 1, 2, 3, 4, 5, tzinfo=UTC)


class Program:
    """A program of APScheduler whose jobs are in a table."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'theirs.sqlite'}"
        self.scheduler = ForeignScheduler(jobstores={"default": ForeignStore(self.url)}, timezone="Europe/Berlin")

    def add(self, job_id: str, *trigger: Any, **options: Any) -> None:
        if not self.scheduler.running:
            self.scheduler.start(paused=True)
        self.scheduler.add_job("builtins:print", *trigger, id=job_id, **options)

    def specs(self, kalends: Command) -> dict[str, Any]:
        result = kalends("convert", "apscheduler", self.url, "--read-pickles", "--output", "yaml")
        return {one["metadata"]["name"]: one["spec"] for one in yaml.safe_load_all(result.stdout)}


@pytest.fixture
def program(tmp_path: Path) -> Any:
    found = Program(tmp_path)
    yield found
    if found.scheduler.running:
        found.scheduler.shutdown()


def test_the_fields_of_a_job_are_those_of_a_scheduledjob(kalends: Command, program: Program) -> None:
    program.add(
        "report",
        "cron",
        hour="3",
        day_of_week="0-4",
        jitter=30,
        start_date="2090-01-01 00:00:00",
        end_date="2091-01-01 00:00:00",
        args=["a", 1, None, [1.5, True]],
        kwargs={"sep": "1e3"},
        misfire_grace_time=77,
        coalesce=False,
        max_instances=3,
        executor="processpool",
    )
    assert program.specs(kalends) == {
        "report": {
            "trigger": {"cron": {"dayOfWeek": "mon-fri", "hour": "3"}},
            "timeZone": "Europe/Berlin",
            "startTime": "2089-12-31T23:00:00Z",
            "endTime": "2090-12-31T23:00:00Z",
            "jitterSeconds": 30,
            "startingDeadlineSeconds": 77,
            "coalesce": "All",
            "concurrencyPolicy": "Queue",
            "maxInstances": 3,
            "task": {"name": "builtins.print", "args": ["a", 1, None, [1.5, True]], "kwargs": {"sep": "1e3"}},
            "executor": "processpool",
        }
    }


def test_what_settings_could_decide_otherwise_is_written_out(kalends: Command, program: Program) -> None:
    program.add("it", "date", run_date=LATER, misfire_grace_time=None)
    assert program.specs(kalends)["it"] == {
        "trigger": {"date": {"at": "2090-01-02T03:04:05Z"}},
        "coalesce": "Latest",
        "maxInstances": 1,
        "task": {"name": "builtins.print"},
    }


def test_an_interval_keeps_its_phase_and_a_paused_job_is_suspended(kalends: Command, program: Program) -> None:
    program.add("a", "interval", hours=3, next_run_time=LATER)
    program.add("b", "cron", hour=3, next_run_time=None)
    found = program.specs(kalends)
    assert (found["a"]["trigger"], found["a"]["startTime"]) == ({"interval": {"hours": 3}}, "2090-01-02T03:04:05Z")
    assert found["b"]["suspend"] is True


def test_names_are_valid_and_unique(kalends: Command, program: Program) -> None:
    ids = ["nightly", "Nightly", "night ly", "x" * 100, "…", "a/b:c"]
    for job_id in ids:
        program.add(job_id, "cron", hour=3)
    found = program.specs(kalends)
    assert len(found) == len(ids)
    assert "nightly" in found
    assert all(len(name) <= 63 and name == name.lower() for name in found)


def test_a_name_that_another_job_has_is_refused(kalends: Command, program: Program) -> None:
    program.add("A", "cron", hour=3)
    (name,) = program.specs(kalends)
    program.add(name, "cron", hour=4)
    result = kalends("convert", "apscheduler", program.url, "--read-pickles", "-o", "yaml")
    assert result.exit_code == 1
    assert f"{name}: refused: " in result.stderr
    assert "must be of one job, and is that of 'A'" in result.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"args": [1, date(2030, 1, 1)]}, "args[1] must be JSON: text, a number, a boolean"),
        ({"args": [(1, 2)]}, "or a dictionary with text as keys; got tuple"),
        ({"kwargs": {"sep": {"b": [b"c"]}}}, "kwargs['sep']['b'][0] must be JSON"),
        ({"kwargs": {"sep": float("nan")}}, "got float"),
        ({"args": [Path("/")]}, "the pickle names pathlib:PosixPath, which is not admitted"),
        ({"trigger": IntervalTrigger(seconds=0.5, timezone="UTC")}, "the interval must be a whole number of seconds"),
        ({"trigger": CronTrigger(hour=3, timezone="UTC", jitter=0.5)}, "jitter must be a whole number of seconds"),
        ({"args": ["x" * 300_000]}, "must be at most 262,144 bytes of JSON"),
    ],
)
def test_what_a_scheduledjob_cannot_say_is_refused_by_itself(
    kalends: Command, program: Program, options: dict[str, Any], problem: str
) -> None:
    program.add("a bad", options.pop("trigger", CronTrigger(hour=3, timezone="UTC")), **options)
    program.add("good", "interval", hours=1)
    result = kalends("convert", "apscheduler", program.url, "--read-pickles", "--output", "yaml")
    assert result.exit_code == 1
    assert result.stderr.startswith("a bad: refused: ")
    assert problem in result.stderr
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(result.stdout)] == ["good"]


def test_manifests_are_written_into_no_job_store(kalends: Command, program: Program) -> None:
    result = kalends("convert", "apscheduler", program.url, "--read-pickles", "--to", "sqlite://", "-o", "yaml")
    assert result.exit_code == 2
    assert "must have one of --to, which writes into a job store, and --output yaml" in result.output


def test_the_manifests_are_valid(kalends: Command, program: Program, tmp_path: Path) -> None:
    weekly, friday = (CronTrigger(day_of_week=day, hour=4, timezone="UTC") for day in ("sun", "fri"))
    program.add("cron", "cron", month="jan-mar,oct", day="last,2nd fri", hour="4-8/2", minute="*/20", second="7")
    program.add("interval", "interval", days=2, seconds=7)
    program.add("calendar", "calendarinterval", months=1, hour=9, start_date="2030-01-15")
    program.add("or", OrTrigger([weekly, CronTrigger(hour=9, timezone="Asia/Tokyo")]))
    program.add("and", AndTrigger([CronTrigger(day=13, hour=4, timezone="UTC"), friday]))
    program.add("delayed", "cron", hour=3, next_run_time=datetime.now(UTC) + timedelta(days=400, seconds=1))
    result = kalends("convert", "apscheduler", program.url, "--read-pickles", "--output", "yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    (tmp_path / "jobs.yaml").write_text(result.stdout)
    validated = kalends("validate", tmp_path / "jobs.yaml")
    assert validated.exit_code == 0, validated.output


def test_fire_times_are_those_of_the_job(program: Program) -> None:
    program.add("it", "cron", hour=3, minute="10,40")
    (found,) = jobs_in_place(program.url, None, ())
    assert found.job is not None
    spec = manifest_of(found.job, datetime.now(UTC))["spec"]
    assert (spec["trigger"], spec["timeZone"]) == ({"cron": {"hour": "3", "minute": "10,40"}}, "Europe/Berlin")
    assert "startTime" not in spec


@pytest.mark.parametrize(
    "value",
    ["yes", "y", "no", "null", "~", "1e3", "0x1f", "0o17", "12:30", "2030-01-01", ".inf", "", " a ", "a: b", "#", "{a}",
     "-", "a\nb", "\u2028", "\x85", "tab\t", "ä", "'", '"', "\\", "x" * 500 + " y" * 100, "%", "@a", "=", "<<"],
)  # fmt: skip
def test_text_is_read_again_as_it_was(value: str) -> None:
    written = manifest_text({"apiVersion": "v1", "kind": "A", "metadata": {}, "spec": {"a": value, "b": [value]}})
    assert yaml.safe_load(written)["spec"] == {"a": value, "b": [value]}
    (document,) = documents(written)
    assert document.value["spec"] == {"a": value, "b": [value]}
