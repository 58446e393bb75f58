"""An event loop for several processes in simulated time, every choice of which is drawn from a seed.

What may be permuted, and what not. Within one process asyncio promises that callbacks run in the order in which they
were scheduled (``call_soon``), and products rely on it; so that order stays. What no loop promises is how processes,
and the world around them, interleave, when a timer fires after it is due, and how long anything outside takes: these
are drawn. Each process has a queue of its own, and after every single callback (so between any two awaits) the next
process is drawn. A process can be killed there: none of its callbacks ever runs again, not even a ``finally``. Or be
stopped: its callbacks and timers pile up until it goes on.
"""

# ruff: noqa: SLF001 - an event loop runs the handles and tasks of asyncio, whose names are private

from __future__ import annotations

import asyncio
import contextlib
import heapq
from asyncio import base_events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from itertools import count
from random import Random
from typing import Any, TypeVarTuple

MOST_STEPS_AT_ONCE = 200_000
"""Callbacks without any time passing: beyond it somebody turns in circles."""
LATEST_TIMER = 0.003
"""Seconds by which a timer may be late on an idle machine."""


class BusyLoop(Exception):
    """Time stands still: callbacks call callbacks."""


class Stalled(Exception):
    """Nothing is to come: everybody waits for somebody else."""


class Process:
    """What lives and dies together. ``context`` marks what belongs to it: tasks and timers inherit their context."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stopped = False
        self.steps = 0
        self.ready: deque[asyncio.Handle] = deque()
        self.context = Context()
        self.context.run(CURRENT.set, self)
        self._then: tuple[int, Callable[[], None]] | None = None

    def after_steps(self, steps: int, then: Callable[[], None]) -> None:
        """Call ``then`` between two of its callbacks, so many callbacks from now."""
        self._then = (self.steps + steps, then)

    def stepped(self) -> None:
        self.steps += 1
        if self._then is not None and self.steps > self._then[0]:
            then, self._then = self._then[1], None
            then()

    def kill(self) -> None:
        """End it as SIGKILL does: between two callbacks, without a word."""
        self.alive = False
        self.ready.clear()


Arguments = TypeVarTuple("Arguments")
CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where it lies in memory."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **named: Any) -> None:
        self.number = number
        super().__init__(coro, **named)

    def __hash__(self) -> int:
        return self.number


class NumberedFuture(asyncio.Future[Any]):
    """The same for a future."""

    def __init__(self, number: int, **named: Any) -> None:
        self.number = number
        super().__init__(**named)

    def __hash__(self) -> int:
        return self.number


class SimulatedLoop(base_events.BaseEventLoop):
    """Runs one callback at a time, of a process that is drawn; time passes when nobody has anything to do."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.world = Process("world")
        self.failures: list[str] = []
        self._random = random
        self._time = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = count(1)
        self._processes: list[Process] = [self.world]
        self._tasks: list[NumberedTask] = []
        self._steps_at_once = 0
        self.steps = 0
        self.set_task_factory(self._make_task)
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        return self._time

    def add_process(self, process: Process) -> None:
        self._processes.append(process)

    def spawn(self, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task of a process."""
        return self.create_task(work, context=process.context.copy())

    def later(self, seconds: float, callback: Callable[..., Any], *arguments: Any) -> asyncio.TimerHandle:
        """Call something of the world's, whoever asks for it."""
        return self.call_later(seconds, callback, *arguments, context=self.world.context)

    # -- what a loop does

    def create_future(self) -> asyncio.Future[Any]:
        return NumberedFuture(next(self._numbers), loop=self)

    def _make_task(self, loop: Any, coro: Any, context: Context | None = None) -> asyncio.Task[Any]:
        task = NumberedTask(next(self._numbers), coro, loop=self, context=context)
        self._tasks.append(task)
        if len(self._tasks) % 1024 == 0:
            self._tasks = [one for one in self._tasks if not one.done()]
        return task

    def call_at(
        self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when + self._random.random() * LATEST_TIMER, next(self._numbers), timer))
        return timer

    def _call_soon(self, callback: Any, args: Any, context: Context | None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._enqueue(handle)
        return handle

    def _enqueue(self, handle: asyncio.Handle) -> None:
        process = handle._context.get(CURRENT) or self.world  # type: ignore[attr-defined]  # not in its stubs
        if process.alive:
            process.ready.append(handle)

    def _run_once(self) -> None:
        process = self._draw()
        while process is None:
            self._let_time_pass()
            process = self._draw()
        handle = process.ready.popleft()
        self.steps += 1
        self._steps_at_once += 1
        if self._steps_at_once > MOST_STEPS_AT_ONCE:
            raise BusyLoop(f"{process.name} at {self._time:.3f} s: {handle!r}")
        if not handle.cancelled():
            handle._run()
        process.stepped()

    def _draw(self) -> Process | None:
        able = [one for one in self._processes if one.ready and not one.stopped]
        if not able:
            return None
        return able[0] if len(able) == 1 else able[int(self._random.random() * len(able))]

    def _let_time_pass(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            raise Stalled(f"nothing is to come after {self._time:.3f} s")
        if self._timers[0][0] > self._time:
            self._time = self._timers[0][0]
            self._steps_at_once = 0
            self._processes = [one for one in self._processes if one.alive]
        while self._timers and self._timers[0][0] <= self._time:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled():
                self._enqueue(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it where it is: it is passed over when it comes up."""

    def _write_to_self(self) -> None:
        """Wake nobody: there is no selector to wake."""

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: there are no files."""

    def _failed(self, loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context.get('message')}: {error!r}")

    # -- the end

    def throw_away(self) -> None:
        """Let go of every task that is still there, after the end: what they do now has no effect on anything."""
        for process in self._processes:
            process.kill()
        self.world.kill()
        for task in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # not in its stubs
            if task.done():
                with contextlib.suppress(asyncio.CancelledError):
                    task.exception()
                continue
            coro = task.get_coro()
            for _ in range(20):  # each close ends at most one ``await`` of a ``finally``
                try:
                    coro.close()
                    break
                except BaseException:  # noqa: BLE001, S112 - whatever a corpse says
                    continue
        self._tasks.clear()
        self._timers.clear()
        self.close()
