"""In the JSON format, a line about a fire time or a run has fields, so that no tool has to parse its text."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from doubles import START
from kalends.cli.logs import JsonLines, TextLines
from kalends.engine.core.state import Ref
from kalends.engine.ports import (
    Decided,
    Delayed,
    Ended,
    JobAnomaly,
    Notice,
    ReadinessChanged,
    Retried,
    RunReport,
    StartPutOff,
    Verdict,
)
from kalends.handlers.notice_reporter import NoticeReporter
from kalends.model import Outcome, format_instant
from kalends.model.reasons import Reason

REF = Ref("team-b", "hb", "the-uid")
RUN = f"hb-{START}"
RESOURCE = {"namespace": "team-b", "name": "hb", "uid": "the-uid"}
AT = format_instant(START)
REPORT = RunReport(REF, RUN, START, Outcome.TIMED_OUT, START + 1, START + 3, "TimedOut", "stopped after 2 s")


def reported(notice: Notice, caplog: pytest.LogCaptureFixture, **options: Any) -> logging.LogRecord:
    with caplog.at_level(logging.DEBUG):
        NoticeReporter(lambda _: None, **options).notice(notice)
    (record,) = caplog.records
    return record


@pytest.mark.parametrize(
    ("notice", "fields"),
    [
        (
            Decided(REF, Verdict.STARTED, 1, START, delay=0.0421, run=RUN),
            {
                "decision": "Started",
                "count": 1,
                "scheduledTime": AT,
                "run": RUN,
                "attempt": 1,
                "delaySeconds": 0.042,
            },
        ),
        (
            Decided(REF, Verdict.QUEUED, 1, START, run="hb-m-abcdefgh", request="ticket-4711"),
            {
                "decision": "Queued",
                "count": 1,
                "scheduledTime": AT,
                "run": "hb-m-abcdefgh",
                "request": "ticket-4711",
            },
        ),
        (
            Decided(REF, Verdict.MISSED, 4, START, Reason.DEADLINE_EXCEEDED, "late"),
            {"decision": "Missed", "count": 4, "scheduledTime": AT, "reason": "DeadlineExceeded"},
        ),
        (
            Ended(REPORT, "default", 2),
            {
                "run": RUN,
                "attempt": 2,
                "scheduledTime": AT,
                "startTime": format_instant(START + 1),
                "completionTime": format_instant(START + 3),
                "executor": "default",
                "outcome": "TimedOut",
                "reason": "TimedOut",
            },
        ),
        (
            Retried(REPORT, "default", 2, START + 10),
            {
                "run": RUN,
                "attempt": 1,
                "scheduledTime": AT,
                "startTime": format_instant(START + 1),
                "completionTime": format_instant(START + 3),
                "executor": "default",
                "outcome": "TimedOut",
                "reason": "TimedOut",
                "nextAttempt": 2,
                "nextAttemptTime": format_instant(START + 10),
            },
        ),
        (JobAnomaly(REF, Reason.UNEXPECTED_JOB, "hb-7 was not asked for"), {"reason": "UnexpectedJob"}),
        (ReadinessChanged(REF, Reason.ARMED, "every 60s", ready=True), {"reason": "Armed"}),
    ],
)
def test_the_fields_of_a_line(notice: Notice, fields: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    record = reported(notice, caplog)
    line = json.loads(JsonLines().format(record))
    assert line.pop("time")
    assert (line.pop("level"), line.pop("logger")) == (record.levelname.lower(), "kalends.engine")
    assert line.pop("message").startswith("team-b/hb: ")
    assert line == RESOURCE | fields


def test_start_and_end_of_a_run_have_its_name_also_in_the_text(caplog: pytest.LogCaptureFixture) -> None:
    start = reported(Decided(REF, Verdict.STARTED, 1, START, run=RUN), caplog)
    caplog.clear()
    end = reported(Ended(REPORT, "default"), caplog)
    texts = [TextLines("%(message)s").format(one) for one in (start, end)]
    assert texts == [f"team-b/hb: started 1, last {AT} ({RUN})", f"team-b/hb: {RUN} timedout: stopped after 2 s"]


@pytest.mark.parametrize("notice", [Delayed(REF, "503"), StartPutOff(REF, "jobs", "403")])
def test_what_is_logged_where_it_failed_is_not_logged_twice(notice: Notice, caplog: pytest.LogCaptureFixture) -> None:
    NoticeReporter(lambda _: None).notice(notice)
    assert caplog.records == []


@pytest.mark.parametrize(("is_ending", "level"), [(False, logging.WARNING), (True, logging.DEBUG)])
def test_lines_about_a_namespace_that_is_being_deleted_are_for_debugging(
    is_ending: bool, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    skipped = Decided(REF, Verdict.SKIPPED, 1, START, Reason.TOO_MANY_INSTANCES, "full", run=RUN)
    assert reported(skipped, caplog, is_ending=lambda _: is_ending).levelno == level
