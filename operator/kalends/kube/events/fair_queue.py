"""A bounded queue that serves namespaces in turn, so that the Events of a namespace do not delay those of others."""

from __future__ import annotations

from collections import OrderedDict, deque

from kalends.kube.events.series import Series


class FairQueue:
    """Event series that wait to be posted: first in, first out within a namespace."""

    def __init__(self, longest: int) -> None:
        """Return an empty queue for at most ``longest`` series."""
        self._longest = longest
        self._length = 0
        self._namespaces: OrderedDict[str, deque[Series]] = OrderedDict()
        """The waiting series of each namespace that has any; the first namespace is served next."""

    def __len__(self) -> int:
        return self._length

    def put(self, series: Series) -> Series | None:
        """Add a series; return the series that is dropped if there are too many: the oldest of the longest queue."""
        self._namespaces.setdefault(series.namespace, deque()).append(series)
        self._length += 1
        if self._length <= self._longest:
            return None
        return self._take_from(max(self._namespaces, key=lambda name: len(self._namespaces[name])))

    def take(self) -> Series:
        """Remove and return the next series; there must be one."""
        namespace = next(iter(self._namespaces))
        series = self._take_from(namespace)
        if namespace in self._namespaces:
            self._namespaces.move_to_end(namespace)
        return series

    def _take_from(self, namespace: str) -> Series:
        waiting = self._namespaces[namespace]
        series = waiting.popleft()
        self._length -= 1
        if not waiting:
            del self._namespaces[namespace]
        return series
