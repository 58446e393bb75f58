"""Operators as processes: the real one, put together as in a cluster but for kopf and sockets, on a simulated node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kalends.engine.ports import Run
from kalends.executors.pools.pool import PoolExecutor
from kalends.handlers.environment import CatchUp, Environment, Show
from kalends.handlers.operator import Operator
from kalends.kube.client.client import ApiClient
from kalends.kube.wire.transport import Request
from kalends.settings import Settings
from kalends.tasks import Registry
from simulation import workers
from simulation.behaviour import Behaviour
from simulation.bodies import Bodies, Kind
from simulation.chance import Chance
from simulation.feed import LikeKopf
from simulation.loop import Process, SimulatedLoop
from simulation.network import Connection, Network
from simulation.story import Story
from simulation.workers import Workers

Asked = Callable[[Run], None]
POOLS = {"default": (4, Kind.THREAD), "heavy": (2, Kind.PROCESS)}
"""Workers and kind of each executor: few, so that they run short."""


class NodeClock:
    """The clocks of one machine. The wall clock may be wrong by ``offset`` seconds."""

    second = 1

    def __init__(self, loop: SimulatedLoop, epoch: float) -> None:
        self._loop = loop
        self._epoch = epoch
        self._steps: list[tuple[float, float]] = [(0.0, 0.0)]

    @property
    def offset(self) -> float:
        return self._steps[-1][1]

    def step(self, seconds: float) -> None:
        self._steps.append((self._loop.time(), self.offset + seconds))

    def shown(self, within: float) -> tuple[float, float]:
        """Return the earliest and the latest instant that somebody may have read who looked ``within`` so many seconds.

        What was read is brought forward to now, so that only steps make a difference.
        """
        since = self._loop.time() - within
        lasting = [step for step, following in zip(self._steps, self._steps[1:], strict=False) if following[0] > since]
        offsets = [offset for _, offset in [*lasting, self._steps[-1]]]
        now = self._epoch + self._loop.time()
        return now + min(offsets), now + max(offsets)

    def now(self) -> float:
        return self._epoch + self._loop.time() + self.offset

    def monotonic(self) -> float:
        return 1000.0 + self._loop.time()


class Pool(PoolExecutor):
    """A pool that takes note of when it is asked to start a run: what comes after is beyond anybody's control."""

    def __init__(self, size: int, workers: Workers, clock: NodeClock, asked: Asked) -> None:
        super().__init__(size, workers, clock)
        self._asked = asked

    async def start(self, run: Run) -> None:
        self._asked(run)
        await super().start(run)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all replicas share."""

    loop: SimulatedLoop
    network: Network
    story: Story
    chance: Chance
    bodies: Bodies
    behaviour: Behaviour
    epoch: float
    on_shown: Callable[[Process, str | None, dict[str, Any]], None]
    on_send: Callable[[Process, Request], None]
    on_asked: Callable[[Process, Run], None]
    on_failed: Callable[[str], None]


class Replica:
    """One pod of the operator's: a process, and after its end the next one, under a new identity."""

    def __init__(self, name: str, settings: Settings, around: Surroundings) -> None:
        self.name = name
        self.lease = settings.leader_election.name
        """The Lease of its release."""
        self.clock = NodeClock(around.loop, around.epoch)
        self.process: Process | None = None
        self.connection: Connection | None = None
        self.operator: Operator | None = None
        self.restarts = True
        self.since = 0.0
        """When it last started, died, was stopped or went on."""
        self._around = around
        self._settings = settings
        self._starts = 0
        self._stop: asyncio.Event | None = None

    # -- what happens to it

    def start(self) -> None:
        around = self._around
        self._starts += 1
        self.process = process = Process(f"op-{self.name}{self._starts}")
        around.loop.add_process(process)
        self.connection = connection = Connection(around.network, process)
        connection.on_send = lambda request: around.on_send(process, request)
        around.story.tell(process.name, "starts")
        self.since = around.loop.time()
        around.loop.spawn(process, self._live(process, connection))

    def kill(self, why: str = "SIGKILL") -> None:
        """End the process now, between two callbacks."""
        process = self.process
        if process is None or not process.alive:
            return
        process.kill()
        self.since = self._around.loop.time()
        cut = self._around.bodies.cut(process)
        running = f"; cut: {', '.join(body.name for body in cut)}" if cut else ""
        self._around.story.tell(process.name, f"dies: {why}{running}")
        self.process = self.operator = self._stop = None
        self._start_soon()

    def terminate(self) -> None:
        """Ask it to end, as SIGTERM does; the kubelet loses patience after thirty seconds."""
        process = self.process
        if process is None or self._stop is None:
            return
        self._around.story.tell(process.name, "is told to stop (SIGTERM)")
        self._stop.set()
        self._around.loop.later(30.0, self._lose_patience, process)

    def pause(self, seconds: float) -> None:
        """Stop the process as SIGSTOP does, and let it go on later."""
        process = self.process
        if process is None or process.stopped:
            return
        self._around.story.tell(process.name, f"is paused for {seconds:.1f} s (SIGSTOP)")
        process.stopped = True
        self.since = self._around.loop.time()
        self._around.loop.later(seconds, self._continue, process)

    def step_clock(self, seconds: float) -> None:
        self._around.story.tell(f"node-{self.name}", f"has its clock stepped by {seconds:+.1f} s")
        self.clock.step(seconds)

    # -- how it lives

    def _continue(self, process: Process) -> None:
        if process.alive:
            self._around.story.tell(process.name, "goes on (SIGCONT)")
        process.stopped = False
        self.since = self._around.loop.time()

    def _lose_patience(self, process: Process) -> None:
        if self.process is process:
            self.kill("it had thirty seconds to stop")

    def _start_soon(self) -> None:
        if self.restarts:
            self._around.loop.later(self._around.chance.between(0.3, 6.0), self.start)

    async def _live(self, process: Process, connection: Connection) -> None:
        stop = self._stop = asyncio.Event()
        around = self._around
        chance = around.chance.stream(process.name)
        registry = Registry([workers])
        pools = {
            alias: Pool(
                size,
                Workers(kind, process, registry, around.bodies, around.behaviour, chance),
                self.clock,
                lambda run: around.on_asked(process, run),
            )
            for alias, (size, kind) in POOLS.items()
        }

        def feed(client: ApiClient, show: Show, catch_up: CatchUp) -> LikeKopf:
            return LikeKopf(client, show, catch_up, chance, lambda kind, obj: around.on_shown(process, kind, obj))

        environment = Environment(
            clock=self.clock,
            transport=connection,
            feed=feed,
            registry=registry,
            pools=pools,
            chance=chance.unit,
            probes=False,
        )
        self.operator = Operator(self._settings, environment, process.name)
        try:
            await self.operator.run(stop)
            why = "it has ended"
        except Exception as error:  # noqa: BLE001 - whatever ends it, the kubelet starts it again
            why = f"it has failed: {error!r}"
            around.on_failed(f"{process.name} has failed: {error!r}")
        self.kill(why)
