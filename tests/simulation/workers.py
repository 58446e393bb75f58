"""Workers of a pool in simulated time: threads, which can only be asked to end, and processes, which can be killed."""

from __future__ import annotations

import asyncio

from kalends.engine.ports import Run
from kalends.errors import WorkerDied
from kalends.executors.pools.calling import Returned
from kalends.executors.pools.resolvers import RegisteredTasks, current_of
from kalends.executors.pools.worker_ports import Call
from kalends.model.reasons import Reason
from kalends.tasks import CurrentRun, Registry
from kalends.tasks.registry import task
from simulation.behaviour import Act, Behaviour
from simulation.bodies import Bodies, Body, End, Kind
from simulation.chance import Chance
from simulation.loop import Process

LOOK_AGAIN = 1.0
"""Seconds after which what hangs looks whether the world has been set right."""
PATIENCE = {Kind.THREAD: 0.1, Kind.PROCESS: 5.0}


@task(name="simulation.work")
def work(life: int, version: int) -> None:
    """Stand for what users write; what it does, the world decides."""


class Workers:
    """The workers of one pool."""

    failure = Reason.EXCEPTION

    def __init__(
        self, kind: Kind, process: Process, registry: Registry, bodies: Bodies, behaviour: Behaviour, chance: Chance
    ) -> None:
        self.patience = PATIENCE[kind]
        self._kind = kind
        self._process = process
        self._tasks = RegisteredTasks(registry)
        self._bodies = bodies
        self._behaviour = behaviour
        self._chance = chance

    def check(self, run: Run) -> None:
        self._tasks.resolve(run.target)

    async def look(self, run: Run) -> None:
        """Find nothing that only a worker can tell."""

    async def launch(self, run: Run) -> Call:
        """Give a run to a worker. A thread takes it up at once, a process as soon as it is there."""
        kwargs = self._tasks.resolve(run.target).kwargs
        now = asyncio.get_running_loop().time()
        about = kwargs["life"], kwargs["version"], run.name, run.fire_time, run.attempt
        body = Body(*about, kind=self._kind, process=self._process, job_uid="", entered=now)
        work = Work(body, current_of(run), self._bodies, self._behaviour, self._chance)
        if self._kind is Kind.THREAD:
            work.begin()
            return Call(work.started, work.ended, work.ask)
        await asyncio.sleep(self._chance.between(0.0, 0.2))
        asyncio.get_running_loop().call_later(self._chance.between(0.0, 0.3), work.begin)
        return Call(work.started, work.ended, work.be_killed)

    async def close(self) -> None:
        await asyncio.sleep(0)


class Work:
    """One run in one worker."""

    def __init__(self, body: Body, current: CurrentRun, bodies: Bodies, behaviour: Behaviour, chance: Chance) -> None:
        self._loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[Returned] = self._loop.create_future()
        self._body = body
        self._current = current
        self._bodies = bodies
        self._chance = chance
        self._behaviour = behaviour

    def _act(self) -> Act:
        return self._behaviour.act(self._body.life, self._body.name)

    def begin(self) -> None:
        if not self.ended.done():
            self._body.entered = self._loop.time()
            self._bodies.enter(self._body)
            self.started.set_result(None)
            self._loop.call_later(self._act().seconds, self._continue)

    def _continue(self) -> None:
        if self._body.end is not None:
            return
        act = self._act()
        heeds = act.heeds and self._current.cancellation.asked
        if act.hangs and not heeds:
            self._loop.call_later(LOOK_AGAIN, self._continue)
            return
        fails = act.fails or heeds
        self._bodies.leave(self._body, End.RAISED if fails else End.RETURNED)
        self.ended.set_result(Returned(error="RuntimeError: as drawn") if fails else Returned('"done"'))

    def ask(self) -> None:
        """Ask a thread to end."""
        self._body.given_up = True
        self._current.cancellation.ask()
        if self._act().heeds:
            self._loop.call_later(self._chance.between(0.0, 0.3), self._continue)

    def be_killed(self) -> None:
        """Kill a process, which takes a moment."""
        self._loop.call_later(self._chance.between(0.0, 0.5), self._die)

    def _die(self) -> None:
        if not self.ended.done():
            self._bodies.leave(self._body, End.KILLED)
            self.ended.set_exception(WorkerDied("its process was killed"))
