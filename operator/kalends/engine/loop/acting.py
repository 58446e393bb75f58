"""Carrying out a decision, in the one order in which a crash between any two steps is repaired (law 4).

Recorded claims start; Jobs are created (twice is once); then the record is written, under the version that
the decision was made from; last, Jobs beyond their limits go. Whatever fails is decided anew from what is then true.

A start that is refused for a reason that may pass does not hold up the rest: it is noted, and the next decision, made
at once, leaves that start out and records and deletes what is to be recorded and deleted.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from functools import partial

from kalends.clock import Clock
from kalends.engine.core.compiler import Compiler
from kalends.engine.core.definition import Problem
from kalends.engine.core.facts import Decision
from kalends.engine.core.policies import Refusal
from kalends.engine.core.refused_starts import ANY_FIRE_TIME, TRIES_UNTIL_NOTICED, RefusedStarts, pause_after
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.core.state import ActiveRun, Ref, State
from kalends.engine.decisions.draft import run_of
from kalends.engine.loop.ending_namespaces import EndingNamespaces
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.executor_table import ExecutorTable
from kalends.engine.loop.worker_queue import WorkerQueue
from kalends.engine.ports import Delayed, JobStore, Listener, Notice, Removed, Run, RunReport, StartPutOff
from kalends.engine.runs.job_uids import with_job_uids
from kalends.errors import (
    Conflict,
    Gone,
    NamespaceTerminating,
    NoLongerWanted,
    Refused,
    StartDeferred,
    StartRefused,
    Unavailable,
)
from kalends.model.reasons import Reason
from kalends.model.values import Outcome

log = logging.getLogger(__name__)

FAILURES_UNTIL_NOTICED = 4
"""After so many tries in a row, about three seconds, users are informed that something is in the way."""
CHECKED_FIRE_TIME = 9_999_999_999
"""A fire time in the year 2286: the name under which a resource is checked is never that of a run."""
FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 5.0
"""Seconds between two tries while a store or the API server does not answer."""
FIRST_RECHECK = 60.0
LONGEST_RECHECK = 3600.0
"""Seconds between two checks of a resource whose Jobs an admission policy denies."""
MAX_RETRY_AFTER = 60.0
"""Seconds for which the API server is left alone at most when it asks for that."""
REFUSED_WRITE_PAUSE = 300.0
"""Seconds between two tries to write a record that is refused for what the resource holds besides: until a user
corrects that, which is noticed at once, each try costs the API server a full validation and changes nothing."""


class Next(Enum):
    """What to do about a resource after a step."""

    DECIDE_AGAIN = auto()
    """Decide at once: there may be more to do."""
    WAIT = auto()
    """Decide at ``Entry.not_before``, or when the resource changes."""


class Actor:
    """Acts on one decision about one resource; many resources are acted on side by side."""

    def __init__(
        self,
        clock: Clock,
        store: JobStore,
        compiler: Compiler,
        executors: ExecutorTable,
        workers: WorkerQueue,
        listeners: Sequence[Listener],
    ) -> None:
        self._clock = clock
        self._store = store
        self._compiler = compiler
        self._table = executors
        self._executors = executors.by_alias
        self._workers = workers
        self._namespaces = EndingNamespaces(clock)
        self._listeners = listeners

    def resource_added(self, ref: Ref) -> None:
        """Take note of a resource that is new: nothing can be created in a namespace that is being deleted."""
        self._namespaces.revive(ref.namespace)

    @staticmethod
    def nothing_to_do(entry: Entry, decision: Decision) -> bool:
        """Return whether the decision asks for nothing: the record says it all."""
        return (
            (decision.state == entry.record or (entry.record is None and (decision.foreign or decision.unrecorded)))
            and not (entry.snapshot.incomplete and not decision.foreign)
            and not decision.starts_before
            and not decision.starts_claimed
            and not decision.cancels
            and not decision.looks
            and not decision.takes_up
            and not decision.deletes
            and not decision.remove
        )

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
                return self.later(entry, str(error))
            first = FIRST_BACKOFF if entry.fault is None else FIRST_RECHECK
            wish = min(error.retry_after or 0.0, MAX_RETRY_AFTER)
            self._check_again(entry, first, max(first, LONGEST_BACKOFF), wish)
            if entry.check.refusals == FAILURES_UNTIL_NOTICED and entry.fault is None:
                self.tell(entry.ref, [Delayed(entry.ref, str(error))])
            log.warning("%s: not checked yet: %s", entry.ref.key, error)
            return Next.DECIDE_AGAIN
        except Exception as error:  # as in act
            log.exception("%s: checking failed", entry.ref.key)
            return self.later(entry, f"{type(error).__name__}: {error}")
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

    async def act(self, entry: Entry, decision: Decision) -> Next:  # noqa: PLR0911 - one way on for each answer
        """Carry out a decision.

        Returns:
            Whether to decide again at once.
        """
        if entry.is_behind or (entry.unanswered and decision.starts_before):
            # A spec that is known to be old starts and deletes nothing. And what starts before it is recorded must not
            # contradict what is; claims cannot, as their write would fail.
            return await self._read_again(entry)
        try:
            # A start that is refused ends this decision, and the next one does without it: what has ended is recorded,
            # and Jobs beyond their limits are deleted, whatever becomes of starts.
            if not await self._start_claimed(entry, decision.starts_claimed):
                return Next.DECIDE_AGAIN
            if not await self._start_before(entry, decision.starts_before):
                return Next.DECIDE_AGAIN
            await self._record(entry, self._with_uids_of_new_jobs(entry, decision))
            await self._ask_to_end(entry, decision.cancels)
            await self._look(entry.ref, decision)
            await self._delete(entry.ref, decision.deletes)
            if decision.remove:
                await self._remove(entry)
                return self.later(entry, "it was deleted, and is not gone yet")
        except Conflict:
            return await self._read_again(entry)
        except Gone:
            return self.later(entry, "it is gone; its deletion is on its way")
        except Unavailable as error:
            return self.later(entry, str(error), min(error.retry_after or 0.0, MAX_RETRY_AFTER))
        except Refused as error:
            return self._refused(entry, error)
        except Exception as error:  # what went wrong for one resource must not reach the loop
            log.exception("%s: acting failed", entry.ref.key)
            return self.later(entry, f"{type(error).__name__}: {error}")
        return Next.DECIDE_AGAIN

    async def _start_claimed(self, entry: Entry, runs: Sequence[Run]) -> bool:
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

    async def _start_before(self, entry: Entry, runs: Sequence[Run]) -> bool:
        """Create the Jobs of runs; return False where they are to be decided on anew."""
        cluster = self._table.cluster
        if cluster is None:
            return True  # only runs of a cluster start before they are recorded
        for run in runs:
            if not self._is_wanted(entry, run):
                return False
            try:
                self._namespaces.insist_on(entry.ref.namespace)
                await cluster.start(run, partial(self._is_wanted, entry, run))
            except NoLongerWanted:
                return False
            except StartRefused as refusal:
                entry.runs.refused[run.name] = Refusal(refusal.reason, refusal.message)
            except NamespaceTerminating as error:
                self._leave_alone(entry, run, error)
                return False
            except Unavailable as error:
                self._put_off(entry, run, error)
                return False
            else:
                entry.refused_starts = None
                # The cluster shows the Job by now, and counts it.
                self._workers.started(run.executor, entry.ref.uid, run.name)
                self._namespaces.revive(entry.ref.namespace)
        return not any(run.name in entry.runs.refused for run in runs)

    def _put_off(self, entry: Entry, run: Run, error: Unavailable) -> None:
        """Note that a start was refused and may be possible later: until then it is left out of decisions."""
        # A pool starts a run or says that it did not; of a Job, only some answers say that it was not created.
        certain = isinstance(error, StartDeferred) or not self._table.is_cluster(run.executor)
        before, wish = entry.refused_starts, min(error.retry_after or 0.0, MAX_RETRY_AFTER)
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
        self.tell(entry.ref, [StartPutOff(entry.ref, run.executor, refused_starts.message)])
        if refused_starts.tries == TRIES_UNTIL_NOTICED:
            self.tell(entry.ref, [Delayed(entry.ref, refused_starts.message)])
        level = logging.WARNING if refused_starts.tries <= TRIES_UNTIL_NOTICED else logging.DEBUG
        log.log(level, "%s: %s was not started: %s", entry.ref.key, run.name, refused_starts.message)

    def _leave_alone(self, entry: Entry, run: Run, error: NamespaceTerminating) -> None:
        """Try no start of a resource whose namespace is being deleted, and decide nothing about it, for minutes."""
        until = self._namespaces.leave_alone(entry.ref.namespace)
        entry.refused_starts = RefusedStarts(str(error), 1, certain=False, up_to=ANY_FIRE_TIME, not_before=until)
        log.debug("%s: %s was not started: %s", entry.ref.key, run.name, error)

    def _is_wanted(self, entry: Entry, run: Run) -> bool:
        """Return whether a run is still to start, by what is known of its resource and by its deadline."""
        is_late = run.start_by is not None and self._clock.now() > run.start_by
        return not (entry.outdated or is_late)

    def _with_uids_of_new_jobs(self, entry: Entry, decision: Decision) -> Decision:
        """Return the decision with the UIDs of the Jobs that it has created: the same write records them."""
        if not decision.starts_before or self._table.cluster is None:
            return decision
        return replace(decision, state=with_job_uids(decision.state, self._table.cluster.views(entry.ref)))

    async def _record(self, entry: Entry, decision: Decision) -> None:
        before = entry.record
        written = decision.state == before and (decision.foreign or not entry.snapshot.incomplete)
        if written or decision.unrecorded:
            return
        # What stands there and cannot be read is left alone: only what the decision adds is written.
        unread = before is None and entry.snapshot.record_problem is not None
        before = State(armed=decision.state.armed) if unread else before
        entry.unanswered = True
        sent = self._clock.monotonic()
        version = await self._store.write(entry.ref, entry.version, before, decision.state, keeps_unread=unread)
        entry.write_seconds = self._clock.monotonic() - sent
        entry.recorded(version, decision.state)
        self.tell(entry.ref, decision.notices)

    def tell(self, ref: Ref, notices: Sequence[Notice]) -> None:
        """Notify the listeners of recorded decisions."""
        for notice in notices:
            for listener in self._listeners:
                try:
                    listener.notice(notice)
                except Exception:  # a failing listener must not stop the loop
                    log.exception("%s: a listener failed", ref.key)

    async def _ask_to_end(self, entry: Entry, runs: Sequence[ActiveRun]) -> None:
        for run in runs:
            # A run without a holder is a Job, whatever executor an edited status names.
            executor = self._executors.get(run.executor if run.holder else JOBS_EXECUTOR)
            if executor is not None:
                await executor.cancel(run.name, entry.ref, Reason(run.cancelling), job_uid=run.job_uid)
            entry.runs.asked_to_end |= {run.name}

    async def _look(self, ref: Ref, decision: Decision) -> None:
        uids = {run.name: run.job_uid for run in decision.state.active}
        uids |= {job.name: job.uid for job in decision.takes_up}
        for job in (*decision.looks, *(job.name for job in decision.takes_up)):
            if self._table.cluster is not None:
                await self._table.cluster.look(ref, job, uids.get(job, ""))

    async def _remove(self, entry: Entry) -> None:
        await self._store.delete(entry.ref, entry.version)
        if entry.removed:
            return
        entry.removed = True
        message = "its schedule has ended, and `ttlSecondsAfterFinished` is over"
        self.tell(entry.ref, [Removed(entry.ref, message)])

    async def _delete(self, ref: Ref, jobs: Sequence[str]) -> None:
        for job in jobs:
            if self._table.cluster is not None:
                await self._table.cluster.delete(ref, job)

    async def _read_again(self, entry: Entry) -> Next:
        """Read the record after a conflict: another write came in between, or our own write got no answer."""
        awaited = entry.awaited
        try:
            stored = await self._store.read(entry.ref)
        except (Gone, Unavailable, Conflict) as error:
            return self.later(entry, str(error))
        if entry.forgotten:
            return Next.WAIT
        entry.adopt(self._compiler.compile(stored), self._clock.monotonic())
        if entry.awaited == awaited:
            entry.awaited = 0  # the store answers with the newest version, so it has arrived
        return Next.DECIDE_AGAIN

    def _refused(self, entry: Entry, error: Refused) -> Next:
        """The record itself is not accepted: writing it again would change nothing, so its conditions say so once."""
        if entry.fault is not None:
            return self.later(entry, str(error), at_least=REFUSED_WRITE_PAUSE)
        log.error("%s: the record is refused: %s", entry.ref.key, error)
        entry.record_refused = True
        entry.fault = Problem(Reason.INTERNAL_ERROR, f"its record is refused: {error}"[:1024])
        return Next.DECIDE_AGAIN

    async def cancel(self, ref: Ref, run: str, executor: str, reason: Reason) -> None:
        """Stop a run whose end will not be recorded."""
        try:
            await self._executors[executor].cancel(run, ref, reason)
        except Exception:  # the run has no owner any more; what is left of it ends by itself
            log.exception("%s: %s could not be cancelled", ref.key, run)

    def later(self, entry: Entry, why: str, at_least: float | None = None) -> Next:
        """Put the next try off, for ``at_least`` so many seconds."""
        entry.failures += 1
        backoff = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(entry.failures - 1, 8))
        pause = max(backoff * random.uniform(0.5, 1.0), at_least or 0.0)  # noqa: S311 - spreads tries, keeps no secret
        entry.not_before = self._clock.monotonic() + pause
        if entry.failures == FAILURES_UNTIL_NOTICED:
            self.tell(entry.ref, [Delayed(entry.ref, why)])
        log.warning("%s: not done, trying again in %.1f s: %s", entry.ref.key, pause, why)
        return Next.WAIT
