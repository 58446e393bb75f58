"""From acts to lives: which manifest of a ScheduledJob held when, and so which fire times had to be decided.

An edit is a version of the object, and the API server's answer to it tells what had been decided at that version.
So there is no doubt about the fire times around an edit: those of the old manifest up to the cursor in the answer had
been decided; those after it never will be (a write against the old version is refused), unless their Job was created
before the edit was seen; those of the new one count from the second of the edit. Only where that second is not known
(the request went over its end) may a fire time fall on either side.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .dossier import Act, Dossier
from .fire_times import fire_times, instant_of

Json = Mapping[str, Any]
SEEN_AFTER = 60
"""Seconds after which an edit has been seen, whatever the weather and however crowded the machine: until then Jobs of
the old manifest may be made."""
WHEN = ("schedule", "trigger", "timeZone", "startTime", "endTime", "exclude", "daylightSaving", "suspend")
"""The fields of a spec that decide fire times: with any other edit the schedule simply goes on."""


@dataclass(frozen=True, slots=True)
class Life:
    """One ScheduledJob, from its creation to its deletion or the end."""

    uid: str
    namespace: str
    name: str
    acts: Sequence[Act]
    final: Json | None
    """The object at the end; None once it was deleted."""
    due: frozenset[int]
    """Fire times that must have been decided, once each."""
    doubtful: frozenset[int]
    """Fire times at the second of an edit, that may be of the old manifest, of the new one, or of neither."""
    overtaken: frozenset[int]
    """Fire times of an old manifest that an edit overtook: decided only where their Job had been created already."""
    undecided: tuple[int, ...]
    """Fire times that were due at the end and that the cursor has not reached."""

    @property
    def where(self) -> str:
        """How reports name it."""
        return f"{self.namespace}/{self.name} ({self.uid[:8]})"

    @property
    def status(self) -> Json:
        """Its status at the end."""
        found: Json = {} if self.final is None else self.final.get("status") or {}
        return found

    @property
    def counts(self) -> Mapping[str, int]:
        """Its counts at the end; what is not there is 0."""
        return defaultdict(int, self.status.get("counts") or {})

    @property
    def specs(self) -> list[Json]:
        """Every spec that it ever had."""
        return [act.spec for act in self.acts if act.what in {"apply", "edit"}]

    def ever(self, field: str, default: Any = None) -> set[Any]:
        """Return the values that a field of its specs ever had."""
        return {spec.get(field, default) for spec in self.specs}


@dataclass(slots=True)
class _Stretch:
    """A time in which what decides fire times did not change."""

    spec: Json
    armed_from: int
    armed_by: int
    """Fire times count from an instant between these two (the second of the edit)."""
    cursor_at_end: int | None = None
    """What had been decided when it ended, 0 for nothing; None while it has not ended."""
    ended_by: float = math.inf


def lives_in(dossier: Dossier) -> list[Life]:
    """Return the life of every ScheduledJob, in the order of creation."""
    by_uid: defaultdict[str, list[Act]] = defaultdict(list)
    for act in sorted(dossier.acts, key=lambda one: one.at):
        by_uid[act.uid].append(act)
    final = {one["metadata"]["uid"]: one for one in dossier.final}
    return [_life(acts, final.get(uid), dossier) for uid, acts in by_uid.items()]


def _life(acts: Sequence[Act], final: Json | None, dossier: Dossier) -> Life:
    first = acts[0]
    due: set[int] = set()
    doubtful: set[int] = set()
    overtaken: set[int] = set()
    undecided: tuple[int, ...] = ()
    cursor = _cursor(final)
    for stretch in _stretches(acts):
        if stretch.spec.get("suspend"):
            continue
        ended, now = stretch.cursor_at_end is not None, dossier.at + dossier.clock_offset
        decided_until = (stretch.cursor_at_end if ended else cursor) or 0
        horizon = max(decided_until, math.floor(min(now, stretch.ended_by + SEEN_AFTER)))
        named = set(fire_times(stretch.spec, created=first.created, after=stretch.armed_from, until=horizon))
        at_the_edit = {t for t in named if t <= stretch.armed_by}
        reached = {t for t in named if t <= decided_until} - at_the_edit
        due |= reached
        doubtful |= at_the_edit
        if ended:
            overtaken |= named - reached
        elif final is not None:
            undecided = tuple(sorted(named - reached))
    doubtful -= due
    return Life(
        first.uid,
        first.namespace,
        first.name,
        acts,
        final,
        due=frozenset(due),
        doubtful=frozenset(doubtful),
        overtaken=frozenset(overtaken - due - doubtful),
        undecided=undecided,
    )


def _stretches(acts: Sequence[Act]) -> list[_Stretch]:
    first = acts[0]
    once = "schedule" not in first.spec and "trigger" not in first.spec
    armed = first.created - 1 if once else first.created
    found = [_Stretch(first.spec, armed, armed)]
    for act in acts[1:]:
        if act.what == "delete":
            found[-1].cursor_at_end, found[-1].ended_by = act.cursor or 0, act.done
        elif act.what == "edit" and any(act.spec.get(name) != found[-1].spec.get(name) for name in WHEN):
            found[-1].cursor_at_end, found[-1].ended_by = act.cursor or 0, act.done
            # What was decided, was decided: a clock that was ahead must not decide it again.
            floor = act.cursor or 0
            found.append(_Stretch(act.spec, max(math.floor(act.at), floor), max(math.floor(act.done), floor)))
    return found


def _cursor(final: Json | None) -> int | None:
    text = ((final or {}).get("status") or {}).get("decidedUntilTime")
    if text is None:
        return None
    return instant_of(text)
