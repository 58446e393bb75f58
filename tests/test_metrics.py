"""Labels of metrics come from this operator: a record, which may be edited, adds no values."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from kalends.engine.core.state import Ref
from kalends.engine.ports import Ended, RunReport, StartPutOff, Verdict
from kalends.metrics import Metrics, ScrapedValues
from kalends.model import Outcome

REF = Ref("default", "nightly", "uid")
FORGED = [f"nowhere-{number}" for number in range(100)]


def readings(active: Mapping[str, int]) -> ScrapedValues:
    return ScrapedValues(
        leads=lambda: True,
        active_runs=lambda: active,
        crd_fits=lambda: True,
        scheduled_jobs=dict,
        stuck_workers=dict,
        foreign_holders=lambda: 0,
        agenda_size=lambda: 0,
        loop_lag=lambda: 0.0,
        clock_skew=lambda: 0.0,
    )


def executors_in(metrics: Metrics) -> set[str]:
    return set(re.findall(r'executor="([^"]*)"', metrics.page().decode()))


def test_an_executor_that_only_a_record_names_is_counted_as_unknown() -> None:
    metrics = Metrics(("default", "jobs"))
    metrics.read_from(readings({"default": 1} | dict.fromkeys(FORGED, 2)))
    for executor in ("default", *FORGED):
        metrics.notice(Ended(RunReport(REF, "nightly-0", 0, Outcome.LOST, 0, 0), executor))
        metrics.notice(StartPutOff(REF, executor, "exceeded quota"))
    assert executors_in(metrics) == {"default", "jobs", "unknown"}
    page = metrics.page().decode()
    assert 'kalends_runs_active{executor="default"} 1.0' in page
    assert 'kalends_runs_active{executor="unknown"} 200.0' in page
    assert 'kalends_runs_total{executor="unknown",outcome="Lost"} 100.0' in page


@pytest.mark.parametrize(
    "series",
    [
        *(f'kalends_fire_times_total{{decision="{verdict}"}}' for verdict in Verdict),
        *(
            f'kalends_runs_total{{executor="{executor}",outcome="{outcome}"}}'
            for executor in ("default", "jobs")
            for outcome in ("Succeeded", "Failed", "TimedOut", "Cancelled", "Lost")
        ),
        'kalends_starts_put_off_total{executor="jobs"}',
    ],
)
def test_counters_that_alerts_read_exist_before_the_first_event(series: str) -> None:
    assert f"{series} 0.0\n" in Metrics(("default", "jobs")).page().decode()
