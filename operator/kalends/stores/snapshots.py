"""From an object as the API server (or a file) has it to what the engine decides on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kalends.engine.core.schedule import REQUEST_ANNOTATION, Check, Defaults, Schedule, compile_schedule
from kalends.engine.core.state import Ref, State
from kalends.engine.decisions.restored import is_marked
from kalends.engine.ports import Problem, Snapshot
from kalends.errors import InvalidSpec, InvalidStatus
from kalends.kube.wire.bounded_objects import unread
from kalends.model import ScheduledJob, summary, summary_of_unread
from kalends.model.instants import parse_instant
from kalends.model.reasons import Reason
from kalends.model.size_limits import ACCEPTED
from kalends.stores.memory_kept import Kept
from kalends.stores.status_record import decode
from kalends.triggers import TriggerCache

CURE = (
    "it was edited, or a CRD older than the operator dropped fields of it: put them back, or remove the whole status, "
    "with `kubectl edit --subresource=status`"
)


class SnapshotReader:
    """Reads objects. It never raises for what a user wrote: that becomes the snapshot's problem."""

    def __init__(self, defaults: Defaults, check: Check, cure: str = CURE) -> None:
        self._defaults = defaults
        self._cure = cure
        """What a user does about a status that cannot be read."""
        self._check = check
        self.kept = Kept()
        self._triggers = TriggerCache()

    def read(self, obj: Mapping[str, Any]) -> Snapshot:
        """Return an object as the engine sees it."""
        meta = obj["metadata"]
        ref = Ref(meta.get("namespace") or "default", meta["name"], meta["uid"])
        created = parse_instant(meta["creationTimestamp"])
        schedule, problem = self._schedule(obj, created)
        state, record_problem = self._state(obj, created)
        return Snapshot(
            ref=ref,
            version=meta["resourceVersion"],
            generation=meta.get("generation") or 0,
            created=created,
            schedule=schedule,
            state=state,
            problem=problem,
            record_problem=record_problem,
            operator=_operator(obj),
            restored=is_marked(_mapping(meta.get("labels")), _mapping(meta.get("annotations"))),
        )

    def _schedule(self, obj: Mapping[str, Any], created: int) -> tuple[Schedule | None, Problem | None]:
        summary_so_far = summary_of_unread(obj.get("spec"))
        try:
            _refuse_unread_spec(obj)
            job = ScheduledJob.read(dict(obj))
            summary_so_far = summary(job.spec)
            edited = spec_written(obj["metadata"])
            schedule = compile_schedule(
                job,
                created=created,
                edited=edited,
                defaults=self._defaults,
                check=self._check,
                triggers=self._triggers,
            )
            meta = job.metadata
            schedule = replace(
                schedule,
                requested_later=bool(schedule.request) and request_came_later(obj["metadata"], created),
                restored=is_marked(meta.labels, meta.annotations),
            )
            self.kept.admit(schedule)
        except InvalidSpec as error:
            return None, Problem(error.reason, str(error)[:1024], summary_so_far)
        except Exception as error:  # noqa: BLE001 - whatever a resource holds, it harms only itself
            text = f"cannot be read: {type(error).__name__}: {error}"
            return None, Problem(Reason.INTERNAL_ERROR, text[:1024], summary_so_far)
        return schedule, None

    def _state(self, obj: Mapping[str, Any], created: int) -> tuple[State | None, Problem | None]:
        try:
            _refuse_unread_status(obj)
            return decode(obj.get("status"), created=created), None
        except InvalidStatus as error:
            return None, Problem(Reason.INVALID_STATUS, f"{error}; {self._cure}"[:1024])


def _refuse_unread_spec(obj: Mapping[str, Any]) -> None:
    """Refuse an object whose spec is beyond what is decoded.

    Raises:
        InvalidSpec: It is; the message says what is accepted.
    """
    if (excess := unread(obj).get("spec")) is not None:
        raise InvalidSpec(f"{ACCEPTED}; it {excess}", reason=Reason.TOO_LARGE)


def _refuse_unread_status(obj: Mapping[str, Any]) -> None:
    """Refuse an object whose status is beyond what is decoded.

    Raises:
        InvalidStatus: It is.
    """
    if (excess := unread(obj).get("status")) is not None:
        raise InvalidStatus(f"status {excess}, which no Kalends writes")


def _mapping(value: Any) -> Mapping[str, str]:
    """Return labels or annotations; none where a file has something else in their place."""
    return value if isinstance(value, Mapping) else {}


def _operator(obj: Mapping[str, Any]) -> str:
    """Return which operator decides by the record, also where that cannot be read as a whole."""
    status = obj.get("status")
    operator = status.get("operator") if isinstance(status, Mapping) else None
    return operator if isinstance(operator, str) else ""


def request_came_later(metadata: Mapping[str, Any], created: int) -> bool:
    """Return whether the request for a run was made after the creation, by the API server's own bookkeeping.

    It keeps whole seconds: within the second of the creation, a writer that owns nothing of the spec did not create it.
    """
    for entry in metadata.get("managedFields") or ():
        fields = entry.get("fieldsV1") or {}
        owned = (fields.get("f:metadata") or {}).get("f:annotations") or {}
        if f"f:{REQUEST_ANNOTATION}" not in owned or "time" not in entry:
            continue
        time = parse_instant(entry["time"])
        if time > created or (time == created and "f:spec" not in fields):
            return True
    return False


def spec_written(metadata: Mapping[str, Any]) -> int | None:
    """Return when somebody last wrote the spec, by the API server's own bookkeeping (``managedFields``)."""
    times = [
        entry["time"]
        for entry in metadata.get("managedFields") or ()
        if "time" in entry and not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {})
    ]
    return max((parse_instant(time) for time in times), default=None)
