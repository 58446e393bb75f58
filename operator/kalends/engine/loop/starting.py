"""Starts runs: those whose claim is recorded, and Jobs, which are recorded after they were created.

A start that is refused for a reason that may pass ends the decision: it is noted, and the next decision leaves it out.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from functools import partial

from kalends.clock import Clock
from kalends.engine.core.policies import Refusal
from kalends.engine.core.refused_starts import ANY_FIRE_TIME, TRIES_UNTIL_NOTICED, RefusedStarts, pause_after
from kalends.engine.loop.ending_namespaces import EndingNamespaces
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.executor_table import ExecutorTable
from kalends.engine.loop.listeners import Tell
from kalends.engine.loop.queues.backoff import retry_after
from kalends.engine.loop.queues.worker_queue import WorkerQueue
from kalends.engine.ports import Delayed, Run, RunReport, StartPutOff
from kalends.errors import (
    ExecutorShutDown,
    NamespaceTerminating,
    NoLongerWanted,
    StartDeferred,
    StartRefused,
    Unavailable,
)
from kalends.model.reasons import Reason
from kalends.model.values import Outcome

log = logging.getLogger(__name__)


class Starter:
    """Starts the runs of decisions."""

    def __init__(
        self, clock: Clock, executors: ExecutorTable, workers: WorkerQueue, namespaces: EndingNamespaces, tell: Tell
    ) -> None:
        self._clock = clock
        self._table = executors
        self._executors = executors.by_alias
        self._workers = workers
        self._tell = tell
        self._namespaces = namespaces

    async def start_claimed(self, entry: Entry, runs: Sequence[Run]) -> bool:
        """Start runs whose claim is recorded; return False where they are to be decided on anew."""
        for run in runs:
            if not self._is_wanted(entry, run):
                return False
            entry.runs.here[run.name] = run.executor
            entry.runs.began[run.name] = self._clock.now()
            try:
                await self._executors[run.executor].start(run)
            except Unavailable as error:
                del entry.runs.here[run.name], entry.runs.began[run.name]
                self._put_off(entry, run, error)
                return False
            except StartRefused as refusal:
                now = int(self._clock.now())
                entry.runs.reports[run.name] = RunReport(
                    run.ref, run.name, run.fire_time, Outcome.FAILED, now, now, refusal.reason, refusal.message
                )
            except Exception as error:  # it is unknown whether it started: it is not started again
                log.exception("%s: %s could not be started", entry.ref.key, run.name)
                now = int(self._clock.now())
                detail = f"it could not be started: {type(error).__name__}: {error}"[:1024]
                entry.runs.reports[run.name] = RunReport(
                    run.ref, run.name, run.fire_time, Outcome.LOST, now, now, Reason.INTERNAL_ERROR, detail
                )
            else:
                entry.refused_starts = None
            self._workers.started(run.executor, entry.ref.uid, run.name)
        return True

    async def start_before(self, entry: Entry, runs: Sequence[Run]) -> bool:
        """Create the Jobs of runs; return False where they are to be decided on anew."""
        cluster = self._table.cluster
        if cluster is None:
            return True  # only runs of a cluster start before they are recorded
        for run in runs:
            if not self._is_wanted(entry, run):
                return False
            try:
                self._namespaces.require_open(entry.ref.namespace)
                await cluster.start(run, partial(self._is_wanted, entry, run))
            except NoLongerWanted:
                return False
            except StartRefused as refusal:
                entry.runs.refused[run.name] = Refusal(refusal.reason, refusal.message)
            except NamespaceTerminating as error:
                # The next decision finds the namespace among those that are left alone.
                self._namespaces.add(entry.ref.namespace)
                log.debug("%s: %s was not started: %s", entry.ref.key, run.name, error)
                return False
            except Unavailable as error:
                if not isinstance(error, StartDeferred):  # it may have been created
                    entry.runs.created[run.name] = run.fire_time
                self._put_off(entry, run, error)
                return False
            else:
                entry.refused_starts = None
                entry.runs.created[run.name] = run.fire_time
                # The cluster shows the Job by now, and counts it.
                self._workers.started(run.executor, entry.ref.uid, run.name)
                self._namespaces.discard(entry.ref.namespace)
        return not any(run.name in entry.runs.refused for run in runs)

    def _put_off(self, entry: Entry, run: Run, error: Unavailable) -> None:
        """Note that a start was refused and may be possible later: until then it is left out of decisions."""
        # A pool starts a run or says that it did not; of a Job, only some answers say that it was not created.
        certain = isinstance(error, StartDeferred) or not self._table.is_cluster(run.executor)
        before, wish = entry.refused_starts, retry_after(error)
        tries = 1 if before is None else before.tries + 1
        pause = pause_after(tries, certain=certain) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads tries
        newest = run.fire_time if before is None else max(run.fire_time, before.up_to)
        entry.refused_starts = refused_starts = RefusedStarts(
            str(error),
            tries,
            certain=certain,
            up_to=ANY_FIRE_TIME if wish else newest,
            not_before=self._clock.monotonic() + max(pause, wish),
        )
        self._tell(entry.ref, [StartPutOff(entry.ref, run.executor, refused_starts.message)])
        if refused_starts.tries == TRIES_UNTIL_NOTICED:
            self._tell(entry.ref, [Delayed(entry.ref, refused_starts.message)])
        # An executor is shut down right before its scheduler; only an executor that stays so is reported.
        is_first = tries == 1 and isinstance(error, ExecutorShutDown)
        level = logging.WARNING if tries <= TRIES_UNTIL_NOTICED and not is_first else logging.DEBUG
        log.log(level, "%s: %s was not started: %s", entry.ref.key, run.name, refused_starts.message)

    def _is_wanted(self, entry: Entry, run: Run) -> bool:
        """Return whether a run is still to start, by what is known of its resource and by its deadline."""
        is_late = run.start_by is not None and self._clock.now() > run.start_by
        return not (entry.outdated or is_late)
