"""ScheduledJobs as the API server has them: the one module that reads their ``metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalends.conversion.v1alpha1 import is_restored, to_definition
from kalends.engine.core.definition import Definition, Problem, Stored
from kalends.engine.core.schedule import REQUEST_ANNOTATION
from kalends.engine.core.state import Instant, Ref, State
from kalends.errors import InvalidSpec, InvalidStatus
from kalends.kube.wire.bounded_objects import unread
from kalends.model import ScheduledJob
from kalends.model.instants import parse_instant
from kalends.model.reasons import Reason
from kalends.model.size_limits import ACCEPTED
from kalends.model.values import OPERATOR
from kalends.stores.reading import read_definition, read_record, recorded_operator, unreadable_record

CURE = (
    "it was edited, or a CRD older than the operator dropped fields of it: put them back, or remove the whole status, "
    "with `kubectl edit --subresource=status`"
)


def read_object(obj: Mapping[str, Any]) -> Stored:
    """Return an object as the engine knows it. What a user wrote never raises, but becomes a problem."""
    meta = obj["metadata"]
    created = parse_instant(meta["creationTimestamp"])
    definition, problem = read_definition(obj.get("spec"), lambda: _definition(obj))
    record, record_problem = _record(obj, created)
    edited, requested_later = _bookkeeping(meta, created)
    labels, annotations = _mapping(meta.get("labels")), _mapping(meta.get("annotations"))
    return Stored(
        ref=Ref(meta.get("namespace") or "default", meta["name"], meta["uid"]),
        version=meta["resourceVersion"],
        generation=meta.get("generation") or 0,
        created=created,
        definition=definition,
        problem=problem,
        record=record,
        record_problem=record_problem,
        operator=recorded_operator(obj.get("status")),
        edited=edited,
        restored=is_restored(labels, annotations),
        request=_text(annotations.get(REQUEST_ANNOTATION)),
        requested_later=requested_later,
    )


def manager_of(obj: Mapping[str, Any]) -> str:
    """Return who carries an object out: ``OPERATOR``, or what ``spec.managedBy`` names."""
    spec = obj.get("spec")
    return (_text(spec.get("managedBy")) if isinstance(spec, Mapping) else "") or OPERATOR


def _definition(obj: Mapping[str, Any]) -> Definition:
    """Return what an object asks for.

    Raises:
        InvalidSpec: Its spec cannot be carried out, or is beyond what is decoded; the message says what is accepted.
    """
    if (excess := unread(obj).get("spec")) is not None:
        raise InvalidSpec(f"{ACCEPTED}; it {excess}", reason=Reason.TOO_LARGE)
    job = ScheduledJob.read(dict(obj))
    return to_definition(job.spec, labels=job.metadata.labels, annotations=job.metadata.annotations)


def _record(obj: Mapping[str, Any], created: Instant) -> tuple[State | None, Problem | None]:
    if (excess := unread(obj).get("status")) is not None:
        return None, unreadable_record(InvalidStatus(f"status {excess}, which no Kalends writes"), CURE)
    return read_record(obj.get("status"), created, CURE)


def _mapping(value: Any) -> Mapping[str, str]:
    """Return labels or annotations; none where something else is in their place."""
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _bookkeeping(metadata: Mapping[str, Any], created: Instant) -> tuple[Instant | None, bool]:
    """Return what ``managedFields`` tells: when the spec was written, and whether the request came later."""
    try:
        return spec_written(metadata), request_came_later(metadata, created)
    except (AttributeError, TypeError, ValueError):  # no API server writes that, so it tells nothing
        return None, False


def request_came_later(metadata: Mapping[str, Any], created: Instant) -> bool:
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


def spec_written(metadata: Mapping[str, Any]) -> Instant | None:
    """Return when the spec was last written, by the API server's own bookkeeping (``managedFields``)."""
    times = [
        entry["time"]
        for entry in metadata.get("managedFields") or ()
        if "time" in entry and not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {})
    ]
    return max((parse_instant(time) for time in times), default=None)
