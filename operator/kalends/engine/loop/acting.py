"""Carrying out a decision, in the one order in which a crash between any two steps is repaired (law 4).

Recorded claims start; Jobs are created (twice is once); then the record is written, under the version that the decision
was made from; the claims that it has recorded start; last, Jobs beyond their limits are deleted. Whatever fails is
decided anew from what is then true.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Decision
from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.core.state import ActiveRun, Ref
from kalends.engine.loop.entry import Entry, Next
from kalends.engine.loop.executor_table import ExecutorTable
from kalends.engine.loop.queues.backoff import Backoff, retry_after
from kalends.engine.loop.recording import Recorder
from kalends.engine.loop.starting import Starter
from kalends.engine.runs.job_uids import with_job_uids
from kalends.errors import Conflict, Gone, Refused, Unavailable
from kalends.model.reasons import Reason

log = logging.getLogger(__name__)


class Actor:
    """Acts on one decision about one resource; many resources are acted on side by side."""

    def __init__(self, executors: ExecutorTable, starter: Starter, recorder: Recorder, backoff: Backoff) -> None:
        self._table = executors
        self._executors = executors.by_alias
        self._starter = starter
        self._recorder = recorder
        self._backoff = backoff

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

    async def act(self, entry: Entry, decision: Decision) -> Next:  # noqa: C901, PLR0911 - one way on for each answer
        """Carry out a decision.

        Returns:
            Whether to decide again at once.
        """
        if entry.is_behind or (entry.unanswered and decision.starts_before):
            # A spec that is known to be old starts and deletes nothing. And what starts before it is recorded must not
            # contradict what is; claims cannot, as their write would fail.
            return await self._recorder.read_again(entry)
        try:
            # A start that is refused ends this decision, and the next one does without it: what has ended is recorded,
            # and Jobs beyond their limits are deleted, even if starts fail.
            if not await self._starter.start_claimed(entry, decision.starts_claimed):
                return Next.DECIDE_AGAIN
            if not await self._starter.start_before(entry, decision.starts_before):
                return Next.DECIDE_AGAIN
            await self._recorder.record(entry, self._with_uids_of_new_jobs(entry, decision))
            # The claims are recorded by now. A claim that does not start stays recorded, and is decided on again.
            if not await self._starter.start_claimed(entry, decision.starts_after):
                return Next.DECIDE_AGAIN
            await self._ask_to_end(entry, decision.cancels)
            await self._look(entry.ref, decision)
            await self._delete(entry.ref, decision.deletes)
            if decision.remove:
                await self._recorder.remove(entry)
                if entry.forgotten:  # this store removes at once, and has said so
                    return Next.WAIT
                return self._backoff.later(entry, "it was deleted, and is not gone yet")
        except Conflict:
            return await self._recorder.read_again(entry)
        except Gone:
            return self._backoff.later(entry, "it is gone; its deletion is on its way")
        except Unavailable as error:
            return self._backoff.later(entry, str(error), retry_after(error))
        except Refused as error:
            return self._recorder.refused(entry, error)
        except Exception as error:  # what went wrong for one resource must not reach the loop
            log.exception("%s: acting failed", entry.ref.key)
            return self._backoff.later(entry, f"{type(error).__name__}: {error}")
        return Next.SETTLE if self._is_settled(entry, decision) else Next.DECIDE_AGAIN

    def _is_settled(self, entry: Entry, decision: Decision) -> bool:
        """Return whether nothing came up while a decision was acted on, and the decision brings up nothing itself.

        Where runs may be Jobs, more facts come up than a decision can show, so it is always made again.
        """
        return (
            self._table.cluster is None
            and decision.leaves_nothing_to_decide
            and entry.record is decision.state
            and not entry.has_news
            and not entry.again
            and not entry.runs.reports
            and not entry.runs.refused
            and not entry.forgotten
        )

    def _with_uids_of_new_jobs(self, entry: Entry, decision: Decision) -> Decision:
        """Return the decision with the UIDs of the Jobs that it has created: the same write records them."""
        if not decision.starts_before or self._table.cluster is None:
            return decision
        return replace(decision, state=with_job_uids(decision.state, self._table.cluster.views(entry.ref)))

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

    async def _delete(self, ref: Ref, jobs: Sequence[str]) -> None:
        for job in jobs:
            if self._table.cluster is not None:
                await self._table.cluster.delete(ref, job)

    async def cancel(self, ref: Ref, run: str, executor: str, reason: Reason) -> None:
        """Stop a run whose end will not be recorded."""
        try:
            await self._executors[executor].cancel(run, ref, reason)
        except Exception:  # the run has no owner any more; what is left of it ends by itself
            log.exception("%s: %s could not be cancelled", ref.key, run)
