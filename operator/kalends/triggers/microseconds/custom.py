"""Triggers of which only ``get_next_fire_time`` is known: those that a program defines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property

from kalends.errors import InvalidTrigger
from kalends.triggers.base import BaseTrigger
from kalends.triggers.programs.datetimes import LAST_MICROSECOND, datetime_of, microseconds_of
from kalends.triggers.protocol import Instant

_COMPARED = 16
"""Fire times by which it is decided whether a trigger needs the previous fire time."""


@dataclass(frozen=True)
class Chain:
    """The fire times of ``trigger``, each found from the previous fire time.

    Args:
        trigger: Asked with its previous fire time as the current time, so that its answers do not depend on when it is
            asked.
        info: The zone of the datetimes that it is asked with.
        first: The first fire time, if that is not for the trigger to say.
    """

    trigger: BaseTrigger
    info: tzinfo
    first: Instant | None = None

    @cached_property
    def is_fixed(self) -> bool:
        """Whether the trigger finds its fire times without the previous fire time, as far as its first ones show.

        Then a list may begin anywhere, and a job that was added years ago needs no list of years.
        """
        if self.first is None:
            return False
        at = self.first
        try:
            for _ in range(_COMPARED):
                following = self._after(at)
                if following != self._first_after(at):
                    return False
                if following is None:
                    break
                at = following
        except Exception:  # noqa: BLE001 - the same question, asked where its answer is needed, is an error of the job
            return False
        return True

    def step(self, previous: Instant | None, after: Instant) -> Instant | None:
        """Return the fire time that follows ``previous``, or the first fire time later than ``after``.

        Raises:
            InvalidTrigger: The trigger answered with something else than a later datetime that has a time zone.
        """
        if previous is not None:
            return self._after(previous)
        if self.first is not None and (after < self.first or not self.is_fixed):
            return self.first
        return self._first_after(after)

    def _after(self, previous: Instant) -> Instant | None:
        moment = datetime_of(previous, self.info)
        return self._checked(self.trigger.get_next_fire_time(moment, moment), previous)

    def _first_after(self, after: Instant) -> Instant | None:
        if after >= LAST_MICROSECOND:
            return None
        return self._checked(self.trigger.get_next_fire_time(None, datetime_of(after + 1, self.info)), None)

    def _checked(self, answer: object, previous: Instant | None) -> Instant | None:
        if answer is None:
            return None
        name = type(self.trigger).__qualname__
        if not isinstance(answer, datetime) or answer.tzinfo is None:
            raise InvalidTrigger(f"{name} must return a datetime with a time zone, or None, got {answer!r}")
        instant = microseconds_of(answer)
        if previous is not None and instant <= previous:
            raise InvalidTrigger(
                f"{name} must return a fire time later than the previous fire time "
                f"{datetime_of(previous, self.info)}, got {answer}"
            )
        return instant if instant <= LAST_MICROSECOND else None
