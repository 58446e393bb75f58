"""A scheduler for programs with a Tornado loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from kalends.executors.base import BaseExecutor
from kalends.executors.tornado import TornadoExecutor
from kalends.extras import needs
from kalends.references import object_of
from kalends.schedulers.asyncio import AsyncIOScheduler

with needs("TornadoScheduler", "tornado"):
    from tornado.ioloop import IOLoop


class TornadoScheduler(AsyncIOScheduler):
    """Runs coroutine functions on a Tornado loop, which is an asyncio loop, and other functions in ten threads.

    Args:
        io_loop: The loop, or a reference to it. None: ``IOLoop.current()`` when ``start`` is called.
    """

    _ioloop: IOLoop | None = None
    _given_ioloop: IOLoop | None = None

    @override
    def _configure(self, config: Mapping[str, Any]) -> None:
        self._given_ioloop = object_of(config.get("io_loop"))
        super()._configure(config)

    @override
    def _create_default_executor(self) -> BaseExecutor:
        return TornadoExecutor()

    @override
    def _loop_to_use(self) -> asyncio.AbstractEventLoop:
        self._ioloop = self._given_ioloop or IOLoop.current()
        found: asyncio.AbstractEventLoop = self._ioloop.asyncio_loop  # type: ignore[attr-defined]
        return found
