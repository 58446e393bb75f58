"""One run in a pool: its way from the launch of a worker to its end, or to the moment at which it takes too long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kalends.engine.core.state import Instant, Ref
from kalends.engine.ports import Run
from kalends.errors import Unavailable
from kalends.executors.pools.calling import STOPPED, Returned
from kalends.executors.pools.worker_ports import Call, Workers
from kalends.model.reasons import Reason
from kalends.model.values import Outcome

log = logging.getLogger(__name__)

End = tuple[Outcome, str, Returned]
"""Outcome, reason, and what was returned."""

LONGEST_START = 60.0
"""Seconds that a worker may take to take up a run: a fresh interpreter on a busy machine needs a few."""


@dataclass(slots=True, eq=False)
class PoolRun:
    """A run that has a worker."""

    run: Run
    started: Instant
    launched: asyncio.Future[None]
    given_up: asyncio.Future[None]
    call: Call | None = None
    asked: Reason | None = None
    """Why its end was asked for."""
    unattended: bool = False
    """Whether the caller was cancelled before the start was confirmed."""
    following: asyncio.Task[None] | None = None

    @property
    def key(self) -> str:
        """Return what identifies it in its pool."""
        return run_key(self.run.ref, self.run.name)

    def ask(self, reason: Reason) -> None:
        """Ask for its end, once."""
        if self.asked is None:
            self.asked = reason
            if self.call is not None:
                self.call.stop()

    def give_up(self) -> None:
        """Wait for its worker no longer, because the pool closes."""
        if not self.given_up.done():
            self.given_up.set_result(None)

    async def launch(self, workers: Workers) -> Call:
        """Return the call of a run once its worker is there, unless the run is given up before."""
        launching = asyncio.create_task(workers.launch(self.run), name=f"launch {self.run.name}")
        both: list[asyncio.Future[Any]] = [launching, self.given_up]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not launching.done():
            launching.cancel()
            await asyncio.wait([launching])
        if launching.cancelled():
            raise Unavailable("this operator is shutting down")
        return launching.result()

    async def until_late(self, call: Call, now: Callable[[], Instant]) -> End:
        """Wait for the end of a run, but not for longer than it may take; return what it is if it has not ended."""
        if not call.started.done():
            await first_of(call.started, call.ended, self.given_up, seconds=LONGEST_START)
        if call.started.done():
            self.started = now()
            limit = min((one for one in (self.run.time_limit, call.time_limit) if one is not None), default=None)
            await first_of(call.ended, self.given_up, seconds=limit)
            late = (Outcome.TIMED_OUT, Reason.TIMED_OUT, f"stopped, as it took longer than {limit} s")
        else:
            late = (Outcome.FAILED, Reason.WORKER_DIED, f"its worker did not start within {LONGEST_START:.0f} s")
        if self.given_up.done():
            late = (Outcome.CANCELLED, self.asked or Reason.SHUTTING_DOWN, STOPPED)
        outcome, reason, message = late
        return outcome, reason, Returned(message=message)

    def outcome(self, ended: asyncio.Future[Returned], failure: Reason) -> End:
        """Return how it ended; ``failure`` is the reason of a run that failed at its own end."""
        died = ended.exception()
        returned = ended.result() if died is None else Returned(error=str(died))
        if self.asked is not None:
            said = STOPPED if died is not None else returned.error or returned.message or STOPPED
            return Outcome.CANCELLED, self.asked, Returned(returned.result, said)
        if died is not None:
            return Outcome.FAILED, Reason.WORKER_DIED, returned
        if returned.error is not None:
            if returned.traceback:
                extra = {"task_traceback": returned.traceback}
                log.error("%s: %s raised an exception", self.run.ref.key, self.run.name, extra=extra)
            return Outcome.FAILED, failure, returned
        return Outcome.SUCCEEDED, "", returned


async def first_of(*futures: asyncio.Future[None] | asyncio.Future[Returned], seconds: float | None = None) -> None:
    """Wait for the first of these, for so many seconds at most."""
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def run_key(ref: Ref, run_name: str) -> str:
    """Return what identifies a run in its pool."""
    return f"{ref.uid}/{run_name}"
