"""The log line of a notice: a text to read, and fields to search for, which the JSON format writes beside the text."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from kalends.engine.core.state import Ref
from kalends.engine.ports import (
    Contested,
    Decided,
    Ended,
    JobAnomaly,
    Notice,
    ReadinessChanged,
    Removed,
    Retried,
    RunReport,
    Verdict,
)
from kalends.model.instants import format_instant
from kalends.model.values import Outcome

Value = str | int | float
_NORMAL = frozenset({Verdict.STARTED, Verdict.QUEUED})


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log."""

    ref: Ref
    level: int
    text: str
    """What follows the key of the resource."""
    fields: Mapping[str, Value] = field(default_factory=dict)
    """What the text says about a fire time, a run or a condition, by the names that the status has for it."""

    def write(self, logger: logging.Logger, level: int | None = None) -> None:
        """Write the line, at another level if one is given."""
        fields = {"namespace": self.ref.namespace, "name": self.ref.name, "uid": self.ref.uid, **self.fields}
        logger.log(level or self.level, "%s: %s", self.ref.key, self.text, extra={"fields": fields})


def line_of(notice: Notice) -> LogLine | None:  # noqa: PLR0911 - a table
    """Return the line for a notice, or None: what is tried again is logged where it failed."""
    match notice:
        case Decided():
            return _of_decided(notice)
        case Ended(report=report):
            level = logging.INFO if report.outcome is Outcome.SUCCEEDED else logging.WARNING
            text = f"{report.name} {report.outcome.lower()}{_because(report.message)}"
            return LogLine(report.ref, level, text, _of_report(report, notice.executor, notice.attempt))
        case Retried(report=report):
            text = f"{report.name} {report.outcome.lower()}{_because(report.message)}"
            text += f"; attempt {notice.attempt} follows at {format_instant(notice.at)}"
            fields = _of_report(report, notice.executor, notice.attempt - 1)
            fields |= {"nextAttempt": notice.attempt, "nextAttemptTime": format_instant(notice.at)}
            return LogLine(report.ref, logging.WARNING, text, fields)
        case Contested():
            return LogLine(notice.ref, logging.INFO, notice.message)
        case Removed():
            return LogLine(notice.ref, logging.INFO, f"deleted{_because(notice.message)}")
        case JobAnomaly():
            text = f"{notice.reason}{_because(notice.message)}"
            return LogLine(notice.ref, logging.WARNING, text, {"reason": notice.reason.value})
        case ReadinessChanged():
            level = logging.INFO if notice.ready else logging.WARNING
            text = f"{notice.reason}{_because(notice.message)}"
            return LogLine(notice.ref, level, text, {"reason": notice.reason})
        case _:
            return None


def _of_decided(notice: Decided) -> LogLine:
    at = format_instant(notice.fire_time)
    run = f" ({notice.run})" if notice.run else ""
    text = f"{notice.verdict.lower()} {notice.count}, last {at}{run}{_because(notice.message)}"
    fields: dict[str, Value] = {"decision": notice.verdict.value, "count": notice.count, "scheduledTime": at}
    if notice.verdict is Verdict.STARTED:
        fields |= {"attempt": 1, "delaySeconds": round(notice.delay, 3)}
    fields |= _if_set(run=notice.run, request=notice.request, reason=notice.reason)
    return LogLine(notice.ref, logging.INFO if notice.verdict in _NORMAL else logging.WARNING, text, fields)


def _of_report(report: RunReport, executor: str, attempt: int) -> dict[str, Value]:
    fields: dict[str, Value] = {
        "run": report.name,
        "attempt": attempt,
        "scheduledTime": format_instant(report.fire_time),
        "startTime": format_instant(report.started),
        "completionTime": format_instant(report.completed),
        "executor": executor,
        "outcome": report.outcome.value,
    }
    return fields | _if_set(reason=report.reason)


def _if_set(**fields: str) -> dict[str, Value]:
    return {name: str(value) for name, value in fields.items() if value}


def _because(message: str) -> str:
    return f": {message}" if message else ""
