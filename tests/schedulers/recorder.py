"""What jobs and listeners write down, and how a test waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 120.0
"""Seconds after which a test that waits has failed."""


class Recorder:
    """Keeps what it is called with. Any thread may call it."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.threads: list[int] = []
        self._changed = threading.Condition()

    def __call__(self, item: Any = None) -> None:
        with self._changed:
            self.items.append(item)
            self.threads.append(threading.get_native_id())
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self.items)

    def wait_for(self, number: int) -> list[Any]:
        """Wait until it has so many items, and return them."""
        self.wait_until(lambda: len(self.items) >= number)
        return list(self.items)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on its items holds."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), f"only {self.items!r}"

    def codes(self) -> list[int]:
        """Return the codes of the events that it has."""
        return [event.code for event in list(self.items)]
