"""The engine's queue of next instants: one per resource, the earliest first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator


class Agenda:
    """A heap with one live entry per key. Entries that were replaced are passed over when they surface."""

    def __init__(self, step: float = 1.0) -> None:
        """Return an empty agenda. A clock that goes back by more than ``step`` counts as put back."""
        self._step = step
        self._heap: list[tuple[float, str]] = []
        self._at: dict[str, float] = {}
        self._asked_at = -math.inf

    def __len__(self) -> int:
        return len(self._at)

    @property
    def entries_kept(self) -> int:
        """How many entries are kept in memory, replaced ones included."""
        return len(self._heap)

    def put(self, key: str, instant: float) -> None:
        """Wake ``key`` at ``instant``, and at no other."""
        if self._at.get(key) == instant:
            return
        self._at[key] = instant
        heapq.heappush(self._heap, (instant, key))
        if len(self._heap) > 64 + 2 * len(self._at):
            self._heap = [(at, key) for key, at in self._at.items()]
            heapq.heapify(self._heap)

    def discard(self, key: str) -> None:
        """Do not wake ``key``."""
        self._at.pop(key, None)

    def next_instant(self) -> float | None:
        """Return the earliest instant, or None where nothing is to come."""
        while self._heap:
            at, key = self._heap[0]
            if self._at.get(key) == at:
                return at
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> Iterator[str]:
        """Take out, in order, every key whose instant has come; all of them where the clock was put back.

        An instant may stand for a while to wait, and was reckoned by the clock as it was: what is to come is worked
        out anew.
        """
        due_until = math.inf if now < self._asked_at - self._step else now
        self._asked_at = now
        while (at := self.next_instant()) is not None and at <= due_until:
            _, key = heapq.heappop(self._heap)
            del self._at[key]
            yield key
