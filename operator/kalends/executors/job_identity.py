"""Which run a Job is. Its name says it, and cannot be edited; annotations say only what a name has no room for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kalends.engine.schedule import REQUEST_ANNOTATION
from kalends.engine.state import Instant
from kalends.executors.job_body import ATTEMPT, SCHEDULED_TIME
from kalends.model.instants import LAST_INSTANT, parse_instant

_SUFFIX = re.compile(
    r"(?P<first>[0-9]{1,10})|(?P<time>[0-9a-z]{7})-(?P<attempt>[0-9a-z]{1,2})|(?P<by_hand>m-[a-z2-7]{8})"
)
"""What follows a resource's name and a hyphen: the other side of ``kalends.engine.naming``."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The run that a Job belongs to."""

    fire_time: Instant
    attempt: int = 1
    request: str = ""


def identity_of(meta: Mapping[str, Any], owner: str, created: Instant) -> Identity | None:
    """Return which run a Job of the resource ``owner`` is, or None if it is none of our making."""
    annotations = meta.get("annotations") or {}
    told = _instant(annotations.get(SCHEDULED_TIME))
    name: str = meta["name"]
    suffix = _SUFFIX.fullmatch(name.removeprefix(f"{owner}-")) if name.startswith(f"{owner}-") else None
    if suffix is None:
        return None if told is None else Identity(told, _attempt(annotations.get(ATTEMPT)))
    if suffix["first"]:
        return Identity(int(suffix["first"]))
    if suffix["time"]:
        return Identity(min(int(suffix["time"], 36), LAST_INSTANT), max(1, int(suffix["attempt"], 36)))
    # Without its token it is still no run of the schedule.
    request = annotations.get(REQUEST_ANNOTATION) or suffix["by_hand"]
    return Identity(created if told is None else told, _attempt(annotations.get(ATTEMPT)), request)


def _attempt(text: str | None) -> int:
    return max(1, int(text)) if text and text.isascii() and text.isdecimal() and len(text) <= len("1000") else 1


def _instant(text: str | None) -> Instant | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        return None
