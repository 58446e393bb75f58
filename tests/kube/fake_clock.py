"""A clock that follows the event loop's time, which is free under looptime, and can be made to jump."""

import asyncio

EPOCH = 1_800_000_000.0


class LoopClock:
    """Both readings start with the loop; ``pause`` is a process that was stopped, ``step`` a wall clock put right."""

    second = 1

    def __init__(self) -> None:
        self._paused = 0.0
        self._stepped = 0.0

    def now(self) -> float:
        return EPOCH + self._elapsed() + self._stepped

    def monotonic(self) -> float:
        return self._elapsed()

    def pause(self, seconds: float) -> None:
        self._paused += seconds

    def step(self, seconds: float) -> None:
        self._stepped += seconds

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() + self._paused
