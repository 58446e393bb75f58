"""The port for workers: how a pool gives runs to threads, processes and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kalends.engine.ports import Run
from kalends.executors.pools.calling import Returned
from kalends.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Call:
    """A run in a worker."""

    started: asyncio.Future[None]
    """Done once the worker has taken it up."""
    ended: asyncio.Future[Returned]
    """Done once the worker is free of it; ``WorkerDied`` where the worker ended instead."""
    stop: Callable[[], None]
    """Asks for its end: a process is killed. Asking again changes nothing."""
    time_limit: float | None = None
    """Seconds that it may take, by its own rule."""


class Workers(Protocol):
    """How a pool gives a run to a worker: what differs between pools."""

    patience: float
    """Seconds after a request to stop until a worker counts as stuck."""
    failure: Reason
    """Why a run failed that came to its own end."""

    def check(self, run: Run) -> None:
        """Check whether a run can be given to a worker at all.

        Raises:
            StartRefused: It cannot, now or ever.
        """
        ...

    async def look(self, run: Run) -> None:
        """Check what only a worker can check, for a new or changed resource.

        Raises:
            StartRefused: No worker can carry it out.
            Unavailable: It cannot be checked now.
        """
        ...

    async def launch(self, run: Run) -> Call:
        """Give a run to a worker. Never more are asked for than there are workers.

        Raises:
            StartRefused: It can never be started.
            Unavailable: No worker can be started now.
        """
        ...

    async def close(self) -> None:
        """Release the workers. A later launch starts new workers."""
        ...
