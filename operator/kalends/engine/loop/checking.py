"""Asks executors whether runs of a new or changed resource can start at all, before the first of them is due."""

from __future__ import annotations

import logging
import random

from kalends.clock import Clock
from kalends.engine.core.definition import Problem
from kalends.engine.core.run_names import run_name
from kalends.engine.core.state import ActiveRun, State
from kalends.engine.decisions.draft import run_of
from kalends.engine.loop.entry import Entry, Next
from kalends.engine.loop.executor_table import ExecutorTable
from kalends.engine.loop.listeners import Tell
from kalends.engine.loop.queues.backoff import (
    FAILURES_UNTIL_NOTICED,
    FIRST_BACKOFF,
    LONGEST_BACKOFF,
    Backoff,
    retry_after,
)
from kalends.engine.ports import Delayed
from kalends.errors import StartRefused, Unavailable

log = logging.getLogger(__name__)

CHECKED_FIRE_TIME = 9_999_999_999
"""A fire time in the year 2286: the name under which a resource is checked is never that of a run."""
FIRST_RECHECK = 60.0
LONGEST_RECHECK = 3600.0
"""Seconds between two checks of a resource whose Jobs an admission policy denies."""


class Checker:
    """Checks resources, each once for every edit, and again while an admission policy denies its Jobs."""

    def __init__(self, clock: Clock, executors: ExecutorTable, backoff: Backoff, tell: Tell) -> None:
        self._clock = clock
        self._executors = executors.by_alias
        self._backoff = backoff
        self._tell = tell

    async def check(self, entry: Entry) -> Next:
        """Ask the executor whether runs of a new or changed resource can start; its refusal is the entry's fault.

        What an admission policy refuses is asked again later, as the policy may change. While there is no answer,
        nothing starts, and what has ended is recorded.
        """
        schedule = entry.snapshot.schedule
        if schedule is None:
            return Next.DECIDE_AGAIN
        generation = entry.snapshot.generation
        try:
            name = run_name(schedule.ref.name, CHECKED_FIRE_TIME)
            run = run_of(schedule, ActiveRun(name, CHECKED_FIRE_TIME, 0, schedule.executor), State(armed=0))
            await self._executors[schedule.executor].check(run)
        except StartRefused as refusal:
            if entry.snapshot.generation == generation:
                entry.check.refusals = 0 if entry.fault is None else entry.check.refusals
                entry.fault = Problem(refusal.reason, refusal.message)
                self._check_again(entry, FIRST_RECHECK if refusal.may_pass else None, LONGEST_RECHECK)
        except Unavailable as error:
            if entry.record is None:
                return self._backoff.later(entry, str(error))
            first = FIRST_BACKOFF if entry.fault is None else FIRST_RECHECK
            wish = retry_after(error)
            self._check_again(entry, first, max(first, LONGEST_BACKOFF), wish)
            if entry.check.refusals == FAILURES_UNTIL_NOTICED and entry.fault is None:
                self._tell(entry.ref, [Delayed(entry.ref, str(error))])
            log.warning("%s: not checked yet: %s", entry.ref.key, error)
            return Next.DECIDE_AGAIN
        except Exception as error:  # what went wrong for one resource must not reach the loop
            log.exception("%s: checking failed", entry.ref.key)
            return self._backoff.later(entry, f"{type(error).__name__}: {error}")
        else:
            entry.fault = None
            entry.check.refusals, entry.check.at = 0, None
        entry.check.generation = generation
        return Next.DECIDE_AGAIN

    def _check_again(self, entry: Entry, first: float | None, longest: float, at_least: float = 0.0) -> None:
        """Have an entry checked again: after ``first`` seconds, then later each time; or never before it changes."""
        entry.check.refusals += 1
        if first is None:
            entry.check.at = None
            return
        pause = min(longest, first * 2.0 ** min(entry.check.refusals - 1, 16))
        pause = max(pause * random.uniform(0.75, 1.0), at_least)  # noqa: S311 - spreads tries
        entry.check.at = self._clock.monotonic() + pause
