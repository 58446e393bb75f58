"""The base class of every trigger of a program, under the name and with the methods that APScheduler 3 gives it."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta


class BaseTrigger(ABC):
    """Names the fire times of a job.

    A trigger written for APScheduler works when its import root is changed. Kalends reads a trigger as a fixed row of
    instants: it may ask for a part of the row again, so a trigger should give equal answers to equal questions.
    """

    __slots__ = ()

    @abstractmethod
    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next fire time, with a time zone; None if there is none.

        Args:
            previous_fire_time: The fire time before; None where the job has not fired. Answers must be later.
            now: The current time, with a time zone. Without a previous fire time the answer is not before it, except
                for a single date, which is answered even if it has passed.
        """

    def _apply_jitter(self, next_fire_time: datetime | None, jitter: float | None, now: datetime) -> datetime | None:
        """Return a fire time moved by a random duration from 0 to ``jitter`` seconds.

        Args:
            next_fire_time: The exact fire time; None is returned as it is.
            jitter: The longest delay in seconds; None or 0 is none.
            now: The current time. It changes nothing, and is accepted as APScheduler passes it.
        """
        del now
        if next_fire_time is None or not jitter:
            return next_fire_time
        delay = timedelta(seconds=random.uniform(0, jitter))  # noqa: S311 - spreads load, protects nothing
        # In UTC: a sum of wall time would leave the second showing of an hour that the clocks repeat.
        return (next_fire_time.astimezone(UTC) + delay).astimezone(next_fire_time.tzinfo)
