"""Notices of changes of a shared store, which end for certain: also if they are ended before the store gives them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kalends.jobstores.base import RecordingJobStore


class ChangeNotices:
    """Calls a function after each notice of a store, from ``begin`` to ``end``. Both wait for the store."""

    def __init__(self, store: RecordingJobStore, changed: Callable[[], None]) -> None:
        self._store = store
        self._changed = changed
        self._lock = threading.Lock()
        self._ended = False
        self._stop: Callable[[], None] | None = None

    @property
    def are_given(self) -> bool:
        """Whether the store gives notices now."""
        return self._stop is not None

    def begin(self) -> None:
        """Have the store give notices, if it can."""
        stop = self._store.listen(self._changed)
        with self._lock:
            if not self._ended:
                self._stop = stop
                return
        if stop is not None:  # nothing else knows of what has just begun
            stop()

    def end(self) -> None:
        """End the notices, and those that a ``begin`` in progress is about to start."""
        with self._lock:
            self._ended = True
            stop, self._stop = self._stop, None
        if stop is not None:
            stop()
