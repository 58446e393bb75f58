"""The ScheduledJobs that `kalends convert apscheduler --output yaml` prints are accepted by a real API server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore as ForeignStore
from apscheduler.schedulers.background import BackgroundScheduler as ForeignScheduler
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from click.testing import CliRunner

from devcluster import Cluster
from kalends.cli.main import cli

pytestmark = pytest.mark.slow


def test_converted_jobs_are_accepted(installed: Cluster, namespace: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'theirs.sqlite'}"
    theirs = ForeignScheduler(jobstores={"default": ForeignStore(url)}, timezone="Europe/Berlin")
    theirs.start(paused=True)
    sunday, friday = (CronTrigger(day_of_week=day, hour=4, timezone="UTC") for day in ("sun", "fri"))
    theirs.add_job("builtins:print", "cron", id="Nightly report", hour=3, jitter=30, args=["a", "1e3", 1.5, [None]])
    theirs.add_job("builtins:print", "interval", id="interval", hours=3, kwargs={"sep": "yes"}, coalesce=False)
    theirs.add_job("builtins:print", "date", id="date", run_date=datetime(2090, 1, 1, tzinfo=UTC))
    theirs.add_job("builtins:print", "calendarinterval", id="calendar", months=1, hour=9, max_instances=3)
    theirs.add_job("builtins:print", OrTrigger([sunday, CronTrigger(hour=9, timezone="Asia/Tokyo")]), id="or")
    theirs.add_job("builtins:print", AndTrigger([sunday, CronTrigger(day=13, hour=4, timezone="UTC")]), id="and")
    theirs.add_job("builtins:print", friday, id="paused", next_run_time=None, misfire_grace_time=None)
    theirs.shutdown()
    result = CliRunner().invoke(cli, ["convert", "apscheduler", url, "--read-pickles", "--output", "yaml"])
    assert (result.exit_code, result.stderr) == (0, "")
    installed.kubectl("apply", "--server-side", "--namespace", namespace, "-f", "-", input=result.stdout)
    listed = installed.kubectl("get", "schj", "--namespace", namespace, "--output", "json")
    found = {one["metadata"]["name"]: one["spec"] for one in json.loads(listed.stdout)["items"]}
    assert len(found) == 7
    assert found["interval"]["task"] == {"name": "builtins.print", "kwargs": {"sep": "yes"}}
    (report,) = [spec for name, spec in found.items() if name.startswith("nightly-report-")]
    assert report["task"]["args"] == ["a", "1e3", 1.5, [None]]
