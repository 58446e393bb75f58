"""A state as the resource's ``status``, and back: the one place where the engine's record meets its written form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kalends.engine.core.copying import replace
from kalends.engine.core.history import NO_RUN, last_run, was_run
from kalends.engine.core.state import ActiveRun, Condition, Counts, FinishedRun, Misfire, QueuedRun, State
from kalends.errors import InvalidStatus
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.model.v1alpha1.status import ActiveRun as WrittenActiveRun
from kalends.model.v1alpha1.status import Condition as WrittenCondition
from kalends.model.v1alpha1.status import FinishedRun as WrittenFinishedRun
from kalends.model.v1alpha1.status import Misfire as WrittenMisfire
from kalends.model.v1alpha1.status import Status
from kalends.model.values import MOST_ACTIVE_LISTED, ConditionStatus, Outcome

Json = dict[str, Any]
_REASONS = frozenset(Reason)
_RECORD = ("counts", "decidedUntilTime", "lastScheduleTime", "active", "queued", "history", "handledRequests")
"""Fields that a status has only if something was decided."""


def encode(state: State) -> Json:
    """Return a state as the object under ``status``: names of the API, instants in RFC 3339, no unset fields."""
    return {name: value for name, value in _fields(state).items() if value is not None}


def _fields(state: State) -> Json:
    """Return every field of a status; None stands for an unset field."""
    last = last_run(state)
    starts = [run.started for run in state.active]
    starts += [run.started for run in state.history if run.started is not None]
    return {
        "observedGeneration": state.observed_generation,
        "conditions": [_condition(one) for one in state.conditions.values()],
        "scheduleSummary": state.summary or None,
        "nextRunTime": _instant(state.next_run),
        "lastScheduleTime": _instant(state.last_scheduled),
        "decidedUntilTime": _instant(state.cursor),
        "lastRunTime": _instant(max(starts, default=None)),
        "lastOutcome": None if last is None else last.outcome.value,
        "lastSuccessfulTime": _instant(state.last_successful),
        "armedTime": format_instant(state.armed),
        "scheduleHash": state.schedule_hash or None,
        "active": [_active(run) for run in _listed(state.active)] or None,
        "queued": [_queued(run) for run in state.queued] or None,
        "history": [_finished(run) for run in state.history] or None,
        "lastMisfire": None if state.last_misfire is None else _misfire(state.last_misfire),
        "counts": {name: getattr(state.counts, name) for name in Counts.__slots__},
        "handledRequests": list(state.handled_requests) or None,
        "lastRequestTime": _instant(state.last_requested),
        "operator": state.operator or None,
        "otherOperator": state.other_operator or None,
    }


def decode(raw: Json | None, *, created: int) -> State | None:
    """Return the state that a ``status`` records, or None where it records none yet.

    Args:
        raw: What stands under ``status``.
        created: The resource's creation, from which fire times count where nothing else is said.

    Raises:
        InvalidStatus: It contradicts itself, or a part of it is missing.
    """
    if raw is not None and not isinstance(raw, Mapping):
        raise InvalidStatus(f"status must be an object, got {type(raw).__name__}")
    if not raw or not raw.get("armedTime"):
        if raw and (record := [name for name in _RECORD if raw.get(name)]):
            fields = ", ".join(f"status.{name}" for name in record)
            raise InvalidStatus(f"status.armedTime must be an RFC 3339 instant where there is {fields}; it is not set")
        return None
    status = Status.read(raw)
    counts = Counts(**{name: getattr(status.counts, name) for name in Counts.__slots__})
    imbalance = counts.imbalance()
    if imbalance is not None:
        raise InvalidStatus(f"status.{imbalance}")
    if counts.active < len(status.active):
        raise InvalidStatus(
            f"status.counts.active must be at least the {len(status.active)} runs in status.active, got {counts.active}"
        )
    if counts.queued != len(status.queued):
        raise InvalidStatus(
            f"status.counts.queued must be the {len(status.queued)} runs in status.queued, got {counts.queued}"
        )
    misfire = status.last_misfire
    return State(
        armed=created if status.armed_time is None else status.armed_time,
        schedule_hash=status.schedule_hash or "",
        observed_generation=status.observed_generation or 0,
        cursor=_cursor(status),
        last_scheduled=_last_scheduled(status),
        next_run=status.next_run_time,
        last_successful=status.last_successful_time,
        active=tuple(_read_active(run) for run in status.active),
        queued=tuple(QueuedRun(run.name, run.scheduled_time, run.request or "") for run in status.queued),
        history=tuple(_read_finished(run) for run in status.history),
        last_misfire=None if misfire is None else _read_misfire(misfire),
        counts=counts,
        conditions={one.type: _read_condition(one) for one in status.conditions},
        summary=status.schedule_summary or "",
        handled_requests=status.handled_requests,
        last_requested=status.last_request_time,
        operator=status.operator or "",
        other_operator=status.other_operator or "",
    )


def _last_scheduled(status: Status) -> int | None:
    """Return the last fire time that got a run.

    Before ``decidedUntilTime`` existed, ``lastScheduleTime`` was the cursor: then the listed runs decide.
    """
    written = None if status.decided_until_time is None else status.last_schedule_time
    return max((at for at in (written, *_fire_times_of_runs(status)) if at is not None), default=None)


def _cursor(status: Status) -> int | None:
    """Return up to when fire times have been decided.

    The field may have been edited to an earlier instant, or removed. All fire times that the record lists were
    decided, too: they are not counted twice.
    """
    written = status.last_schedule_time if status.decided_until_time is None else status.decided_until_time
    listed = [one.scheduled_time for one in status.history if one.request is None]
    listed += [one.scheduled_time for one in status.queued if one.request is None]
    marks = (written, _last_scheduled(status), *listed)
    return max((at for at in marks if at is not None), default=None)


def _fire_times_of_runs(status: Status) -> list[int]:
    found = [one.scheduled_time for one in status.active if one.request is None]
    return found + [one.scheduled_time for one in status.history if one.request is None and one.outcome not in NO_RUN]


def status_patch(before: State | None, after: State, *, keeps_unread: bool = False) -> Json:
    """Return the merge patch of ``status`` that records a state in place of the state that was read.

    It names every field, also those that have not changed. If the API server does not have one of them, it refuses the
    patch as a whole. And the cursor is written although it may not have moved: a status of an earlier release, or one
    that was edited, is read with another cursor than its fields say (``_cursor``).

    If ``keeps_unread``, the patch has only what ``after`` adds to ``before``.
    """
    if keeps_unread:
        return merge_patch({} if before is None else encode(before), encode(after))
    return _fields(after)


def merge_patch(before: Json, after: Json) -> Json:
    """Return the JSON merge patch (RFC 7386) that turns one object into another; lists are replaced whole."""
    patch: Json = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        old = before.get(name)
        if old == value:
            continue
        patch[name] = merge_patch(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return patch


def is_cut(record: Json, found: Any) -> bool:
    """Return whether ``found`` is this record without some of its fields, as an older CRD leaves it."""
    return bool(found) and found != record and _remains(record, found)


def _remains(whole: Any, found: Any) -> bool:
    match whole, found:
        case dict(), dict():
            return all(name in whole and _remains(whole[name], value) for name, value in found.items())
        case list(), list():
            return len(whole) == len(found) and all(map(_remains, whole, found))
        case _:
            return bool(whole == found)


def every_field() -> Json:
    """Return a record in which every field is set: it shows which of them a CRD drops."""
    run = ActiveRun("a", 1, 1, "default", 1, "holder", "request", 1, Reason.REPLACED, "message", "waiting", "uid")
    ended = FinishedRun("a", 1, 1, 1, Outcome.SKIPPED, Reason.RUN_LIMIT_REACHED, "message", 1, "null", "request", 2)
    return encode(
        State(
            armed=1,
            schedule_hash="hash",
            observed_generation=1,
            cursor=1,
            last_scheduled=1,
            next_run=1,
            last_successful=1,
            active=(run,),
            queued=(QueuedRun("a", 1, "request"),),
            history=(ended, replace(ended, outcome=Outcome.SUCCEEDED)),
            last_misfire=Misfire(1, Reason.RUN_LIMIT_REACHED, "message", 1),
            conditions={
                "Ready": Condition("Ready", status=True, reason="Armed", message="m", since=1, observed_generation=1)
            },
            summary="summary",
            handled_requests=("request",),
            last_requested=1,
            operator="namespace/lease",
            other_operator="namespace/other",
        )
    )


def _instant(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _condition(one: Condition) -> Json:
    return {
        "type": one.type,
        "status": "True" if one.status else "False",
        "reason": one.reason,
        "message": one.message,
        "lastTransitionTime": format_instant(one.since),
        "observedGeneration": one.observed_generation,
    }


def _read_condition(one: WrittenCondition) -> Condition:
    return Condition(
        one.type,
        status=one.status is ConditionStatus.TRUE,
        reason=one.reason,
        message=one.message,
        since=one.last_transition_time,
        observed_generation=one.observed_generation or 0,
    )


def _listed(active: Sequence[ActiveRun]) -> Sequence[ActiveRun]:
    """Return the active runs that are listed: those first that cannot be found again among the Jobs that there are."""
    if len(active) <= MOST_ACTIVE_LISTED:
        return active
    return sorted(active, key=lambda run: not (run.holder or run.retry_at or run.cancelling))[:MOST_ACTIVE_LISTED]


def _active(run: ActiveRun) -> Json:
    written: Json = {
        "name": run.name,
        "scheduledTime": format_instant(run.fire_time),
        "startTime": format_instant(run.started),
        "attempt": run.attempt,
        "retryTime": _instant(run.retry_at),
    }
    report = {
        "executor": run.executor,
        "holder": run.holder,
        "request": run.request,
        "waiting": str(run.waiting),
        "cancelling": str(run.cancelling),
        "message": run.message,
        "uid": run.job_uid,
    }
    return {name: value for name, value in (written | report).items() if value}


def _read_active(run: WrittenActiveRun) -> ActiveRun:
    if run.cancelling and run.cancelling not in _REASONS:
        raise InvalidStatus(f"status.active.cancelling must be a reason that Kalends writes, got '{run.cancelling}'")
    return ActiveRun(
        run.name,
        run.scheduled_time,
        run.scheduled_time if run.start_time is None else run.start_time,
        run.executor or "",
        run.attempt,
        run.holder or "",
        run.request or "",
        run.retry_time,
        run.cancelling or "",
        run.message or "",
        run.waiting or "",
        run.uid or "",
    )


def _queued(run: QueuedRun) -> Json:
    written = {"name": run.name, "scheduledTime": format_instant(run.fire_time), "request": run.request}
    return {name: value for name, value in written.items() if value}


def _finished(run: FinishedRun) -> Json:
    written: Json = {
        "name": run.name,
        "scheduledTime": format_instant(run.fire_time),
        "startTime": _instant(run.started),
        "completionTime": format_instant(run.completed),
        "outcome": run.outcome.value,
        "reason": str(run.reason) or None,
        "message": run.message or None,
        "attempts": run.attempts,
        "result": run.result,
        "request": run.request or None,
        "count": run.count if run.count > 1 else None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _read_finished(written: WrittenFinishedRun) -> FinishedRun:
    run = FinishedRun(
        written.name,
        written.scheduled_time,
        written.start_time,
        written.scheduled_time if written.completion_time is None else written.completion_time,
        written.outcome,
        written.reason or "",
        written.message or "",
        1 if written.attempts is None else written.attempts,
        written.result,
        written.request or "",
        written.count or 1,
    )
    return replace(run, started=run.fire_time) if run.started is None and was_run(run) else run


def _misfire(misfire: Misfire) -> Json:
    return {
        "scheduledTime": format_instant(misfire.fire_time),
        "reason": str(misfire.reason),
        "message": misfire.message,
        "count": misfire.count,
    }


def _read_misfire(written: WrittenMisfire) -> Misfire:
    return Misfire(written.scheduled_time, written.reason, written.message, written.count or 1)
