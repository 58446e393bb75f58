"""What the triggers of Kalends share: each is read as a rule that names instants, and asked for fire times."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, ClassVar

from typing_extensions import override

from kalends.errors import InvalidTrigger, SearchUnfinished
from kalends.triggers.base import BaseTrigger
from kalends.triggers.programs.datetimes import SECOND, datetime_of, microseconds_of, to_datetime
from kalends.triggers.programs.scaled import Scaled
from kalends.triggers.programs.timezones import local_timezone, timezone_of
from kalends.triggers.protocol import Instant, NotFound, Rule, Trigger
from kalends.triggers.rules.bounds import BoundedRule
from kalends.triggers.rules.remembered import remembered

_MOST_LOOKS = 20
"""How often a search is continued before ``get_next_fire_time`` gives up: a second or so."""
_STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class SecondsPart:
    """The fire times of a trigger that are whole seconds.

    Args:
        rule: Names them, in seconds, apart from the bounds.
        start: They begin here (inclusive); None: no bound.
        end: They end here (inclusive); None: no bound.
        complete: Whether the trigger has no other fire times.
    """

    rule: Rule
    start: Instant | None = None
    end: Instant | None = None
    complete: bool = True

    def bounded(self) -> Rule:
        """Return the rule within its bounds."""
        if self.start is None and self.end is None:
            return self.rule
        return BoundedRule(self.rule, self.start, self.end)

    def in_microseconds(self) -> Trigger:
        """Return the trigger of these fire times; it repeats no search."""
        return Scaled(remembered(self.bounded()), SECOND)


class RuleTrigger(BaseTrigger):
    """A trigger whose fire times follow from its attributes alone.

    Attributes may be changed until the trigger is given to a scheduler, which keeps what it has read.
    """

    __slots__ = ("_known", "jitter", "timezone")

    ATTRIBUTES: ClassVar[tuple[str, ...]] = ()
    """The attributes that pickles and copies consist of."""
    ADDED: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Attributes that pickles of earlier versions lack, and their values."""

    timezone: tzinfo
    jitter: float | None
    _known: Any
    """The fire times as they were read last; None after a change of an attribute."""

    @abstractmethod
    def seconds_part(self) -> SecondsPart | None:
        """Return the fire times that are whole seconds; None if they cannot be known without listing all."""

    @abstractmethod
    def read_fire_times(self) -> Trigger:
        """Return the fire times, in microseconds, as the attributes say now."""

    def fire_times(self) -> Trigger:
        """Return the fire times, in microseconds, without jitter. It is read once for all questions."""
        known: Trigger | None = self._known
        if known is None:
            known = self._known = self.read_fire_times()
        return known

    def fire_times_after(self, previous: Instant) -> Trigger:
        """Return a trigger whose fire times later than ``previous``, which was a fire time, are those that follow."""
        return self.fire_times_from(previous)

    def fire_times_from(self, first: Instant) -> Trigger:
        """Return a trigger whose fire times later than ``first`` are those that follow a first fire time of choice."""
        del first
        return self.fire_times()

    @override
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next fire time, delayed by a random jitter if there is one; None if there is none.

        Args:
            previous_fire_time: The answer is later than it, whatever ``now`` is; None where the job has not fired.
            now: Without a previous fire time, the answer is not before ``now``.

        Raises:
            SearchUnfinished: A combination has no fire time for years, and a further search would take long.
        """
        if previous_fire_time is None:
            found = searched(self.fire_times(), microseconds_of(now) - 1)
        else:
            previous = microseconds_of(previous_fire_time)
            found = searched(self.fire_times_after(previous), previous)
        if found is None:
            return None
        fire_time = datetime_of(found, self.timezone)
        moved = self._apply_jitter(fire_time, self.jitter, now)
        end = self._last_moment() if self.jitter else None
        return moved if moved is None or end is None or moved <= end else end.astimezone(self.timezone)

    def _last_moment(self) -> datetime | None:
        """Return the moment beyond which jitter delays no fire time."""
        return None

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name != "_known":
            object.__setattr__(self, "_known", None)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle or a copy consists of."""
        return {
            "version": _STATE_VERSION,
            **{name: getattr(self, name) for name in self.ATTRIBUTES},
            **getattr(self, "__dict__", {}),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what ``__getstate__`` returned.

        Raises:
            ValueError: It was written by a later version of Kalends.
        """
        if state.get("version", _STATE_VERSION) > _STATE_VERSION:
            raise ValueError(
                f"{type(self).__name__} must have a state of version {_STATE_VERSION} at most, got {state['version']}"
            )
        for name, value in {**self.ADDED, **state}.items():
            if name != "version":
                setattr(self, name, value)


def searched(trigger: Trigger, instant: Instant) -> Instant | None:
    """Return the first fire time later than ``instant``, in microseconds.

    Raises:
        SearchUnfinished: It was not found within the budget.
    """
    for _ in range(_MOST_LOOKS):
        found = trigger.next_after(instant)
        if not isinstance(found, NotFound):
            return found
        instant = found.until
    raise SearchUnfinished(instant // SECOND)


def is_rule(trigger: BaseTrigger) -> bool:
    """Return whether a trigger is one of Kalends' own, and not a subclass that answers in another way."""
    if not isinstance(trigger, RuleTrigger):
        return False
    own = next(kind for kind in type(trigger).__mro__ if kind.__module__.startswith("kalends.triggers."))
    overridden = ("get_next_fire_time", "_apply_jitter", "fire_times", "read_fire_times", "fire_times_from")
    return all(getattr(type(trigger), name) is getattr(own, name) for name in overridden)


def chosen_timezone(given: object, *moments: object) -> tzinfo:
    """Return the time zone of a trigger: the given zone, else that of the first moment that has a zone, else local."""
    found = timezone_of(given)
    if found is None:
        aware = (moment.tzinfo for moment in moments if isinstance(moment, datetime) and moment.tzinfo is not None)
        found = timezone_of(next(aware, None))
    return local_timezone() if found is None else found


def bounds_of(start: object, end: object, info: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Return ``start_date`` and ``end_date`` as moments.

    Raises:
        InvalidTrigger: One of them cannot be read.
    """
    return to_datetime(start, info, "start_date"), to_datetime(end, info, "end_date")


def checked_jitter(jitter: float | None) -> float | None:
    """Return ``jitter`` in seconds.

    Raises:
        InvalidTrigger: It is negative, or endless.
    """
    if jitter is not None and not 0 <= jitter < float("inf"):
        raise InvalidTrigger(f"jitter must be a number of seconds from 0 on, or None, got {jitter!r}")
    return jitter
