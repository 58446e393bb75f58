"""A scheduler that runs while a Starlette or FastAPI application does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

from kalends.schedulers.asyncio import AsyncIOScheduler
from kalends.schedulers.base import BaseScheduler
from kalends.schedulers.blocking import BlockingScheduler

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]
"""What an application has as ``lifespan=``. It yields the state of the requests."""
OwnLifespan: TypeAlias = Lifespan | Callable[[Any], AbstractAsyncContextManager[None]]


def lifespan(scheduler: BaseScheduler, around: OwnLifespan | None = None) -> Lifespan:
    """Return a lifespan that starts the scheduler with the application, and at its end waits for the active runs.

    ``FastAPI(lifespan=lifespan(scheduler))``. The scheduler is also ``request.app.state.scheduler``.

    Args:
        scheduler: An ``AsyncIOScheduler``, whose coroutine functions run in the loop of the application, or a
            ``BackgroundScheduler``.
        around: The application's own lifespan. It begins before the scheduler and ends after it, so that jobs can use
            what it opens.

    Raises:
        TypeError: It is a ``BlockingScheduler``, which never returns from ``start``.
    """
    if isinstance(scheduler, BlockingScheduler):
        raise TypeError("scheduler must return from start(): use an AsyncIOScheduler or a BackgroundScheduler")

    @asynccontextmanager
    async def running(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            state = None if around is None else await stack.enter_async_context(around(app))
            app.state.scheduler = scheduler
            scheduler.start()
            try:
                yield state or {}
            finally:
                await _shut_down(scheduler)

    return running


async def _shut_down(scheduler: BaseScheduler) -> None:
    if not scheduler.running:
        return
    if isinstance(scheduler, AsyncIOScheduler):
        await scheduler.shutdown_async()
    else:
        await asyncio.to_thread(scheduler.shutdown)
