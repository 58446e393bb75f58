"""A pool of processes: isolated, really parallel, and killed when a run has to end.

A worker serves the runs of one resource only, one after another, and at most so many: what a task leaves behind in its
process (working folder, environment, patched modules) reaches no run of another resource.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Sequence

from kalends.engine.ports import Run
from kalends.errors import StartRefused, StartTookTooLong, Unavailable, WorkerDied
from kalends.executors.pools import pool_run
from kalends.executors.pools.calling import Address, Returned
from kalends.executors.pools.fork_client import ForkServer
from kalends.executors.pools.resolvers import Resolver, address_of, current_of
from kalends.executors.pools.worker import CALL, LOOK_FOR
from kalends.executors.pools.worker_ports import Call
from kalends.executors.pools.worker_process import WorkerProcess
from kalends.model.reasons import Reason

TRIES = 3
"""How many workers may die before they have taken up a run, until the run counts as failed."""
MOST_RUNS = 100
"""How many runs a worker serves, unless the settings say otherwise."""


class ProcessWorkers:
    """Worker processes, started when they are first needed, and used again for runs of the same resource."""

    patience = 5.0
    failure = Reason.EXCEPTION

    def __init__(self, resolver: Resolver, runs_per_worker: int = MOST_RUNS) -> None:
        self._resolver = resolver
        self._runs_per_worker = runs_per_worker
        self._server: ForkServer | None = None
        self._starting = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._found: set[Address] = set()
        self._idle: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()
        self._busy = 0
        self._most_busy = 0

    def check(self, run: Run) -> None:
        """Check that the run's callable exists, and that another process can import it.

        Raises:
            StartRefused: It does not, or it cannot.
        """
        address_of(self._resolver.resolve(run.target))

    async def look(self, run: Run) -> None:
        """Have a worker process look for the task of a run, once for each task.

        Raises:
            StartRefused: A worker process cannot find it, so no run of it could start.
            Unavailable: No worker can be started now, or its import takes too long.
        """
        address = address_of(self._resolver.resolve(run.target))
        async with self._looking:  # one at a time: an import may need a lot of memory
            if address in self._found:
                return
            refusal = await self._look_for(address)
            if refusal is not None:
                raise StartRefused(Reason.UNKNOWN_TASK, refusal)
            self._found.add(address)

    async def _look_for(self, address: Address) -> str | None:
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            worker = await self._start_worker()
        except WorkerDied as error:
            raise Unavailable(str(error)) from error
        try:
            async with asyncio.timeout(pool_run.LONGEST_START):
                return (await worker.ask(pickle.dumps((LOOK_FOR, address)), started)).error
        except TimeoutError as error:
            raise Unavailable(f"a worker process has not imported {address.module} yet") from error
        except WorkerDied as error:
            return f"the module '{address.module}' cannot be imported in a worker process: {error}"
        finally:
            self._retire(worker)

    async def launch(self, run: Run) -> Call:
        """Call a task in a process. To stop it is to kill the process, and what it has started.

        Raises:
            StartRefused: No worker can be started, and trying again would not help.
            Unavailable: No process can be started now.
        """
        callee = self._resolver.resolve(run.target)
        # Pickled for a child, which trusts the operator. Its answers are JSON, as the operator need not trust it.
        question = pickle.dumps((CALL, address_of(callee), callee.args, callee.kwargs, current_of(run)))
        conversation = _Conversation(self, await self._first_worker(run.ref.uid), question)
        return Call(conversation.started, asyncio.create_task(conversation.hold(), name=run.name), conversation.stop)

    async def _first_worker(self, schedule: str) -> WorkerProcess:
        for tries_left in reversed(range(TRIES)):
            try:
                return await self._worker(schedule)
            except WorkerDied as error:
                if not tries_left or isinstance(error, StartTookTooLong):
                    raise StartRefused(Reason.WORKER_DIED, str(error)) from error
        raise AssertionError  # the last try has returned, or raised

    async def _worker(self, schedule: str) -> WorkerProcess:
        """Return a worker for a run of a resource, and count it as busy."""
        for worker in [one for one in self._idle if one.schedule == schedule]:
            self._idle.remove(worker)
            if worker.is_alive and worker.is_silent:
                self._busy += 1
                return worker
            self._retire(worker)
        worker = await self._start_worker()
        worker.schedule = schedule
        self._busy += 1
        self._most_busy = max(self._most_busy, self._busy)
        self._make_room()
        return worker

    async def _start_worker(self) -> WorkerProcess:
        """Start a worker.

        Raises:
            Unavailable: The system has no room for another process now.
            WorkerDied: The fork server ended, or did not answer in time.
        """
        try:
            async with asyncio.timeout(pool_run.LONGEST_START):
                async with self._starting:
                    if self._server is None or not self._server.is_alive:
                        self._server = await ForkServer.start()
                worker = await WorkerProcess.start(self._server)
        except TimeoutError as error:
            if self._server is not None:
                self._server.kill()
            raise StartTookTooLong(f"its worker did not start within {pool_run.LONGEST_START:.0f} s") from error
        self._all.add(worker)
        return worker

    def _make_room(self) -> None:
        """End idle workers where more are alive than were ever busy at once, those first that are idle for longest."""
        while self._idle and self._busy + len(self._idle) > self._most_busy:
            self._retire(self._idle.pop(0))

    async def replace(self, worker: WorkerProcess) -> WorkerProcess:
        """Return another worker in the place of one that has died.

        Raises:
            WorkerDied: None can be started.
        """
        self.drop(worker)
        try:
            return await self._worker(worker.schedule)
        except Unavailable as error:
            raise WorkerDied(str(error)) from error

    def keep_or_retire(self, worker: WorkerProcess) -> None:
        """Keep a worker for the next run of its resource, unless it has served as many as it may."""
        self._busy -= 1
        worker.runs += 1
        if worker.runs < self._runs_per_worker:
            self._idle.append(worker)
            self._make_room()
        else:
            self._retire(worker)

    def drop(self, worker: WorkerProcess) -> None:
        """Forget a busy worker that is gone."""
        self._busy -= 1
        self._retire(worker)

    def _retire(self, worker: WorkerProcess) -> None:
        worker.kill()
        worker.close()
        self._all.discard(worker)

    async def close(self) -> None:
        """End the workers, and what they are at."""
        self._idle.clear()
        workers, self._all = self._all, set()
        for worker in workers:
            worker.kill()
        await _wait_for(workers, self.patience)
        for worker in workers:
            worker.close()
        if self._server is not None:
            await self._server.close()
            self._server = None


async def _wait_for(workers: Sequence[WorkerProcess] | set[WorkerProcess], seconds: float) -> None:
    if workers:
        await asyncio.wait([worker.gone for worker in workers], timeout=seconds)


class _Conversation:
    """A question to a worker, and its answer or its end."""

    def __init__(self, workers: ProcessWorkers, worker: WorkerProcess, question: bytes) -> None:
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._workers = workers
        self._worker = worker
        self._question = question
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        self._worker.kill()

    async def hold(self) -> Returned:
        for tries_left in reversed(range(TRIES)):
            try:
                returned = await self._worker.ask(self._question, self.started)
            except WorkerDied:
                # The worker, and whatever it has started, is gone before anything is reported of the run.
                self._worker.kill()
                await asyncio.wait([self._worker.gone])
                if self._stopped or self.started.done() or not tries_left:
                    self._workers.drop(self._worker)
                    raise
                self._worker = await self._workers.replace(self._worker)
                if self._stopped:
                    self._worker.kill()
            else:
                self._workers.keep_or_retire(self._worker)
                return returned
        raise AssertionError  # the last try has returned, or raised
