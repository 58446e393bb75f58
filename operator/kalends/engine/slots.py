"""Who may have a worker of a pool, and who waits for one: claims are promised a worker before they are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from kalends.engine.ports import Executor


class Slots:
    """The workers of every pool: free, promised to a claim, or waited for in order."""

    def __init__(self, executors: Mapping[str, Executor]) -> None:
        self._executors = executors
        self._promised: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self._waiting: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def free(self, executor: str, key: str) -> int:
        """Return how many workers ``key`` may still claim: those promised to others are gone."""
        port = self._executors.get(executor)
        if port is None:
            return 0
        return port.free_slots() - sum(1 for owner, _ in self._promised[executor] if owner != key)

    def promise(self, executor: str, key: str, runs: Iterable[str]) -> None:
        """Keep a worker for each run until it starts."""
        self._promised[executor].update((key, run) for run in runs)

    def any_promised(self) -> bool:
        """Return whether some claim has a worker kept for it, and has not started."""
        return any(self._promised.values())

    def kept(self, executor: str, key: str, run: str) -> None:
        """Take note that a run has started: now the pool itself counts it."""
        self._promised[executor].discard((key, run))

    def release(self, key: str) -> Sequence[str]:
        """Drop all promises to ``key``, and return the pools in which that makes workers free.

        What it claimed has started, or was not written.
        """
        freed = [alias for alias, promised in self._promised.items() if any(one[0] == key for one in promised)]
        for alias in freed:
            self._promised[alias] = {one for one in self._promised[alias] if one[0] != key}
        return freed

    def wait(self, executor: str, key: str) -> None:
        """Put ``key`` at the end of those that wait for ``executor``, and out of every other line."""
        for alias, line in self._waiting.items():
            if alias != executor:
                line.pop(key, None)
        self._waiting[executor].setdefault(key)

    def give_up(self, key: str) -> None:
        """Take ``key`` out of every line."""
        for line in self._waiting.values():
            line.pop(key, None)

    def next_in_line(self, executor: str) -> list[str]:
        """Take out, and return, as many of those that wait as there are workers for."""
        waiting = self._waiting[executor]
        if not waiting:
            return []
        count = max(0, self.free(executor, ""))
        keys = list(waiting)[:count]
        for key in keys:
            del waiting[key]
        return keys
