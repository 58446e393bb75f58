"""A thread with an event loop in which the engine of a scheduler runs.

Programs call their scheduler from any thread, and from loops of many kinds. The engine has a loop to itself, so that it
neither waits for the program's loop nor holds it up. No call of a program waits for the engine, except a shutdown.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from datetime import tzinfo
from secrets import token_hex
from typing import Any

from kalends.clock import Clock, MicrosecondClock
from kalends.engine.core.compiler import Compiler, Surroundings
from kalends.engine.core.schedule import Defaults
from kalends.engine.core.state import Ref
from kalends.engine.core.target import Target
from kalends.engine.loop.queues.inbox import LONGEST_SLEEP
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import InvalidSpec
from kalends.events import JobExecutionEvent, SchedulerEvent
from kalends.executors.base import BaseExecutor
from kalends.jobstores.base import KeptJob, RecordingJobStore
from kalends.library.definitions import stored_of
from kalends.library.engine_store import EngineStore
from kalends.library.event_mapping import EventMapping
from kalends.library.executor_pool import ExecutorPool
from kalends.library.shared_stores import SharedStores, SharingOptions
from kalends.threads import DaemonThreads, NativeThread
from kalends.triggers.programs.datetimes import microseconds_of

log = logging.getLogger(__name__)

FOREVER = float("inf")
LONGEST_HOLD = 1.0
"""Seconds to wait for the engine, which a job in a ``DebugExecutor`` may hold up."""
LONGEST_RELEASE = 10.0
"""The same for a lease that is released, in a store that may be slow."""
_LOADS = DaemonThreads("Kalends store")


class EngineThread:
    """Runs the engine over job stores and executors. Every method may be called from any thread."""

    longest_sleep = LONGEST_SLEEP
    """Seconds that may pass without a look at the clock."""

    def __init__(  # noqa: PLR0913 - what a scheduler hands over
        self,
        *,
        clock: Clock,
        zone: tzinfo,
        stores: Mapping[str, RecordingJobStore],
        executors: Mapping[str, BaseExecutor],
        dispatch: Callable[[SchedulerEvent], None],
        daemon: bool,
        retry_interval: float,
        sharing: SharingOptions | None = None,
    ) -> None:
        self._clock = clock
        self._zone = zone
        self._stores = stores
        self._daemon = daemon
        self._retry_interval = retry_interval
        self._mapping = EventMapping(zone, dispatch)
        identity = f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"
        self._shared = SharedStores(stores, sharing or SharingOptions(), clock, identity, lambda: self._scheduler)
        self._identity = identity
        self._aliases = set(executors)
        self._compiler = Compiler(self._surroundings())
        self._pools = {alias: self._pool(executor) for alias, executor in executors.items()}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._stop: asyncio.Event
        self._error: Exception | None = None
        self._grace = FOREVER
        self._scheduler: Scheduler
        self._thread: NativeThread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        """The loop itself refers to its tasks weakly."""

    def _pool(self, executor: BaseExecutor) -> ExecutorPool:
        return ExecutorPool(executor, self._clock, self._zone, self._ended, self._shared.acts_for)

    def _surroundings(self) -> Surroundings:
        return Surroundings(Defaults(), self._check, second=MicrosecondClock.second)

    def _check(self, target: Target, executor: str) -> None:
        del target
        if executor not in self._aliases:
            known = ", ".join(sorted(map(repr, self._aliases))) or "none"
            raise InvalidSpec(f"executor must be one of {known}, got {executor!r}")

    # -- start and end

    def start(self, *, paused: bool) -> None:
        """Start the thread, and return once the engine takes calls."""
        self._thread = NativeThread(lambda: self._main(paused=paused), "Kalends", daemon=self._daemon)
        self._thread.start()
        self._ready.wait()
        if self._loop is None:
            raise RuntimeError("the thread of the scheduler could not start its event loop") from self._error

    def _main(self, *, paused: bool) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._run(paused=paused))
        except Exception as error:
            self._error = error
            log.critical("the engine ended", exc_info=True)
        finally:
            self._ready.set()

    async def _run(self, *, paused: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        acts_for = self._shared.acts_for
        store = EngineStore(self._stores, self._removed, acts_for)
        self._scheduler = Scheduler(
            clock=self._clock,
            store=store,
            pools=self._pools,
            identity=self._identity,
            listeners=[self._mapping],
            compiler=self._compiler,
            acts_for=acts_for,
            longest_sleep=self.longest_sleep,
        )
        if paused:
            self._pause()
        running = asyncio.create_task(self._scheduler.run(), name="engine")
        self._ready.set()
        for alias in list(self._stores):
            self._begin(self._add_store(alias))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            log.critical("the engine ended", exc_info=running.exception())
        else:
            await self._scheduler.drain(self._grace, lambda: self._shared.hand_over(keeps_runs=self._grace > 0))
            running.cancel()
            await asyncio.wait({running})
        await store.close(0)
        await self._shared.close()

    def stop(self, *, wait: bool) -> None:
        """Stop the engine: at once, or with ``wait`` once every active run has ended and its end is recorded."""
        self._grace = FOREVER if wait else 0.0
        self._post(self._stop.set)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the engine has ended, for up to ``timeout`` seconds; return whether it has."""
        return self._thread is None or self._thread.join(timeout)

    # -- what the scheduler tells it

    def show(self, alias: str, kept: KeptJob) -> None:
        """Show a job that was added or changed."""
        self._post(lambda: self._show(alias, kept))

    def _show(self, alias: str, kept: KeptJob) -> None:
        # While another scheduler acts for the store, only jobs with runs here are followed.
        if self._shared.holds(alias) or self._scheduler.overview.find(f"{alias}/{kept.id}") is not None:
            self._scheduler.observe(stored_of(alias, kept))

    def forget(self, alias: str, job_id: str) -> None:
        """Forget a job that was removed."""
        self._post(lambda: self._scheduler.forget(f"{alias}/{job_id}", ""))

    def forget_all(self, alias: str) -> None:
        """Forget every job of a store."""

        def forget() -> None:
            for uid, key in list(self._scheduler.overview.uids().items()):
                if key.startswith(f"{alias}/"):
                    self._scheduler.forget(key, uid)

        self._post(forget)

    def load(self, alias: str) -> None:
        """Show every job of a store that was added."""
        self._spawn(self._add_store(alias))

    def release(self, alias: str, then: Callable[[], None]) -> Callable[[], None]:
        """Let others act for a store that is removed, and then make a call, which shuts the store down.

        Returns:
            A function that waits until the call was made, and raises what it has raised. In the thread of the engine
            it returns at once, and if the engine is held up, after ``LONGEST_RELEASE``: the engine makes the call then.
        """
        released: Future[None] = Future()

        async def release() -> None:
            try:
                await self._shared.remove(alias)
            finally:
                if released.set_running_or_notify_cancel():
                    released.set_result(None)
                else:
                    await asyncio.to_thread(then)

        if not self._spawn(release()):
            return then

        def wait() -> None:
            try:
                released.result(0 if self._is_in_loop() else LONGEST_RELEASE)
            except TimeoutError:
                if released.cancel() and not self._has_ended():
                    return
            then()

        return wait

    def _is_in_loop(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _has_ended(self) -> bool:
        return self._loop is None or self._loop.is_closed()

    def acts_for(self, alias: str) -> bool:
        """Return whether this scheduler acts for a store at this moment."""
        return self._shared.acts_for(alias)

    def pause(self) -> None:
        """Decide no fire times until ``resume``, and let other schedulers act for shared stores."""
        self._post(self._pause)

    def _pause(self) -> None:
        self._scheduler.pause()
        self._begin(self._shared.pause())

    def hold(self) -> None:
        """Decide no fire times from the return of this on. It waits for the engine, which waits for no run."""
        held = threading.Event()

        def hold() -> None:
            self._scheduler.pause()
            held.set()

        self._post(hold)
        held.wait(LONGEST_HOLD)

    def resume(self) -> None:
        """Decide fire times again."""

        def resume() -> None:
            self._scheduler.resume()
            self._shared.resume()

        self._post(resume)

    def add_executor(self, alias: str, executor: BaseExecutor) -> None:
        """Add an executor, and look again at every job."""
        self._aliases.add(alias)
        self._pools[alias] = self._pool(executor)
        self._spawn(self._add_pool(alias))

    async def _add_pool(self, alias: str) -> None:
        await self._scheduler.add_pool(alias, self._pools[alias])
        await self._show_all()

    def remove_executor(self, alias: str, *, wait: bool) -> None:
        """Remove an executor. Jobs that name it have no runs until it is there again."""
        self._aliases.discard(alias)
        del self._pools[alias]
        self._spawn(self._remove_pool(alias, FOREVER if wait else 0.0))

    async def _remove_pool(self, alias: str, grace: float) -> None:
        await self._scheduler.remove_pool(alias, grace)
        await self._show_all()

    async def _show_all(self) -> None:
        self._compiler.use(self._surroundings())
        for alias in list(self._stores):
            await self._load(alias)

    async def _add_store(self, alias: str) -> None:
        await self._shared.end_of_removal(alias)
        if alias not in self._stores:
            return
        # Jobs of a shared store are shown when this scheduler acts for it.
        if not self._shared.add(alias) or self._shared.acts_for(alias):
            await self._load(alias)

    async def _load(self, alias: str) -> None:
        """Show every job of a store. A store that fails is asked again."""
        while (store := self._stores.get(alias)) is not None and self._shared.holds(alias):
            try:
                loop = asyncio.get_running_loop()
                # In a daemon thread: a read that hangs must not keep the scheduler from shutting down.
                kept = await loop.run_in_executor(_LOADS, store.kept_jobs) if store.blocks else store.kept_jobs()
            except Exception as error:  # noqa: BLE001 - a store may raise anything
                log.warning(
                    "Error getting jobs from job store %r, trying again in %s seconds: %s",
                    alias,
                    self._retry_interval,
                    error,
                )
                await asyncio.sleep(self._retry_interval)
                continue
            self._show_each(alias, kept)
            return

    def _show_each(self, alias: str, kept: Iterable[KeptJob]) -> None:
        for one in kept:
            if one.problem:
                log.error("Job %r of job store %r cannot be restored: %s", one.id, alias, one.problem)
            self._scheduler.observe(stored_of(alias, one))

    # -- what its executors tell it

    def ended(self, event: JobExecutionEvent) -> bool:
        """Receive the end of a run from an executor; return False if no executor was given this run."""
        fire_time = microseconds_of(event.scheduled_run_time)
        return any(pool.ended(event, fire_time) for pool in list(self._pools.values()))

    def executor_failed(self, executor: BaseExecutor, job_id: str, error: BaseException) -> None:
        """Receive an error of an executor itself: its runs of the job are failures."""
        for pool in list(self._pools.values()):
            if pool.executor is executor:
                pool.failed(job_id, error)

    def _removed(self, ref: Ref) -> None:
        self._scheduler.forget(ref.key, ref.uid)
        self._mapping.release_all(ref)

    def _ended(self, ref: Ref, run: str, event: JobExecutionEvent) -> None:
        self._mapping.keep(ref, run, event)
        if ref.uid not in self._scheduler.overview.uids():
            self._mapping.release(ref, run)

    # -- into its loop

    def _post(self, function: Callable[[], None]) -> bool:
        """Have a function called in the loop; return False if there is none any more."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed: the scheduler has shut down
            return False
        return True

    def _spawn(self, work: Coroutine[Any, Any, None]) -> bool:
        if self._post(lambda: self._begin(work)):
            return True
        work.close()
        return False

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
