"""A queue that serves namespaces in turn, so that what a namespace asks for does not delay the others."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items that wait: first in, first out within a namespace."""

    def __init__(self, longest: int | None = None) -> None:
        """Return an empty queue for at most ``longest`` items; None: any number."""
        self._longest = longest
        self._length = 0
        self._namespaces: OrderedDict[str, deque[Item]] = OrderedDict()
        """The items of each namespace that has any; the first namespace is served next."""

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item]:
        for items in self._namespaces.values():
            yield from items

    def put(self, namespace: str, item: Item) -> Item | None:
        """Add an item; return the item that is dropped if there are too many: the oldest of the longest queue."""
        self._namespaces.setdefault(namespace, deque()).append(item)
        self._length += 1
        if self._longest is None or self._length <= self._longest:
            return None
        return self._take_from(max(self._namespaces, key=lambda name: len(self._namespaces[name])))

    def peek(self) -> Item:
        """Return the next item; there must be one."""
        return next(iter(self._namespaces.values()))[0]

    def take(self) -> Item:
        """Remove and return the next item; there must be one."""
        namespace = next(iter(self._namespaces))
        item = self._take_from(namespace)
        if namespace in self._namespaces:
            self._namespaces.move_to_end(namespace)
        return item

    def skip(self) -> None:
        """Remove the next item, and let its namespace keep its turn."""
        self._take_from(next(iter(self._namespaces)))

    def _take_from(self, namespace: str) -> Item:
        items = self._namespaces[namespace]
        item = items.popleft()
        self._length -= 1
        if not items:
            del self._namespaces[namespace]
        return item
