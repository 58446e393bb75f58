"""What an operator is given from outside: all of it that touches the world, so that it runs in a made one too."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kalends.clock import Clock
from kalends.engine.executor_ports import Pool
from kalends.kube.client.client import ApiClient
from kalends.kube.wire.transport import Transport
from kalends.tasks import Registry

Show = Callable[[str | None, dict[str, Any]], None]
"""Takes a ScheduledJob as it now is; the first argument is ``DELETED`` for one that is gone."""
CatchUp = Callable[[], Awaitable[None]]
"""Waits until there is something to watch, and catches up on what was missed while no watch ran."""


class Feed(Protocol):
    """Shows every ScheduledJob, and then every change."""

    def alive(self) -> bool:
        """Return whether it is at work now."""
        ...

    async def run(self) -> None:
        """Run until cancelled, whatever the API server answers."""
        ...


class ObservedPool(Pool, Protocol):
    """A pool that reports what readiness and the metrics show of its workers."""

    @property
    def stuck(self) -> int:
        """How many workers are held by a run that was reported as over and has not returned."""
        ...

    @property
    def held_up(self) -> float:
        """For how many seconds there has been an obstacle."""
        ...


MakeFeed = Callable[[ApiClient, Show, CatchUp], Feed]


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Environment:
    """One operator's surroundings: ``assembly.py`` has those of a process in a cluster."""

    clock: Clock
    transport: Transport
    feed: MakeFeed
    registry: Registry
    """The tasks that ScheduledJobs may name."""
    pools: Mapping[str, ObservedPool]
    """Where they run, by alias. Runs as Jobs need only the transport."""
    chance: Callable[[], float] = random.random
    """Spreads tries; within [0, 1)."""
    probes: bool = True
    """Whether /livez, /readyz and /metrics are served over HTTP."""
    when_listed: Callable[[], None] = _nothing
    """Called once, when everything that there is has been seen."""
