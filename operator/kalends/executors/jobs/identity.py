"""Whose a Job or a pod is, and which run it is: its controller and its name say so, and neither is a label.

A name cannot be edited. An annotation can: it is read only where a name has no room, and only if the name confirms it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import OWNER_LABEL, REQUEST_ANNOTATION
from kalends.engine.core.state import Instant, Ref
from kalends.executors.jobs.job_manifest import ATTEMPT, SCHEDULED_TIME
from kalends.kube.client.paths import JOBS, SCHEDULED_JOBS
from kalends.model.instants import LAST_INSTANT, parse_instant
from kalends.model.values import KIND, LONGEST_TOKEN

Json = Mapping[str, Any]

MOST_ATTEMPTS = 1000
_SUFFIX = re.compile(
    r"(?P<first>[0-9]{1,12})|(?P<time>[0-9a-z]{7,8})-(?P<attempt>[0-9a-z]{1,2})|(?P<requested>m-[a-z2-7]{8})"
)
"""What follows a resource's name and a hyphen: the other side of ``kalends.engine.core.run_names``."""


class JobKey(NamedTuple):
    """Names one Job: UIDs alone would let a pod of another namespace name it as its controller."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Identity:
    """The run that a Job belongs to."""

    fire_time: Instant
    attempt: int = 1
    request: str = ""


def controller_of(obj: Json) -> Json | None:
    """Return the owner reference that is marked as the controller."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Json = owner
            return found
    return None


def resource_of(job: Json) -> Ref | None:
    """Return the ScheduledJob that controls a Job. It is in the Job's namespace, as owners always are."""
    owner = controller_of(job)
    if owner is None or not _is(owner, SCHEDULED_JOBS.group, KIND):
        return None
    return Ref(job["metadata"].get("namespace", ""), owner["name"], owner["uid"])


def label_of_orphan(job: Json) -> str:
    """Return the ScheduledJob that the label of a Job without any controller names, or an empty string.

    The label is no proof, as every user who may create Jobs can write it. It counts only where the Job has the name of
    a run that is not recorded: to create that Job with its owner reference takes the same permission.
    """
    if controller_of(job) is not None:
        return ""
    return (job["metadata"].get("labels") or {}).get(OWNER_LABEL) or ""


def lost_its_controller(job: Json, ref: Ref) -> bool:
    """Return whether a Job of the resource's namespace looks like its own, without its owner references."""
    return label_of_orphan(job) == ref.name


def job_of(pod: Json) -> JobKey | None:
    """Return the Job that controls a pod, in the pod's namespace."""
    owner = controller_of(pod)
    if owner is None or not _is(owner, JOBS.group, "Job"):
        return None
    return JobKey(pod["metadata"].get("namespace", ""), owner["name"], owner["uid"])


def _is(owner: Json, group: str, kind: str) -> bool:
    return (owner.get("apiVersion", "").partition("/")[0], owner.get("kind")) == (group, kind)


def identity_of(meta: Json, owner: str, created: Instant) -> Identity | None:
    """Return which run a Job of the resource ``owner`` is, or None if its name is not that of a run."""
    name: str = meta["name"]
    suffix = _SUFFIX.fullmatch(name.removeprefix(f"{owner}-")) if name.startswith(f"{owner}-") else None
    if suffix is None:
        return None
    if suffix["requested"]:
        return _requested(meta, owner, created)
    if suffix["first"]:
        found = Identity(int(suffix["first"]))
    else:
        found = Identity(int(suffix["time"], 36), int(suffix["attempt"], 36))
    possible = found.fire_time <= LAST_INSTANT and 1 <= found.attempt <= MOST_ATTEMPTS
    # Of all spellings of a number one is a run's name: `-007` is no run of the second 7.
    return found if possible and run_name(owner, found.fire_time, found.attempt) == name else None


def _requested(meta: Json, owner: str, created: Instant) -> Identity:
    """Return which requested run a Job is: its name is a digest of token and attempt, which its annotations hold."""
    annotations = meta.get("annotations") or {}
    asked = _instant(annotations.get(SCHEDULED_TIME))
    attempt, token = _attempt(annotations.get(ATTEMPT)), annotations.get(REQUEST_ANNOTATION) or ""
    fire_time = created if asked is None else asked
    if 0 < len(token) <= LONGEST_TOKEN and run_name(owner, fire_time, attempt, token) == meta["name"]:
        return Identity(fire_time, attempt, token)
    # The annotations were edited or removed. It is still no run of the schedule.
    return Identity(created, request=meta["name"].removeprefix(f"{owner}-"))


def _attempt(text: str | None) -> int:
    return max(1, int(text)) if text and text.isascii() and text.isdecimal() and len(text) <= len("1000") else 1


def _instant(text: str | None) -> Instant | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        return None


def changed_by_admission(sent: Json, stored: Json) -> str:
    """Return what of a Job's identity is not as it was sent, or an empty string.

    Without its name, its controller and its label a Job cannot be followed: its end would not be seen.
    """
    was, now = sent["metadata"], stored["metadata"]
    if was["name"] != now["name"]:
        return f"`metadata.name` from '{was['name']}' to '{now['name']}'"
    owner = controller_of(stored) or {}
    wanted = controller_of(sent) or {}
    if any(owner.get(field) != wanted.get(field) for field in ("apiVersion", "kind", "name", "uid")):
        return "`metadata.ownerReferences`"
    label = (now.get("labels") or {}).get(OWNER_LABEL)
    if label != was["labels"][OWNER_LABEL]:
        return f"the label `{OWNER_LABEL}` from '{was['labels'][OWNER_LABEL]}' to '{label or ''}'"
    return ""
