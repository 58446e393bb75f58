"""The annotation in which a job store keeps what the spec of a ScheduledJob cannot say.

Fire times follow from the spec alone. The annotation has the ID of a job that cannot be the name of an object, the
job's name, its trigger as the program made it, and its first fire time. The trigger counts while the spec has the
schedule that was written with it, the first fire time while the spec has that generation: users edit specs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from kalends.model.values import LONGEST_NAME

JOB_ANNOTATION = "kalends.dev/job"
NOTE_VERSION = 1
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DIGEST_BYTES = 10
_SCHEDULE = ("schedule", "trigger", "timeZone", "startTime", "endTime", "exclude", "daylightSaving")
"""Fields of a spec that decide fire times."""
DEFAULTS = {"daylightSaving": "Adjust"}
"""What the API server writes where a spec lacks one of these fields."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Note:
    """What the annotation says."""

    id: str
    name: str
    generation: int = 0
    first: str | None = None
    """RFC 3339, with the name of a zone in brackets. None: the job is paused."""
    trigger: Mapping[str, Any] | None = None
    schedule: str = ""
    """The digest of the fields that decide fire times."""
    options: Mapping[str, Any] | None = None
    """Options of the job that the spec says in another way."""


def object_name(job_id: str) -> str:
    """Return the name of the ScheduledJob of a job: its ID, or a name made from it."""
    if len(job_id) <= LONGEST_NAME and _OBJECT_NAME.fullmatch(job_id):
        return job_id
    digest = hashlib.blake2b(job_id.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    word = re.sub(r"[^a-z0-9]+", "-", job_id.lower()).strip("-")[: LONGEST_NAME - len(digest) - 1].strip("-")
    return f"{word or 'job'}-{digest}"


def note_text(note: Note) -> str:
    """Return the text of the annotation."""
    members: dict[str, Any] = {
        "version": NOTE_VERSION,
        "id": note.id,
        "name": note.name,
        "generation": note.generation,
        "first": note.first,
        "trigger": note.trigger,
        "schedule": note.schedule,
        "options": note.options or None,
    }
    return orjson.dumps({name: value for name, value in members.items() if value is not None}).decode()


def note_of(obj: Mapping[str, Any]) -> Note:
    """Return the note of an object. An annotation that was not written for it by a job store is ignored."""
    meta = obj["metadata"]
    name: str = meta["name"]
    annotations = meta.get("annotations")
    text = annotations.get(JOB_ANNOTATION) if isinstance(annotations, Mapping) else None
    nothing = Note(name, name)
    if not isinstance(text, str):
        return nothing
    try:
        members = orjson.loads(text)
        if members["version"] != NOTE_VERSION or object_name(members["id"]) != name:
            return nothing
        note = Note(
            id=members["id"],
            name=_of_type(str, members["name"]),
            generation=_of_type(int, members["generation"]),
            first=_of_type_or_none(str, members.get("first")),
            trigger=_of_type_or_none(dict, members.get("trigger")),
            schedule=_of_type(str, members["schedule"]),
            options=_of_type_or_none(dict, members.get("options")),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return nothing
    return note


def _of_type(kind: type[_T], value: Any) -> _T:
    """Return a value of a type.

    Raises:
        TypeError: It has another type.
    """
    if not isinstance(value, kind):
        # Not the value itself: its text may be beyond what Python can make of it.
        raise TypeError(f"must be {kind.__name__}, got {type(value).__name__}")
    return value


def _of_type_or_none(kind: type[_T], value: Any) -> _T | None:
    return None if value is None else _of_type(kind, value)


def schedule_digest(spec: Mapping[str, Any]) -> str:
    """Return a digest of the fields of a spec that decide fire times, whether their defaults are written or not."""
    said = {name: spec[name] for name in _SCHEDULE if spec.get(name) not in (None, [], DEFAULTS.get(name))}
    return hashlib.blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
