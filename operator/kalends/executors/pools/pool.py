"""What every pool shares, whatever its workers are: runs counted truthfully, timed, cancelled, and reported once.

A run takes a worker from the moment it is asked for until the worker is really free of it. What cannot be killed, a
thread, may be reported before that: it is then stuck. A new worker takes the place of a stuck one, up to a bound;
beyond it, a stuck one counts as taken until it returns. There is no queue in here: a run that finds no free worker is
deferred, and waits in the recorded queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial

from kalends.clock import Clock
from kalends.engine.core.state import Instant, Ref
from kalends.engine.executor_ports import ExecutorEvents
from kalends.engine.ports import Run, RunReport
from kalends.errors import StartRefused, Unavailable
from kalends.executors.pools.calling import Returned
from kalends.executors.pools.pool_run import PoolRun, first_of, run_key
from kalends.executors.pools.worker_ports import Call, Workers
from kalends.model.reasons import Reason
from kalends.model.values import Outcome

log = logging.getLogger(__name__)


class PoolExecutor:
    """An executor whose runs are in workers of this process: threads, processes, commands."""

    def __init__(self, size: int, workers: Workers, clock: Clock, *, replaced: int = 0) -> None:
        """Return a pool.

        Args:
            size: Maximum number of active runs.
            workers: What carries them out.
            clock: Gives the start and the end of runs.
            replaced: How many stuck workers are replaced.
        """
        self.size = size
        self._replaced = replaced
        self._held_up_since: float | None = None
        self._workers = workers
        self._clock = clock
        self._runs: dict[str, PoolRun] = {}
        self._stuck: set[PoolRun] = set()
        self._events: ExecutorEvents
        """Set by ``open``, before which no run starts."""
        self._open = False

    async def open(self, events: ExecutorEvents) -> None:
        """Accept runs, and report to ``events``."""
        self._events = events
        self._open = True
        # A worker that is stuck since an earlier event loop cannot report its return: its thread is not counted.
        self._stuck = {going for going in self._stuck if not going.launched.get_loop().is_closed()}
        self._count_stuck()

    def free_slots(self) -> int:
        """Return how many workers are free. One that is stuck, and in whose place there is no other, is not."""
        return self.size - len(self._runs) - self._lost

    @property
    def _lost(self) -> int:
        """How many workers are missing, as they are stuck and none took their place."""
        return max(0, len(self._stuck) - self._replaced)

    def obstacle(self) -> str:
        """Return why no worker may ever be free again, or ``""``."""
        if self._lost < self.size:
            return ""
        return f"all {self.stuck} workers are held by runs that timed out and have not returned"

    @property
    def held_up(self) -> float:
        """For how many seconds there has been an obstacle."""
        return 0.0 if self._held_up_since is None else self._clock.monotonic() - self._held_up_since

    def _count_stuck(self) -> None:
        if not self.obstacle():
            self._held_up_since = None
        elif self._held_up_since is None:
            self._held_up_since = self._clock.monotonic()

    @property
    def stuck(self) -> int:
        """How many workers are at a run that was reported as over, and could not be stopped."""
        return len(self._stuck)

    async def check(self, run: Run) -> None:
        """Check a run without starting it.

        Raises:
            StartRefused: A worker cannot carry it out.
            Unavailable: It cannot be checked now.
        """
        self._workers.check(run)
        await self._workers.look(run)

    async def start(self, run: Run) -> None:
        """Give a run to a worker; an active run is left alone.

        Raises:
            StartRefused: A worker cannot carry it out.
            Unavailable: No worker is free, or can be started now.
        """
        self._workers.check(run)
        if run_key(run.ref, run.name) in self._runs:
            return
        if not self._open:
            raise Unavailable("this operator is shutting down")
        if self.free_slots() <= 0:
            raise Unavailable(self.obstacle() or f"all {self.size} workers are taken, {self._lost} of them stuck")
        loop = asyncio.get_running_loop()
        going = PoolRun(run, self._now(), loop.create_future(), loop.create_future())
        self._runs[going.key] = going
        going.following = asyncio.create_task(self._carry_out(going), name=f"run {run.name}")
        try:
            await asyncio.shield(going.launched)
        except asyncio.CancelledError:
            going.unattended = (
                True  # the caller was cancelled before the worker started: the run continues, and is reported
            )
            raise

    async def _carry_out(self, going: PoolRun) -> None:
        try:
            going.call = await going.launch(self._workers)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing has started, and the worker is not taken
            self._not_launched(going, error)
            return
        going.launched.set_result(None)
        if going.asked is not None:
            going.call.stop()
        await self._follow(going, going.call)

    def _not_launched(self, going: PoolRun, error: Exception) -> None:
        if not isinstance(error, Unavailable | StartRefused):
            # Trying again would fail again: a run that fails is better than a run that never ends.
            log.error("%s: %s could not be started", going.run.ref.key, going.run.name, exc_info=error)
            error = StartRefused(Reason.INTERNAL_ERROR, f"it could not be started: {type(error).__name__}: {error}")
        if going.unattended:
            reason = error.reason if isinstance(error, StartRefused) else Reason.WORKER_DIED
            self._end(going, Outcome.FAILED, reason, Returned(error=str(error)))
            return
        going.launched.set_exception(error)
        del self._runs[going.key]
        self._events.freed()

    async def _follow(self, going: PoolRun, call: Call) -> None:
        """See a run through until its worker is free of it."""
        late = await going.until_late(call, self._now)
        given_up, in_time = going.given_up.done(), call.ended.done()
        if not in_time:
            call.stop()
            await first_of(call.ended, seconds=self._workers.patience)
        if in_time or (given_up and call.ended.done()):
            self._end(going, *going.outcome(call.ended, self._workers.failure))
        elif call.ended.done():
            call.ended.exception()  # that it was killed is no news
            self._end(going, *late)
        else:
            self._give_up(going, call, *late)

    def _end(self, going: PoolRun, outcome: Outcome, reason: str, returned: Returned) -> None:
        del self._runs[going.key]  # before the report: a run that waits for a worker is tried at once
        self._tell(going, outcome, reason, returned)
        if reason == Reason.OWNER_DELETED:
            self._events.freed()  # no resource needs the report any more

    def _give_up(self, going: PoolRun, call: Call, outcome: Outcome, reason: str, returned: Returned) -> None:
        """Report a run as ended while its worker hangs, and count the worker as taken until it returns."""
        self._stuck.add(going)
        del self._runs[going.key]
        self._count_stuck()
        log.warning(
            "%s: %s cannot be stopped, and its worker is stuck until it returns: %d are, and %d of %d workers are left",
            going.run.ref.key,
            going.run.name,
            self.stuck,
            self.size - self._lost,
            self.size,
        )
        self._tell(going, outcome, reason, returned)
        call.ended.add_done_callback(partial(self._returned, going))

    def _returned(self, going: PoolRun, ended: asyncio.Future[Returned]) -> None:
        """Count the worker of a run that was reported long ago as free, also if the pool was closed since."""
        if not ended.cancelled():
            ended.exception()
        log.info("%s: %s has returned, and its worker is free again", going.run.ref.key, going.run.name)
        self._stuck.discard(going)
        self._count_stuck()
        self._events.freed()

    def _tell(self, going: PoolRun, outcome: Outcome, reason: str, returned: Returned) -> None:
        run = going.run
        ended = max(going.started, self._now())
        message = returned.message if returned.error is None else returned.error
        report = RunReport(
            run.ref,
            run.name,
            run.fire_time,
            outcome,
            going.started,
            ended,
            reason,
            message,
            returned.result,
            returned.value,
            returned.exception,
        )
        try:
            self._events.ended(report)
        except Exception:  # a listener's failure must not cost a worker
            log.exception("%s: the end of %s could not be reported", run.ref.key, run.name)

    async def cancel(self, run_name: str, ref: Ref, reason: Reason, *, job_uid: str = "") -> None:
        """Ask for the end of a run: it is reported once its worker is free of it, or its time limit is over."""
        del job_uid  # a run in a pool has no Job
        going = self._runs.get(run_key(ref, run_name))
        if going is not None:
            going.ask(reason)

    async def close(self, grace: float) -> None:
        """Let runs end for up to ``grace`` seconds, give up what is left, and release the workers."""
        self._open = False
        going_on = _following(self._runs.values())
        if going_on:
            await asyncio.wait(going_on, timeout=grace)
        left = [*self._runs.values(), *self._stuck]
        for going in left:
            going.ask(Reason.SHUTTING_DOWN)
            going.give_up()
        await asyncio.gather(*_following(left), return_exceptions=True)
        await self._workers.close()

    def _now(self) -> Instant:
        return int(self._clock.now())


def _following(runs: Iterable[PoolRun]) -> list[asyncio.Task[None]]:
    return [going.following for going in runs if going.following is not None]
