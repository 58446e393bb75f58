"""What the engine has to know of a target. A further kind is a subclass, and an executor that runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self


class Target(ABC):
    """What each run of a schedule runs. Targets are values: equal definitions give equal targets."""

    __slots__ = ()

    executor: ClassVar[str] = ""
    """The alias of the executor that runs every target of this kind. Empty: the pool that the schedule names."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many bytes of what a user wrote are kept in memory."""

    @property
    def starts_suspended(self) -> bool:
        """Whether what a run creates is suspended because its definition suspends it."""
        return False

    def in_zone(self, time_zone: str) -> Self:
        """Return this target for runs whose scheduled time is written in a zone, if it is written at all."""
        del time_zone
        return self
