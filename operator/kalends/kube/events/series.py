"""What an Event and its repeats look like to the API server (``events.k8s.io/v1``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kalends.kube.client.paths import EVENTS
from kalends.kube.wire.transport import JsonObject
from kalends.model.instants import micro_time

CONTROLLER = "kalends.dev/operator"
LONGEST_NOTE = 1024  # bytes; the API server refuses more


class EventType(StrEnum):
    """The API's two types of Events."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that an Event is about; a cluster-scoped one has the namespace ``""``."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    def reference(self) -> JsonObject:
        """Return it as an ``ObjectReference``."""
        namespace = {"namespace": self.namespace} if self.namespace else {}
        return {"apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid, **namespace}


@dataclass(slots=True)
class Series:
    """An Event and its repeats. ``posted`` is how many of ``count`` the API server knows; 0 while it is queued."""

    regarding: Regarding
    kind: EventType
    reason: str
    action: str
    note: str
    first: float
    last: float
    heard: float
    count: int = 1
    posted: int = 0
    posted_at: float = 0.0
    path: str = ""
    due: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Return what repeats have in common."""
        return self.regarding.uid, self.reason

    @property
    def namespace(self) -> str:
        """Return where the Event lives: with its object, or in ``default``."""
        return self.regarding.namespace or "default"

    def new_event(self, name: str, instance: str) -> JsonObject:
        """Return the Event as it is created."""
        return {
            "apiVersion": EVENTS.api_version,
            "kind": "Event",
            "metadata": {"name": name, "namespace": self.namespace},
            "eventTime": micro_time(self.first),
            "reportingController": CONTROLLER,
            "reportingInstance": instance,
            "action": self.action,
            "reason": self.reason,
            "regarding": self.regarding.reference(),
            "note": self.note,
            "type": self.kind,
            **(self.repeats() if self.count > 1 else {}),
        }

    def repeats(self) -> JsonObject:
        """Return the part of the Event that says how often it was repeated: all that may ever be changed in it."""
        return {"series": {"count": self.count, "lastObservedTime": micro_time(self.last)}}


def shortened(note: str) -> str:
    """Return a note that the API server accepts: not too long, and with nothing in it that is not Unicode."""
    encoded = note.encode(errors="replace")
    if len(encoded) > LONGEST_NOTE:
        encoded = encoded[: LONGEST_NOTE - len("…".encode())]
        return encoded.decode(errors="ignore") + "…"
    return encoded.decode()
