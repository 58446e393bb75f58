"""From acts to lives: which manifest of a ScheduledJob held when, and so which fire times had to be decided.

An edit is a version of the object, and the API server's answer to it tells what had been decided at that version.
So there is no doubt about the fire times around an edit: those of the old manifest up to the cursor in the answer had
been decided; those after it never will be (a write against the old version is refused), unless their Job was created
before the edit was seen; those of the new one count from the second of the edit. Only where that second is not known
(the request went over its end) may a fire time fall on either side.

An operator that had no time sees several edits as one. Where it had not recorded any edit between two manifests of the
same fire times (it was suspended and resumed, say), it continues as without an edit, and may run what lies between.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .dossier import Act, Dossier
from .fire_times import fire_times, instant_of

Json = Mapping[str, Any]
SEEN_AFTER = 60
"""Seconds after which an edit has been seen, whatever the weather and however crowded the machine: until then Jobs of
the old manifest may be made."""
WHEN = ("schedule", "trigger", "timeZone", "startTime", "endTime", "exclude", "daylightSaving", "suspend")
"""The fields of a spec that decide fire times: with any other edit the schedule simply continues."""


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
    generation: int = 0
    """The generation of the edit that began it."""
    was_observed: bool = True
    """Whether the operator had recorded that edit before the next."""

    def end(self, act: Act) -> None:
        """Note the edit or the deletion that ended it."""
        self.cursor_at_end, self.ended_by = act.cursor or 0, act.done
        self.was_observed = act.observed >= self.generation


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
    stretches = _stretches(acts)
    for earlier, later in _unnoticed(stretches):
        if not earlier.spec.get("suspend"):
            between = fire_times(
                earlier.spec, created=first.created, after=earlier.armed_from, until=math.floor(later.armed_by)
            )
            doubtful |= {t for t in between if t > (earlier.cursor_at_end or 0)}
    for stretch in stretches:
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
    found = [_Stretch(first.spec, armed, armed, generation=first.generation)]
    for act in acts[1:]:
        if act.what == "delete":
            found[-1].end(act)
        elif act.what == "edit" and not _same_times(act.spec, found[-1].spec):
            found[-1].end(act)
            # What was decided, was decided: a clock that was ahead must not decide it again.
            floor = act.cursor or 0
            begins = max(math.floor(act.at), floor), max(math.floor(act.done), floor)
            found.append(_Stretch(act.spec, *begins, generation=act.generation))
    return found


def _same_times(one: Json, other: Json) -> bool:
    return all((one.get(name) or None) == (other.get(name) or None) for name in WHEN)


def _unnoticed(stretches: Sequence[_Stretch]) -> Iterator[tuple[_Stretch, _Stretch]]:
    """Yield each two stretches of the same fire times between which the operator recorded no edit."""
    for place, earlier in enumerate(stretches):
        for between in range(place + 1, len(stretches) - 1):
            if stretches[between].was_observed:
                break
            if _same_times(earlier.spec, stretches[between + 1].spec):
                yield earlier, stretches[between + 1]


def _cursor(final: Json | None) -> int | None:
    text = ((final or {}).get("status") or {}).get("decidedUntilTime")
    if text is None:
        return None
    return instant_of(text)
