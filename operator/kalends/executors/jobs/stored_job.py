"""Compares the Job that was sent with the Job that the API server stored: admission may change it in between. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kalends.engine.core.schedule import OWNER_LABEL
from kalends.executors.jobs.identity import controller_of

Json = Mapping[str, Any]


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
