"""Changes of a store in this process, for those who watch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from weakref import WeakSet

from typing_extensions import override

from kalends.engine.core.definition import Change


class Watch(AsyncIterator[Change]):
    """Yields changes in their order; it never ends by itself."""

    def __init__(self) -> None:
        self._changes: asyncio.Queue[Change] = asyncio.Queue()

    def add(self, change: Change) -> None:
        """Have a change yielded after those before it."""
        self._changes.put_nowait(change)

    @override
    async def __anext__(self) -> Change:
        return await self._changes.get()


class Watches:
    """The watches of one store. A watch that nothing refers to any more is over."""

    def __init__(self) -> None:
        self._watches: WeakSet[Watch] = WeakSet()

    def new(self) -> Watch:
        """Return a watch of the changes from now on."""
        watch = Watch()
        self._watches.add(watch)
        return watch

    def tell(self, change: Change) -> None:
        """Show a change to every watch."""
        for watch in self._watches:
            watch.add(change)
