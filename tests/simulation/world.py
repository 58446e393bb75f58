"""One history: a world, its operators, its users and its troubles, from the first breath until all is settled."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from kalends.engine.ports import Run
from kalends.kube.wire.transport import Request
from kalends.settings import Settings
from simulation.behaviour import Behaviour
from simulation.bodies import Bodies
from simulation.chance import Chance
from simulation.faults import Faults
from simulation.loop import BusyLoop, Process, SimulatedLoop, Stalled
from simulation.network import Network
from simulation.nodes import Nodes
from simulation.oracle.audit import Audit
from simulation.oracle.releases import TAKE_OVER
from simulation.replicas import Replica, Surroundings
from simulation.server import NAMESPACE, Server
from simulation.story import IntoStory, Story
from simulation.users import Users

EPOCH = 1_795_000_000 - 1_795_000_000 % 60
ALONE = Settings(time_zone="UTC", drain_seconds=5)
WITH_A_LEASE = Settings(time_zone="UTC", drain_seconds=5, leader_election={"enabled": True, "namespace": NAMESPACE})

OF_RELEASES = tuple(
    Settings(
        time_zone="UTC",
        drain_seconds=5,
        leader_election={"enabled": True, "namespace": NAMESPACE, "name": name, "take_over_seconds": TAKE_OVER},
    )
    for name in ("kalends", "other")
)

Script = Callable[["World"], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class History:
    """What came of a seed."""

    seed: str
    wrong: tuple[str, ...]
    story: Story
    steps: int
    seconds: float
    runs: int

    def __str__(self) -> str:
        verdict = "\n".join(f"✗ {one}" for one in self.wrong) or "✓ every invariant held"
        return f"{self.story}\n\nseed {self.seed}: {verdict}"


class World:
    """Everything there is. A script says what happens in it; ``lives.by_chance`` is the one of plain seeds."""

    def __init__(self, seed: str, loop: SimulatedLoop, *, replicas: int, lease: bool, releases: int = 1) -> None:
        self.chance = Chance(seed)
        self.loop = loop
        self.epoch = float(EPOCH + self.chance.whole(0, 119))
        self.story = Story()
        self.server = Server(now=self.now, random=self.chance.stream("server").random())
        self.network = Network(self.server, loop, self.chance.stream("network"))
        self.bodies = Bodies(loop.time)
        self.behaviour = Behaviour(self.chance.stream("behaviour"))
        self.users = Users(self.server, self.story, self.chance.stream("users"), self.behaviour, self.now)
        self.nodes = Nodes(self.server, loop, self.chance.stream("nodes"), self.bodies, self.behaviour, self.epoch)
        around = Surroundings(
            loop=loop,
            network=self.network,
            story=self.story,
            chance=self.chance.stream("replicas"),
            bodies=self.bodies,
            behaviour=self.behaviour,
            epoch=self.epoch,
            on_shown=self._shown,
            on_send=self._sent,
            on_asked=self._asked,
            on_failed=self._failed,
        )
        settings = OF_RELEASES if releases > 1 else (WITH_A_LEASE if lease else ALONE,)
        self.replicas = [
            Replica(name, of_release, around)
            for of_release, names in zip(settings, ("abc", "xyz"), strict=False)
            for name in names[:replicas]
        ]
        self.faults = Faults(self, self.chance.stream("faults"))
        self.audit = Audit(self)
        self._troubled_at = 0.0

    def now(self) -> float:
        """Return true time, as the API server has it."""
        return self.epoch + self.loop.time()

    @property
    def alive(self) -> frozenset[str]:
        """The names of the processes that run."""
        return frozenset(replica.process.name for replica in self.replicas if replica.process is not None)

    def troubled(self) -> None:
        """Take note that something goes wrong, or right again, just now."""
        self._troubled_at = self.loop.time()

    def calm(self) -> float:
        """Return for how many seconds nothing has gone wrong, and every replica has been up."""
        return self.loop.time() - max([self._troubled_at, *(replica.since for replica in self.replicas)])

    async def pause_for(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _shown(self, process: Process, kind: str | None, obj: dict[str, Any]) -> None:
        self.audit.shown(process, kind, obj)

    def _failed(self, what: str) -> None:
        self.audit.accuse(what)

    def _asked(self, process: Process, run: Run) -> None:
        self.audit.asked(process, run)

    def _sent(self, process: Process, request: Request) -> None:
        self.audit.sent(process, request)


def run(
    seed: str, script: Script, *, replicas: int = 1, lease: bool = True, releases: int = 1, logs: bool = False
) -> History:
    """Let a world live by a script, and return its history. The same seed and script give the same history.

    ``replicas`` of each release of the operator take turns by its Lease; without a Lease there can be only one replica.
    """
    random.seed(f"{seed}/product")
    loop = SimulatedLoop(Chance(seed).stream("loop").random())
    collecting = gc.isenabled()
    gc.disable()  # when it collects depends on everything that this interpreter has ever done
    world = World(seed, loop, replicas=replicas, lease=lease, releases=releases)
    try:
        with _logging_into(world.story, logs=logs):
            try:
                loop.run_until_complete(_live(world, script))
            except (BusyLoop, Stalled) as error:
                world.audit.wrong.append(repr(error))
        wrong = [*world.audit.wrong, *(f"an exception reached the event loop: {one}" for one in loop.failures)]
        return History(seed, tuple(wrong), world.story, loop.steps, loop.time(), len(world.bodies.entered))
    finally:
        with _in_silence():
            loop.throw_away()
            del world
            gc.collect(0)  # all that this history has made, and nothing older
        if collecting:
            gc.enable()


@contextlib.contextmanager
def _in_silence() -> Iterator[None]:
    """Let nobody be told of what becomes of tasks that are thrown away in the middle of what they do."""
    before = sys.unraisablehook
    logging.disable()
    sys.unraisablehook = lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = before
        logging.disable(logging.NOTSET)


async def _live(world: World, script: Script) -> None:
    """Live by the script, or until the audit finds something."""
    living = asyncio.ensure_future(script(world))
    failing = asyncio.ensure_future(world.audit.failed.wait())
    await asyncio.wait({living, failing}, return_when=asyncio.FIRST_COMPLETED)
    if living.done():
        await living


@contextlib.contextmanager
def _logging_into(story: Story, *, logs: bool) -> Iterator[None]:
    logger = logging.getLogger("kalends")
    before = logger.level, logger.propagate
    handler = IntoStory(story)
    logger.setLevel(logging.INFO if logs else logging.CRITICAL)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
