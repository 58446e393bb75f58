"""Reports what the engine decided: a log line each, and an Event for what needs attention."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from kalends.engine.core.state import Ref
from kalends.engine.ports import (
    Contested,
    Decided,
    Delayed,
    Ended,
    JobAnomaly,
    Notice,
    ReadinessChanged,
    Removed,
    Retried,
    Verdict,
)
from kalends.handlers.notice_log import line_of
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.model.values import Outcome

log = logging.getLogger("kalends.engine")


@dataclass(frozen=True, slots=True)
class EventToPost:
    """An Event to post on a resource."""

    ref: Ref
    reason: str
    note: str
    warning: bool


Post = Callable[[EventToPost], None]

MANY_COALESCED = 10
"""So many fire times that give way at once are an Event: the operator was away, or starts were refused."""

_ENDED = {
    Outcome.SUCCEEDED: Reason.RUN_SUCCEEDED,
    Outcome.FAILED: Reason.RUN_FAILED,
    Outcome.TIMED_OUT: Reason.RUN_FAILED,
    Outcome.CANCELLED: Reason.RUN_CANCELLED,
    Outcome.LOST: Reason.RUN_LOST,
}


def event_of(notice: Notice, *, success_too: bool = False) -> EventToPost | None:  # noqa: PLR0911 - a table
    """Return the Event for a notice, or None: normal progress is in the status and the metrics."""
    match notice:
        case Decided():
            return _of_decided(notice)
        case Ended(report=report):
            good = report.outcome is Outcome.SUCCEEDED
            if good and not success_too:
                return None
            note = f"{report.name} {report.outcome.lower()}"
            note += f": {report.reason}" if report.reason else ""
            note += f": {report.message}" if report.message else ""
            return EventToPost(report.ref, _ENDED[report.outcome], note, warning=not good)
        case Retried(report=report):
            note = f"{report.name} {report.outcome.lower()}{_because(report.message)}"
            note += f"; attempt {notice.attempt} follows at {format_instant(notice.at)}"
            return EventToPost(report.ref, Reason.RUN_RETRIED, note, warning=True)
        case Removed():
            return EventToPost(notice.ref, Reason.SCHEDULE_DELETED, notice.message, warning=False)
        case JobAnomaly():
            return EventToPost(notice.ref, notice.reason, notice.message, warning=True)
        case Delayed():
            return EventToPost(notice.ref, Reason.DELAYED, f"not done yet, tried again: {notice.message}", warning=True)
        case Contested():
            return EventToPost(notice.ref, Reason.OTHER_OPERATOR, notice.message, warning=True)
        case ReadinessChanged():
            return _of_readiness_changed(notice)
        case _:
            return None


def _of_decided(notice: Decided) -> EventToPost | None:
    if notice.verdict is Verdict.MISSED:
        note = _several(notice, "was missed", "were missed")
        return EventToPost(notice.ref, Reason.RUN_MISSED, note, warning=True)
    if notice.verdict is Verdict.SKIPPED:
        note = _several(notice, "was skipped", "were skipped")
        return EventToPost(notice.ref, Reason.RUN_SKIPPED, note, warning=True)
    if notice.verdict is Verdict.COALESCED and notice.count >= MANY_COALESCED:
        note = _several(notice, "was coalesced", "were coalesced")
        return EventToPost(notice.ref, Reason.RUNS_COALESCED, note, warning=True)
    return None


def _of_readiness_changed(notice: ReadinessChanged) -> EventToPost | None:
    if notice.reason == Reason.START_REFUSED:
        return EventToPost(notice.ref, Reason.START_REFUSED, f"runs do not start: {notice.message}", warning=True)
    if not notice.ready:
        return EventToPost(notice.ref, Reason.SCHEDULE_INVALID, f"{notice.reason}: {notice.message}", warning=True)
    if notice.reason == Reason.EXHAUSTED:
        return EventToPost(notice.ref, Reason.SCHEDULE_EXHAUSTED, notice.message, warning=notice.warns)
    return None


def _several(notice: Decided, one: str, many: str) -> str:
    at = format_instant(notice.fire_time)
    who = f"the run of {at} {one}" if notice.count == 1 else f"{notice.count} runs up to that of {at} {many}"
    return f"{who}: {notice.message}"


def never(_: str) -> bool:
    """Return that a namespace stays."""
    return False


class NoticeReporter:
    """Logs every notice, and posts what deserves an Event.

    Lines about a namespace that is being deleted are written at DEBUG: they concern no user any more.
    """

    def __init__(self, post: Post, *, success_too: bool = False, is_ending: Callable[[str], bool] = never) -> None:
        self._post = post
        self._success_too = success_too
        self._is_ending = is_ending

    def notice(self, notice: Notice) -> None:
        """Report it."""
        event, line = event_of(notice, success_too=self._success_too), line_of(notice)
        if event is not None:
            self._post(event)
        if line is not None:
            line.write(log, logging.DEBUG if self._is_ending(line.ref.namespace) else None)


def _because(message: str) -> str:
    return f": {message}" if message else ""
