"""Workers of a pool in simulated time: threads, which can only be asked to end, and processes, which can be killed."""

from __future__ import annotations

import asyncio

from kalends.engine.ports import Run
from kalends.executors.calling import Returned
from kalends.executors.pool import Call, WorkerDied
from kalends.executors.taskcalls import current_of, task_and_call
from kalends.model.reasons import Reason
from kalends.tasks import Registry
from kalends.tasks.registry import task
from simulation.behaviour import Behaviour
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
        self._registry = registry
        self._bodies = bodies
        self._behaviour = behaviour
        self._chance = chance

    def check(self, run: Run) -> None:
        task_and_call(self._registry, run)

    async def launch(self, run: Run) -> Call:
        """Give a run to a worker. A thread takes it up at once, a process as soon as it is there."""
        told, current = task_and_call(self._registry, run)[1].kwargs or {}, current_of(run)
        loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = loop.create_future()
        ended: asyncio.Future[Returned] = loop.create_future()
        body = Body(
            told["life"],
            told["version"],
            run.name,
            run.fire_time,
            run.attempt,
            self._kind,
            self._process,
            "",
            loop.time(),
        )

        def begin() -> None:
            if not ended.done():
                body.entered = loop.time()
                self._bodies.enter(body)
                started.set_result(None)
                loop.call_later(self._behaviour.act(body.life, body.name).seconds, go_on)

        def go_on() -> None:
            act = self._behaviour.act(body.life, body.name)
            asked_to_end = current.cancellation.asked and act.heeds
            if body.end is not None:
                return
            if act.hangs and not asked_to_end:
                loop.call_later(LOOK_AGAIN, go_on)
                return
            self._bodies.leave(body, End.RAISED if act.fails or asked_to_end else End.RETURNED)
            ended.set_result(Returned(error="RuntimeError: as drawn") if act.fails else Returned('"done"'))

        def stop() -> None:
            if self._kind is Kind.THREAD:
                body.given_up = True
                current.cancellation.ask()
                if self._behaviour.act(body.life, body.name).heeds:
                    loop.call_later(self._chance.between(0.0, 0.3), go_on)
            elif not ended.done():
                loop.call_later(self._chance.between(0.0, 0.5), kill)

        def kill() -> None:
            if not ended.done():
                self._bodies.leave(body, End.KILLED)
                ended.set_exception(WorkerDied("its process was killed"))

        if self._kind is Kind.THREAD:
            begin()
        else:
            await asyncio.sleep(self._chance.between(0.0, 0.2))
            loop.call_later(self._chance.between(0.0, 0.3), begin)
        return Call(started, ended, stop)

    async def close(self) -> None:
        await asyncio.sleep(0)
