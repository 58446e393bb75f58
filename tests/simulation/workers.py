"""Workers of a pool in simulated time: threads, which cannot be killed, and processes, which can."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from kalends.engine.schedule import TaskCall
from kalends.executors.calling import Returned
from kalends.tasks import CurrentRun, Task
from kalends.tasks.registry import task
from simulation.behaviour import Behaviour
from simulation.bodies import Bodies, Body, End, Kind
from simulation.loop import Process

LOOK_AGAIN = 1.0
"""Seconds after which what hangs looks whether the world has been set right."""


@task(name="simulation.work")
def work(life: int, version: int) -> None:
    """Stand for what users write; what it does, the world decides."""


class Workers:
    """The workers of one pool."""

    def __init__(self, size: int, kind: Kind, process: Process, bodies: Bodies, behaviour: Behaviour) -> None:
        self._size = size
        self._kind = kind
        self._process = process
        self._bodies = bodies
        self._behaviour = behaviour
        self._at_work = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self.on_return: Callable[[], None] = lambda: None

    def busy(self) -> int:
        return self._at_work + len(self._waiting)

    async def call(self, task: Task, call: TaskCall, run: CurrentRun) -> Returned:
        """Run a body; if the wait is cancelled a process is killed, and a thread goes on."""
        answer: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()
        said = call.kwargs or {}
        body = Body(
            said["life"],
            said["version"],
            run.name,
            run.fire_time,
            run.attempt,
            self._kind,
            self._process,
            "",
            asyncio.get_running_loop().time(),
        )

        def begin() -> None:
            self._begin(body, answer)

        if self._at_work < self._size:
            begin()
        else:
            self._waiting.append(begin)
        try:
            return await answer
        except asyncio.CancelledError:
            if begin in self._waiting:
                self._waiting.remove(begin)
            elif self._kind is Kind.PROCESS:
                self._return(body, answer, End.KILLED)
            else:
                body.given_up = True
            raise

    def _begin(self, body: Body, answer: asyncio.Future[Returned]) -> None:
        self._at_work += 1
        body.entered = asyncio.get_running_loop().time()
        self._bodies.enter(body)
        act = self._behaviour.act(body.life, body.name)
        asyncio.get_running_loop().call_later(act.seconds, self._go_on, body, answer)

    def _go_on(self, body: Body, answer: asyncio.Future[Returned]) -> None:
        if body.end is not None:
            return
        act = self._behaviour.act(body.life, body.name)
        if act.hangs:
            asyncio.get_running_loop().call_later(LOOK_AGAIN, self._go_on, body, answer)
            return
        self._return(body, answer, End.RAISED if act.fails else End.RETURNED)

    def _return(self, body: Body, answer: asyncio.Future[Returned], end: End) -> None:
        if body.end is not None:
            return
        self._bodies.leave(body, end)
        self._at_work -= 1
        if not answer.done():
            answer.set_result(Returned(error="RuntimeError: as drawn") if end is End.RAISED else Returned('"done"'))
        if self._waiting:
            self._waiting.popleft()()
        self.on_return()

    async def close(self) -> None:
        await asyncio.sleep(0)
