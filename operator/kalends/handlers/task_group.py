"""Tasks that stand and fall together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Self


class Tasks:
    """Tasks that end together. One that ends by itself, which none should, ends the operator."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start one."""
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        return task

    async def first_of(self, stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
        """Wait for ``work``, or for ``stop``; return whether it was ``stop``. A task that failed is raised."""
        stopping = asyncio.ensure_future(stop.wait())
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait({stopping, working, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks:
                if task.done():
                    await task
                    raise RuntimeError(f"task {task.get_name()} ended")
            if working.done():
                await working
            return stopping.done()
        finally:
            for one in (stopping, working):
                one.cancel()
            await asyncio.gather(stopping, working, return_exceptions=True)
