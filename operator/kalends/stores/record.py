"""A state as the resource's ``status``, and back: the one place where the engine's record meets its written form."""

from __future__ import annotations

from typing import Any

from kalends.engine.state import LISTED_ACTIVE, ActiveRun, Condition, Counts, FinishedRun, Misfire, State
from kalends.errors import InvalidStatus
from kalends.model.instants import format_instant
from kalends.model.status import Condition as WrittenCondition
from kalends.model.status import ConditionStatus, Status

Json = dict[str, Any]


def encode(state: State) -> Json:
    """Return a state as it stands under ``status``: names of the API, instants in RFC 3339, nothing that is unset."""
    last_run = max([run.started for run in state.active] + [run.started for run in state.history], default=None)
    status: Json = {
        "observedGeneration": state.observed_generation,
        "conditions": [_condition(one) for one in state.conditions.values()],
        "scheduleSummary": state.summary or None,
        "nextRunTime": _instant(state.next_run),
        "lastScheduleTime": _instant(state.cursor),
        "lastRunTime": _instant(last_run),
        "lastOutcome": state.history[0].outcome.value if state.history else None,
        "lastSuccessfulTime": _instant(state.last_successful),
        "armedTime": format_instant(state.armed),
        "scheduleHash": state.schedule_hash or None,
        "active": [_active(run) for run in state.active[:LISTED_ACTIVE]] or None,
        "history": [_finished(run) for run in state.history] or None,
        "lastMisfire": None if state.last_misfire is None else _misfire(state.last_misfire),
        "counts": {name: getattr(state.counts, name) for name in Counts.__slots__},
    }
    return {name: value for name, value in status.items() if value is not None}


def decode(raw: Json | None, *, created: int) -> State | None:
    """Return the state that a ``status`` tells, or None where it tells none yet.

    Args:
        raw: What stands under ``status``.
        created: The resource's creation, from which fire times count where nothing else is said.

    Raises:
        InvalidStatus: No Kalends wrote this, or somebody edited it to nonsense.
    """
    if not raw or not raw.get("armedTime"):
        if raw and (raw.get("counts") or raw.get("lastScheduleTime")):
            raise InvalidStatus("status.armedTime must be set where status.counts or status.lastScheduleTime is")
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
    misfire = status.last_misfire
    return State(
        armed=created if status.armed_time is None else status.armed_time,
        schedule_hash=status.schedule_hash or "",
        observed_generation=status.observed_generation or 0,
        cursor=status.last_schedule_time,
        next_run=status.next_run_time,
        last_successful=status.last_successful_time,
        active=tuple(
            ActiveRun(
                run.name,
                run.scheduled_time,
                run.scheduled_time if run.start_time is None else run.start_time,
                run.executor or "",
                run.attempt,
                run.holder or "",
            )
            for run in status.active
        ),
        history=tuple(
            FinishedRun(
                run.name,
                run.scheduled_time,
                run.scheduled_time if run.start_time is None else run.start_time,
                run.scheduled_time if run.completion_time is None else run.completion_time,
                run.outcome,
                run.reason or "",
                run.message or "",
                run.attempts or 1,
                run.result,
            )
            for run in status.history
        ),
        last_misfire=None if misfire is None else Misfire(misfire.scheduled_time, misfire.reason, misfire.message),
        counts=counts,
        conditions={one.type: _read_condition(one) for one in status.conditions},
        summary=status.schedule_summary or "",
    )


def merge_patch(before: Json, after: Json) -> Json:
    """Return the JSON merge patch (RFC 7386) that turns one object into another; lists are replaced whole."""
    patch: Json = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        old = before.get(name)
        if old == value:
            continue
        patch[name] = merge_patch(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return patch


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


def _active(run: ActiveRun) -> Json:
    written: Json = {
        "name": run.name,
        "scheduledTime": format_instant(run.fire_time),
        "startTime": format_instant(run.started),
        "attempt": run.attempt,
    }
    told = {"executor": run.executor, "holder": run.holder}
    return written | {name: value for name, value in told.items() if value}


def _finished(run: FinishedRun) -> Json:
    written: Json = {
        "name": run.name,
        "scheduledTime": format_instant(run.fire_time),
        "startTime": format_instant(run.started),
        "completionTime": format_instant(run.completed),
        "outcome": run.outcome.value,
        "reason": str(run.reason) or None,
        "message": run.message or None,
        "attempts": run.attempts,
        "result": run.result,
    }
    return {name: value for name, value in written.items() if value is not None}


def _misfire(misfire: Misfire) -> Json:
    return {
        "scheduledTime": format_instant(misfire.fire_time),
        "reason": str(misfire.reason),
        "message": misfire.message,
    }
