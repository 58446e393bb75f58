"""From the engine's notices to the events of a scheduler."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from kalends.engine.core.copying import replace
from kalends.engine.core.state import Ref
from kalends.engine.ports import Decided, Ended, Notice, Removed, Retried, Verdict
from kalends.events import (
    EVENT_JOB_COALESCED,
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_LOST,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_QUEUED,
    EVENT_JOB_REMOVED,
    EVENT_JOB_RETRIED,
    EVENT_JOB_SKIPPED,
    EVENT_JOB_SUBMITTED,
    JobDecisionEvent,
    JobEvent,
    JobExecutionEvent,
    JobSubmissionEvent,
    SchedulerEvent,
)
from kalends.model.reasons import Reason
from kalends.model.values import Outcome
from kalends.triggers.programs.datetimes import datetime_of

_VERDICTS = {
    Verdict.COALESCED: EVENT_JOB_COALESCED,
    Verdict.SKIPPED: EVENT_JOB_SKIPPED,
    Verdict.QUEUED: EVENT_JOB_QUEUED,
}


class EventMapping:
    """Listens to the engine. What an executor said about the end of a run is kept until that end is recorded."""

    def __init__(self, zone: tzinfo, dispatch: Callable[[SchedulerEvent], None]) -> None:
        self._zone = zone
        self._dispatch = dispatch
        self._kept: dict[tuple[str, str], JobExecutionEvent] = {}

    def keep(self, ref: Ref, run: str, event: JobExecutionEvent) -> None:
        """Keep the executor's event of a run until its end is recorded."""
        self._kept[ref.uid, run] = event

    def release(self, ref: Ref, run: str) -> None:
        """Dispatch the kept event of a run whose job was removed: its end is recorded nowhere."""
        event = self._kept.pop((ref.uid, run), None)
        if event is not None:
            self._dispatch(event)

    def release_all(self, ref: Ref) -> None:
        """Dispatch the kept events of a job that was removed."""
        for uid, run in [key for key in self._kept if key[0] == ref.uid]:
            self._dispatch(self._kept.pop((uid, run)))

    def notice(self, notice: Notice) -> None:
        """Dispatch the event of a recorded decision, if it has one."""
        match notice:
            case Decided():
                self._dispatch(self._decided(notice))
            case Ended():
                self._dispatch(self._ended(notice))
            case Retried():
                self._dispatch(self._retried(notice))
            case Removed():
                self._dispatch(JobEvent(EVENT_JOB_REMOVED, notice.ref.name, notice.ref.namespace))
            case _:
                pass

    def _decided(self, notice: Decided) -> SchedulerEvent:
        job_id, alias = notice.ref.name, notice.ref.namespace
        moment = datetime_of(notice.fire_time, self._zone)
        if notice.verdict is Verdict.STARTED:
            return JobSubmissionEvent(EVENT_JOB_SUBMITTED, job_id, alias, [moment])
        if notice.verdict is Verdict.MISSED:
            return JobExecutionEvent(EVENT_JOB_MISSED, job_id, alias, moment)
        if notice.verdict is Verdict.SKIPPED and notice.reason == Reason.TOO_MANY_INSTANCES:
            return JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, job_id, alias, [moment])
        code = _VERDICTS[notice.verdict]
        return JobDecisionEvent(code, job_id, alias, moment, notice.count, notice.reason, notice.message)

    def _ended(self, notice: Ended) -> JobExecutionEvent:
        report = notice.report
        kept = self._kept.pop((report.ref.uid, report.name), None)
        moment = datetime_of(report.fire_time, self._zone)
        code = EVENT_JOB_EXECUTED if report.outcome is Outcome.SUCCEEDED else EVENT_JOB_ERROR
        if report.outcome is Outcome.LOST:
            code = EVENT_JOB_LOST
        exception = report.exception
        if exception is None and code != EVENT_JOB_EXECUTED:
            exception = RuntimeError(report.message or report.reason)
        return JobExecutionEvent(
            code,
            report.ref.name,
            report.ref.namespace,
            moment,
            retval=report.value,
            exception=exception,
            traceback=None if kept is None else kept.traceback,
        )

    def _retried(self, notice: Retried) -> JobExecutionEvent:
        ended = self._ended(Ended(replace(notice.report), notice.executor))
        ended.code = EVENT_JOB_RETRIED
        return ended
