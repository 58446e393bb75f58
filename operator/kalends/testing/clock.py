"""A clock that changes only when a test advances or sets it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kalends.triggers.programs.datetimes import SECOND, datetime_of, microseconds_of

DEFAULT_START = datetime(2030, 1, 1, tzinfo=UTC)
"""A Tuesday."""


class ManualClock:
    """A clock for tests. Its instants are microseconds, as those of every scheduler of the library.

    Args:
        start: The initial time, with a time zone. Unset: 2030-01-01T00:00:00Z.

    Raises:
        ValueError: ``start`` has no time zone.
    """

    second = SECOND

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._start = self._now = _instant(start)
        self._passed = 0
        self._watchers: list[Callable[[], None]] = []

    def now(self) -> int:
        """Return microseconds since 1970."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds that have passed since the start. ``set`` does not change them."""
        return self._passed / SECOND

    def moment(self) -> datetime:
        """Return the current time in UTC."""
        return datetime_of(self._now, UTC)

    def advance(self, duration: timedelta | None = None, **units: float) -> None:
        """Advance the clock.

        Args:
            duration: How long. Unset: ``units``, such as ``hours=2``, as ``timedelta`` accepts them.
            units: See ``duration``.

        Raises:
            ValueError: The duration is negative.
        """
        passed = microseconds(duration, units)
        self._now += passed
        self._passed += passed

    def set(self, moment: datetime) -> None:
        """Set the clock, as an administrator would: it may go forward or back, and no time passes.

        A ``ManualScheduler`` runs what is due by then when it next advances, also by 0 seconds.

        Raises:
            ValueError: ``moment`` has no time zone.
        """
        self._now = _instant(moment)
        for watcher in list(self._watchers):
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call a function after each ``set``, until ``unwatch``."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[], None]) -> None:
        """Stop calling a function."""
        self._watchers.remove(watcher)


def _instant(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"the moment must have a time zone, got {moment!r}")
    return microseconds_of(moment)


def microseconds(duration: timedelta | None, units: dict[str, float]) -> int:
    """Return how long a duration is.

    Raises:
        ValueError: It is negative.
        TypeError: ``units`` are given beside a duration, or are not accepted by ``timedelta``.
    """
    if duration is not None and units:
        raise TypeError("the duration must be a timedelta, or units such as hours=2, not both")
    length = timedelta(**units) if duration is None else duration
    if length < timedelta(0):
        raise ValueError(f"the duration must not be negative, got {length}")
    return length // timedelta(microseconds=1)
