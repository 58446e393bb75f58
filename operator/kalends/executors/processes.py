"""A pool of processes: isolated, really parallel, and killed when a run has to end."""

from __future__ import annotations

import asyncio
import pickle

from kalends.engine.ports import Run
from kalends.errors import Unavailable
from kalends.executors.calling import Returned
from kalends.executors.pool import Call, WorkerDied
from kalends.executors.taskcalls import current_of, task_and_call
from kalends.executors.worker_process import WorkerProcess
from kalends.model.reasons import Reason
from kalends.tasks import Registry

TRIES = 3
"""How many workers may die before they have taken up a run, until the run counts as failed."""


class ProcessWorkers:
    """Worker processes, started when they are first needed, and used again and again."""

    patience = 5.0
    failure = Reason.EXCEPTION

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._idle: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()

    def check(self, run: Run) -> None:
        """Check that there is such a task.

        Raises:
            StartRefused: There is none.
        """
        task_and_call(self._registry, run)

    async def launch(self, run: Run) -> Call:
        """Call a task in a process. To stop it is to kill the process, and what it has started.

        Raises:
            Unavailable: No process can be started.
        """
        task, call = task_and_call(self._registry, run)
        # Pickled for a child of ours, which trusts us. Its answers are JSON: we need not trust it.
        question = pickle.dumps((task.module, task.name, call.args, call.kwargs or {}, current_of(run)))
        conversation = _Conversation(self, await self._worker(), question)
        return Call(conversation.started, asyncio.create_task(conversation.hold(), name=run.name), conversation.stop)

    async def _worker(self) -> WorkerProcess:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            self.drop(worker)
        worker = await WorkerProcess.start()
        self._all.add(worker)
        return worker

    async def replace(self, worker: WorkerProcess) -> WorkerProcess:
        """Return another worker in the place of one that has died.

        Raises:
            WorkerDied: None can be started.
        """
        self.drop(worker)
        try:
            return await self._worker()
        except Unavailable as error:
            raise WorkerDied(str(error)) from error

    def give_back(self, worker: WorkerProcess) -> None:
        """Keep a worker for the next run."""
        self._idle.append(worker)

    def drop(self, worker: WorkerProcess) -> None:
        """Forget a worker that is gone."""
        worker.close()
        self._all.discard(worker)

    async def close(self) -> None:
        """End the workers, and what they are at."""
        self._idle.clear()
        workers, self._all = self._all, set()
        for worker in workers:
            worker.kill()
        if workers:
            await asyncio.wait([worker.gone for worker in workers], timeout=self.patience)
        for worker in workers:
            worker.close()


class _Conversation:
    """A question to a worker, and its answer: or its end, which is waited for."""

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
                # What it was at, and whatever it has started, is gone before anything is said of the run.
                self._worker.kill()
                await asyncio.wait([self._worker.gone])
                if self._stopped or self.started.done() or not tries_left:
                    self._workers.drop(self._worker)
                    raise
                self._worker = await self._workers.replace(self._worker)
                if self._stopped:
                    self._worker.kill()
            else:
                self._workers.give_back(self._worker)
                return returned
        raise AssertionError  # the last try has returned, or raised
