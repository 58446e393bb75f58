"""An executor of the library as a pool of the engine: runs go in one at a time, and their ends come back."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import tzinfo

from kalends.clock import Clock
from kalends.engine.core.state import Instant, Ref
from kalends.engine.executor_ports import ExecutorEvents
from kalends.engine.ports import Run, RunReport
from kalends.errors import ExecutorShutDown, StartRefused, Unavailable
from kalends.events import EVENT_JOB_EXECUTED, EVENT_JOB_MISSED, JobExecutionEvent
from kalends.executors.base import BaseExecutor, MaxInstancesReachedError
from kalends.executors.results import error_text
from kalends.job import Job
from kalends.library.definitions import JobCall
from kalends.library.engine_store import NOT_ACTING
from kalends.model.reasons import Reason
from kalends.model.values import Outcome
from kalends.triggers.programs.compiled import jitter_of
from kalends.triggers.programs.datetimes import datetime_of

log = logging.getLogger(__name__)

ANY_NUMBER = 1_000_000
"""Free slots of an executor that accepts any number of runs."""
Key = tuple[str, str, Instant]
"""Alias of the job store, ID of the job, fire time: what an event names."""


@dataclass(slots=True, eq=False)
class _Active:
    """A run that its executor has."""

    run: Run
    started: Instant
    asked: Reason | None = None
    """Why its end was asked for."""
    reported: bool = False
    """Whether its end was reported although its executor still has it."""
    timer: asyncio.TimerHandle | None = None


class ExecutorPool:
    """Implements the engine's ``Pool`` with a ``BaseExecutor``."""

    def __init__(
        self,
        executor: BaseExecutor,
        clock: Clock,
        zone: tzinfo,
        keep: Callable[[Ref, str, JobExecutionEvent], None],
        acts_for: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Return a pool.

        Args:
            executor: Has the calls made.
            clock: Gives the start and the end of runs.
            zone: The zone of the fire times that the executor sees.
            keep: Receives the executor's event of a run that has ended, before its end is reported.
            acts_for: Whether this scheduler may act for a job store at the moment. It is asked right before each start.
        """
        self.executor = executor
        self._clock = clock
        self._zone = zone
        self._keep = keep
        self._acts_for = acts_for
        self._active: dict[Key, _Active] = {}
        self._events: ExecutorEvents
        self._loop: asyncio.AbstractEventLoop
        self._open = False
        self._emptied = asyncio.Event()
        self._ends: deque[tuple[Key, JobExecutionEvent]] = deque()
        """Ends of runs that the loop has not taken yet."""
        self._is_awake = False
        """Whether the loop is going to take them."""

    async def open(self, events: ExecutorEvents) -> None:
        """Accept runs."""
        self._loop = asyncio.get_running_loop()
        self._events = events
        self._ends.clear()
        self._is_awake = False
        self._open = True

    async def close(self, grace: float) -> None:
        """Accept no runs, and wait for up to ``grace`` seconds for those that are active."""
        self._open = False
        self._emptied = asyncio.Event()
        if self._active:
            try:
                async with asyncio.timeout(None if grace == float("inf") else grace):
                    await self._emptied.wait()
            except TimeoutError:
                log.warning("%d runs are still active; their ends will not be recorded", len(self._active))

    def free_slots(self) -> int:
        """Return how many more runs can start at once."""
        if not self.executor.accepting:
            return 0
        slots = self.executor.slots
        return ANY_NUMBER if slots is None else slots - len(self._active)

    def obstacle(self) -> str:
        """Return ``""``: a call may always return."""
        return ""

    async def check(self, run: Run) -> None:
        """Check nothing more than the compiler has: the job holds its callable."""

    async def start(self, run: Run) -> None:
        """Give a run to the executor.

        Raises:
            Unavailable: The executor is closed, or has no room now.
            StartRefused: The executor does not accept the run.
        """
        if not self._open:
            raise ExecutorShutDown("the scheduler is shutting down")
        if not self._acts_for(run.ref.namespace):
            raise Unavailable(NOT_ACTING)
        key = (run.ref.namespace, run.ref.name, run.fire_time)
        if key in self._active:
            return
        active = self._active[key] = _Active(run, self._now())
        job = self._job_of(run)
        try:
            self.executor.submit_job(job, [datetime_of(run.fire_time, self._zone)])
        except MaxInstancesReachedError as error:
            del self._active[key]
            raise Unavailable(str(error)) from error
        except Unavailable:
            del self._active[key]
            raise
        except Exception as error:
            del self._active[key]
            log.exception("Error submitting job %s to executor", job)
            raise StartRefused(Reason.INTERNAL_ERROR, f"it could not be submitted: {error_text(error)}") from error
        if run.time_limit is not None:
            active.timer = self._loop.call_later(run.time_limit, self._time_out, key, run.time_limit)

    def _job_of(self, run: Run) -> Job:
        """Return the job as the executor sees it. If its slots are known, the engine has judged the deadline."""
        target = run.target
        assert isinstance(target, JobCall)  # noqa: S101 - every job of this engine is one
        if self.executor.slots is None and not jitter_of(target.job.trigger) and run.attempt == 1:
            return target.job
        job = copy(target.job)
        job.misfire_grace_time = None
        return job

    def ended(self, event: JobExecutionEvent, fire_time: Instant) -> bool:
        """Receive the end of a run, in any thread; return False if the executor was given no such run."""
        key = (event.jobstore or "", event.job_id, fire_time)
        if key not in self._active:
            return False
        self._ends.append((key, event))
        if self._is_awake:
            return True  # the loop has not begun to take ends, so it takes this one, too
        self._is_awake = True
        try:
            self._loop.call_soon_threadsafe(self._take_ends)
        except RuntimeError:  # the engine's loop is closed
            self._is_awake = False
            log.warning("the end of a run of job %s is not recorded: the scheduler has shut down", event.job_id)
        return True

    def _take_ends(self) -> None:
        """Take the ends that have come: one wake-up of the loop serves all of a moment."""
        self._is_awake = False  # before the first is taken: an end that comes now wakes the loop again
        while self._ends:
            self._end(*self._ends.popleft())

    def failed(self, job_id: str, error: BaseException) -> None:
        """Receive an error of the executor itself, in any thread: the runs of the job that it has are failures."""
        for key in [key for key in list(self._active) if key[1] == job_id]:
            run = self._active[key].run
            moment = datetime_of(run.fire_time, self._zone)
            event = JobExecutionEvent(0, job_id, key[0], moment, exception=error)
            self.ended(event, key[2])

    def _end(self, key: Key, event: JobExecutionEvent) -> None:
        active = self._active.pop(key, None)
        if active is None:
            return
        if active.timer is not None:
            active.timer.cancel()
        if active.reported:
            self._events.freed()
        else:
            self._report(active, event)
        if not self._active:
            self._emptied.set()

    def _report(self, active: _Active, event: JobExecutionEvent) -> None:
        run = active.run
        self._keep(run.ref, run.name, event)
        outcome, reason, message = Outcome.SUCCEEDED, "", ""
        if event.code == EVENT_JOB_MISSED:
            outcome, reason = Outcome.MISSED, Reason.DEADLINE_EXCEEDED
            message = "its grace time was over when the executor could start it"
        elif event.code != EVENT_JOB_EXECUTED:
            outcome, reason = Outcome.FAILED, Reason.EXCEPTION
            message = "" if event.exception is None else error_text(event.exception)
            if active.asked is not None:
                outcome, reason = Outcome.CANCELLED, active.asked
        self._events.ended(
            RunReport(
                run.ref,
                run.name,
                run.fire_time,
                outcome,
                active.started,
                max(active.started, self._now()),
                reason,
                message,
                value=event.retval,
                exception=event.exception,
            )
        )

    def _time_out(self, key: Key, limit: float) -> None:
        active = self._active.get(key)
        if active is None or active.reported:
            return
        self._ask(active)
        active.reported = True
        run, now = active.run, self._now()
        message = f"it took longer than {limit} s"
        error = TimeoutError(message)
        moment = datetime_of(run.fire_time, self._zone)
        self._keep(run.ref, run.name, JobExecutionEvent(0, run.ref.name, run.ref.namespace, moment, exception=error))
        self._events.ended(
            RunReport(
                run.ref,
                run.name,
                run.fire_time,
                Outcome.TIMED_OUT,
                active.started,
                now,
                Reason.TIMED_OUT,
                message,
                exception=error,
            )
        )

    async def cancel(self, run_name: str, ref: Ref, reason: Reason, *, job_uid: str = "") -> None:
        """Ask for the end of a run, if its executor can. A run continues if its job was removed."""
        del job_uid
        if reason is Reason.OWNER_DELETED:
            return
        for active in self._active.values():
            if active.run.name == run_name and active.run.ref == ref:
                active.asked = reason
                self._ask(active)

    def _ask(self, active: _Active) -> None:
        run = active.run
        self.executor.cancel_run(run.ref.name, datetime_of(run.fire_time, self._zone))

    def _now(self) -> Instant:
        return int(self._clock.now())
