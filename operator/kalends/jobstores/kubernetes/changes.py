"""How a change of a job changes its ScheduledJob: only in what the program has changed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any

from kalends.job import Job
from kalends.jobstores.base import TransientJobError
from kalends.jobstores.kubernetes.notes import DEFAULTS
from kalends.jobstores.kubernetes.objects import annotation_of, spec_of
from kalends.stores.status_record import merge_patch
from kalends.triggers.programs.stored import state_of

_SCHEDULE = ("schedule", "trigger", "timeZone", "startTime", "endTime", "exclude", "daylightSaving", "jitterSeconds")


def changed_object(
    obj: Mapping[str, Any], current: Job | None, read: Job | None, after: Job, now: datetime, ttl: int | None
) -> dict[str, Any]:
    """Return the merge patch that makes the ScheduledJob of a job that of a changed job, under its version.

    Fields of the spec that the program has not changed stay: those that a job lacks, and those that a user has set,
    also since the program read the job.

    Args:
        obj: The ScheduledJob.
        current: The job that it is; None: it cannot be read.
        read: The job that the program read and changed; None: it is ``current``.
        after: The job that it becomes.
        now: The current time.
        ttl: As in ``spec_of``.

    Raises:
        TransientJobError: A ScheduledJob cannot say it.
    """
    old: Mapping[str, Any] = obj["spec"]
    before = current if current is None or read is None else read
    new = _changed_spec(old, before, after, now, ttl)
    noted = after
    if current is not None and before is not None and not _has_other_times(before, after):
        # The schedule is that of the object, and so is what the annotation says about it.
        noted = _with_times_of(current, after)
    meta = obj["metadata"]
    generation = (meta.get("generation") or 0) + (new != old)
    return {
        "metadata": {
            "resourceVersion": meta["resourceVersion"],
            "uid": meta["uid"],
            "annotations": annotation_of(noted, new, generation),
        },
        "spec": merge_patch(dict(old), new),
    }


def _changed_spec(
    old: Mapping[str, Any], before: Job | None, after: Job, now: datetime, ttl: int | None
) -> dict[str, Any]:
    wanted = spec_of(after, now, ttl)
    if before is None:
        return {**wanted, "managedBy": old["managedBy"]}
    try:
        known = spec_of(before, now, ttl)
    except TransientJobError:
        known = {}  # an argument that was stored by a user cannot be written as it was read
    new = dict(old)
    fields = (known.keys() | wanted.keys()) - set(_SCHEDULE)
    if _has_other_times(before, after):
        fields |= set(_SCHEDULE)
        known = {name: value for name, value in known.items() if name not in _SCHEDULE}
        for name in _SCHEDULE:
            # The API server puts a default back, so that without it the generation would be another than predicted.
            if name not in old or old[name] != DEFAULTS.get(name):
                new.pop(name, None)
    for name in fields:
        if known.get(name) == wanted.get(name):
            continue
        if name in wanted:
            new[name] = wanted[name]
        else:
            new.pop(name, None)
    return new


def _with_times_of(current: Job, after: Job) -> Job:
    found = copy(after)
    if after.first_fire_time is None:
        found.trigger = current.trigger  # the program has paused it
    else:
        found.keep_phase_of(current)
    return found


def _has_other_times(before: Job, after: Job) -> bool:
    if state_of(before.trigger) != state_of(after.trigger):
        return True
    # A job that is paused keeps its schedule.
    return after.first_fire_time is not None and before.first_fire_time != after.first_fire_time
