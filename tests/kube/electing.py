"""Replicas that compete for one lease, under the eyes of somebody who must never see two leaders."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import LEASES
from kalends.kube.lease import KubernetesLease
from kalends.leases.election import LeaderElector
from kalends.leases.port import Timing
from kube.fake_api import FakeConnection
from kube.fake_clock import LoopClock

LEASE = LEASES.named("kalends", "kalends")


@dataclass
class Replica:
    """One process: its own clock, its own connection, and what it was told."""

    connection: FakeConnection
    clock: LoopClock = field(default_factory=LoopClock)
    events: list[tuple[float, str]] = field(default_factory=list)
    successors: list[str | None] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.elector = LeaderElector(
            KubernetesLease(ApiClient(self.connection, self.clock, chance=lambda: 0.5), "kalends", "kalends", Timing()),
            identity=self.connection.client,
            clock=self.clock,
            on_started=lambda epoch: self._tell(f"started {epoch}"),
            on_stopped=lambda: self._tell("stopped"),
            on_superseded=lambda: self.successors.append(self.elector.holder),
            chance=lambda: 0.5,
        )

    def start(self) -> None:
        self.task = asyncio.create_task(self.elector.run())

    async def crash(self) -> None:
        """End without another word to anybody."""
        self.connection.cut()
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.events]

    def _tell(self, word: str) -> None:
        assert self.elector.is_leader() is word.startswith("started")
        self.events.append((asyncio.get_running_loop().time(), word))


@asynccontextmanager
async def electing(*replicas: Replica) -> AsyncIterator[None]:
    """Let them compete, and watch ten times a second that there are never two leaders."""

    async def watch() -> None:
        while True:
            assert sum(replica.elector.is_leader() for replica in replicas) <= 1
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    for replica in replicas:
        replica.start()
        await asyncio.sleep(1)
    try:
        yield
    finally:
        assert not watching.done()
        watching.cancel()
        tasks = [replica.task for replica in replicas if replica.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
