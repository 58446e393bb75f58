"""``OrTrigger`` and ``AndTrigger``: triggers made of triggers, as sets of instants."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from typing_extensions import override

from kalends.errors import InvalidTrigger
from kalends.triggers.base import BaseTrigger
from kalends.triggers.microseconds.custom import Chain
from kalends.triggers.microseconds.exact import Delayed, Grid, Never
from kalends.triggers.microseconds.grids import common_grid, union_of_grids
from kalends.triggers.microseconds.listed import Intersection, ListedTrigger, Union
from kalends.triggers.programs.datetimes import SECOND
from kalends.triggers.programs.rule_trigger import RuleTrigger, SecondsPart, checked_jitter, is_rule
from kalends.triggers.programs.timezones import local_timezone, timezone_of
from kalends.triggers.protocol import Trigger
from kalends.triggers.rules.combined import any_of
from kalends.triggers.rules.intersections import all_of
from kalends.triggers.zones.zone import Zone, find_zone


def fire_times_of(trigger: BaseTrigger) -> Trigger:
    """Return the fire times of any trigger, in microseconds, without the jitter of Kalends' own triggers.

    A trigger of another class is asked with the time zone of its attribute ``timezone``, else in the local time zone.
    """
    if isinstance(trigger, RuleTrigger) and is_rule(trigger):
        return trigger.read_fire_times()
    return ListedTrigger(Chain(trigger, asked_timezone(trigger)))


def asked_timezone(trigger: BaseTrigger) -> Any:
    """Return the time zone of the datetimes that a trigger of another class is asked with."""
    return timezone_of(getattr(trigger, "timezone", None)) or local_timezone()


class BaseCombiningTrigger(RuleTrigger):
    """What ``OrTrigger`` and ``AndTrigger`` share. ``triggers`` are the members."""

    __slots__ = ("triggers",)

    ATTRIBUTES = ("triggers", "jitter")

    triggers: Sequence[BaseTrigger]

    def __init__(self, triggers: Iterable[BaseTrigger], jitter: float | None = None) -> None:
        self.triggers = list(triggers)
        for member in self.triggers:
            if not isinstance(member, BaseTrigger):
                raise TypeError(f"triggers must be instances of BaseTrigger, got {type(member).__name__}")
        if not self.triggers:
            raise InvalidTrigger("triggers must have at least one member")
        self.jitter = checked_jitter(jitter)

    @override
    def fire_times(self) -> Trigger:
        """Return the fire times; read again where a member was changed."""
        members: list[object] = [
            member.fire_times() if isinstance(member, RuleTrigger) and is_rule(member) else member
            for member in self.triggers
        ]
        known: tuple[list[object], Trigger] | None = self._known
        if known is None or len(members) != len(known[0]) or not all(map(_is, members, known[0])):
            known = self._known = (members, self.read_fire_times())
        return known[1]

    @property
    def _members(self) -> list[SecondsPart] | None:
        """Return the whole seconds of all members; None if those of a member are not known."""
        parts = [
            member.seconds_part() if isinstance(member, RuleTrigger) and is_rule(member) and not member.jitter else None
            for member in self.triggers
        ]
        known = [part for part in parts if part is not None]
        return known if len(known) == len(parts) else None

    @abstractmethod
    @override
    def seconds_part(self) -> SecondsPart | None: ...

    @property
    @override
    def timezone(self) -> Any:  # type: ignore[override]
        """The time zone of the first member that has a zone: fire times are shown in it."""
        return next(map(asked_timezone, self.triggers))

    @override
    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, "triggers": list(self.triggers)}

    def __repr__(self) -> str:
        jitter = f", jitter={self.jitter}" if self.jitter else ""
        return f"<{type(self).__name__}({list(self.triggers)}{jitter})>"


def _is(one: object, other: object) -> bool:
    return one is other


def _is_whole(member: BaseTrigger) -> bool:
    """Return whether all fire times of a member are whole seconds."""
    part = member.seconds_part() if isinstance(member, RuleTrigger) and is_rule(member) else None
    return part is not None and part.complete


def _zone(parts: Sequence[SecondsPart]) -> Zone:
    """Return the zone whose days a search compares: that of the first member which has one."""
    return next((part.rule.zone for part in parts if hasattr(part.rule, "zone")), find_zone("UTC"))


class OrTrigger(BaseCombiningTrigger):
    """Fires when any of its members does; where several fire at one instant, once. It ends when all have ended.

    Each member keeps its own fire times, whatever the others do: an interval counts from its own ``start_date``. The
    jitter of a member delays its fire times by a duration that is always the same for the same fire time.

    Args:
        triggers: The members.
        jitter: Each run is delayed by up to so many seconds.

    Raises:
        InvalidTrigger: There are no members. It is a ``ValueError``.
        TypeError: A member is no trigger.
    """

    __slots__ = ()

    @override
    def seconds_part(self) -> SecondsPart | None:
        parts = self._members
        if parts is None:
            return None
        rule = any_of([part.bounded() for part in parts], _zone(parts))
        return SecondsPart(rule, complete=all(part.complete for part in parts))

    @override
    def read_fire_times(self) -> Trigger:
        part = self.seconds_part()
        if part is not None and part.complete:
            return part.in_microseconds()
        times = [self._times_of(place) for place in range(len(self.triggers))]
        if part is not None:
            grids = [time for time in times if isinstance(time, Grid)]
            others = [member for member, time in zip(self.triggers, times, strict=True) if not isinstance(time, Grid)]
            counted = union_of_grids(grids, part.in_microseconds(), SECOND)
            if counted is not None and all(map(_is_whole, others)):
                return counted
        return ListedTrigger(Union(times))

    def _times_of(self, place: int) -> Trigger:
        member = self.triggers[place]
        times = fire_times_of(member)
        if not isinstance(member, RuleTrigger) or not is_rule(member) or not member.jitter:
            return times
        return Delayed(times, round(member.jitter * SECOND), f"{place}/{member}")

    def __str__(self) -> str:
        return f"or[{', '.join(map(str, self.triggers))}]"


class AndTrigger(BaseCombiningTrigger):
    """Fires at the instants at which all of its members fire. It ends when any of them has ended.

    Members must agree to the microsecond. The search for the next common instant is bounded: where the members do not
    agree for years, ``get_next_fire_time`` raises ``SearchUnfinished``, and a scheduler searches on later.

    Args:
        triggers: The members. They must have no jitter, as members with jitter never agree.
        jitter: Each run is delayed by up to so many seconds.

    Raises:
        InvalidTrigger: There are no members, or a member has a jitter. It is a ``ValueError``.
        TypeError: A member is no trigger.
    """

    __slots__ = ()

    def __init__(self, triggers: Iterable[BaseTrigger], jitter: float | None = None) -> None:
        super().__init__(triggers, jitter)
        self._refuse_jitter()

    def _refuse_jitter(self) -> None:
        for member in self.triggers:
            if getattr(member, "jitter", None):
                raise InvalidTrigger(
                    f"jitter must be that of the AndTrigger, as members with jitter never agree, got {member!r}"
                )

    @override
    def seconds_part(self) -> SecondsPart | None:
        parts = self._members
        if parts is None:
            return None
        rule = all_of([part.rule for part in parts], _zone(parts))
        start = max((part.start for part in parts if part.start is not None), default=None)
        end = min((part.end for part in parts if part.end is not None), default=None)
        return SecondsPart(rule, start, end, complete=any(part.complete for part in parts))

    @override
    def read_fire_times(self) -> Trigger:
        self._refuse_jitter()
        part = self.seconds_part()
        if part is not None and part.complete:
            return part.in_microseconds()
        members = [fire_times_of(member) for member in self.triggers]
        grids = [member for member in members if isinstance(member, Grid)]
        others = [member for member in members if not isinstance(member, Grid)]
        common = common_grid(grids) if grids else None
        if grids and common is None:
            return Never()
        together = [*others, *([common] if common is not None else [])]
        return together[0] if len(together) == 1 else ListedTrigger(Intersection(together))

    def __str__(self) -> str:
        return f"and[{', '.join(map(str, self.triggers))}]"
