"""Reviews one resource at a time: decides on it, and acts on the decision in a task, until there is nothing to do.

There is at most one task for each resource, so what is decided about it is recorded before the next decision about it.
A resource that fails harms only itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping

from kalends.clock import Clock
from kalends.engine.core.facts import Decision
from kalends.engine.loop.acting import Actor
from kalends.engine.loop.checking import Checker
from kalends.engine.loop.entry import Entry, Next
from kalends.engine.loop.gathering import Gatherer
from kalends.engine.loop.queues.backoff import Backoff
from kalends.engine.loop.queues.deferred_ends import can_wait_for_the_next
from kalends.engine.loop.queues.inbox import Inbox
from kalends.engine.loop.queues.requeue import Requeue
from kalends.engine.loop.queues.worker_queue import WorkerQueue
from kalends.model.reasons import Reason

log = logging.getLogger(__name__)

SHORTEST_PAUSE = 0.001
"""Seconds. Less is not waited for: today's instants have a resolution of a quarter of a microsecond."""
TRY_AGAIN = 10.0
"""Seconds between two tries at a resource after an unexpected error."""


class Reviewer:
    """Reviews the resources of a scheduler, each when the loop takes it out of the inbox."""

    def __init__(  # noqa: PLR0913 - the parts of the loop, each made by the scheduler
        self,
        *,
        clock: Clock,
        entries: Mapping[str, Entry],
        inbox: Inbox,
        workers: WorkerQueue,
        gatherer: Gatherer,
        checker: Checker,
        actor: Actor,
        backoff: Backoff,
        requeue: Requeue,
    ) -> None:
        self._clock = clock
        self._entries = entries
        self._inbox = inbox
        self._workers = workers
        self._gatherer = gatherer
        self._checker = checker
        self._actor = actor
        self._backoff = backoff
        self._requeue = requeue
        self.acting: set[asyncio.Task[None]] = set()
        """The tasks that act."""
        self._ending: set[asyncio.Task[None]] = set()

    def review(self, key: str) -> None:
        """Decide on a resource, and let a task act on the decision, if there is anything to do."""
        entry = self._entries.get(key)
        if entry is None:
            return
        if entry.acting:
            entry.again = True
            return
        pause = entry.not_before - self._clock.monotonic()
        if pause > SHORTEST_PAUSE:
            self._inbox.put_at(key, self._clock.now() + pause * self._clock.second)
            self._workers.pass_on(entry.ref.uid)
            return
        decision = None
        if not self._gatherer.must_check(entry):
            try:
                decision = self._gatherer.decide(entry)
            except Exception as error:  # as in acting: the loop continues with the others
                log.exception("%s: deciding failed twice", key)
                self._failed(entry, error)
                return
            if self._has_nothing_to_do(entry, decision):
                self._settle(entry, decision)
                return
            self._promise(entry, decision)
        self._workers.pass_on(entry.ref.uid)
        entry.acting = True
        self._spawn(self._act(entry, decision), self.acting)

    def _has_nothing_to_do(self, entry: Entry, decision: Decision) -> bool:
        """Return whether a decision asks for nothing now; ends may wait to be recorded with the next fire time."""
        if self._actor.nothing_to_do(entry, decision):
            return True
        return self._gatherer.is_open(entry) and can_wait_for_the_next(
            entry, decision, self._clock.now(), self._clock.second
        )

    def _promise(self, entry: Entry, decision: Decision) -> None:
        """Keep a slot for each start of a decision until it happens: no other resource must get the slot before."""
        for run in decision.state.active:
            if run.holder == self._gatherer.identity and run.name not in entry.runs.here:
                self._workers.promise(run.executor, entry.ref.uid, [run.name])
        for start in decision.starts_before:
            self._workers.promise(start.executor, entry.ref.uid, [start.name])

    def _settle(self, entry: Entry, decision: Decision) -> None:
        """Nothing to act on: note when to look at the resource again."""
        if decision.foreign:
            self._stop_runs_that_are_lost(entry)
        self._requeue.settle(entry, decision)

    def _stop_runs_that_are_lost(self, entry: Entry) -> None:
        """Stop the runs here that another operator has recorded as lost: it took this operator for gone."""
        active = set() if entry.record is None else {run.name for run in entry.record.active}
        for run in [name for name in entry.runs.here if name not in active]:
            self._spawn(self._actor.cancel(entry.ref, run, entry.runs.here.pop(run), Reason.HOLDER_GONE), self._ending)

    async def _act(self, entry: Entry, decision: Decision | None) -> None:
        """Act on decisions about one resource, this one first, until there is nothing left to do."""
        try:
            while await self._step(entry, decision) is Next.DECIDE_AGAIN:
                entry.again, decision = False, None
        except Exception as error:  # as in deciding: it harms only itself, and is tried again
            log.exception("%s: acting failed", entry.ref.key)
            self._failed(entry, error)
        finally:
            entry.acting = False
            self._after_acting(entry)

    def _failed(self, entry: Entry, error: Exception) -> None:
        self._backoff.later(entry, f"{type(error).__name__}: {error}")
        if self._entries.get(entry.ref.key) is entry:
            self._inbox.put_at(entry.ref.key, self._clock.now() + TRY_AGAIN * self._clock.second)
        self._workers.pass_on(entry.ref.uid)

    async def _step(self, entry: Entry, decision: Decision | None) -> Next:
        """Decide, unless that was done, and act once."""
        if decision is None and self._gatherer.must_check(entry):
            then = await self._checker.check(entry)
        else:
            decision = decision or self._gatherer.decide(entry)
            if self._has_nothing_to_do(entry, decision):
                self._settle(entry, decision)
                return Next.WAIT
            self._promise(entry, decision)
            self._workers.pass_on(entry.ref.uid)
            then = await self._actor.act(entry, decision)
        self._adopt_newer(entry)
        key = entry.ref.key
        if self._entries.get(key) is not entry:
            return Next.WAIT
        if then is Next.SETTLE and decision is not None:
            self._settle(entry, decision)
        if then is Next.WAIT:
            pause = entry.not_before - self._clock.monotonic()
            self._inbox.put_at(key, self._clock.now() + pause * self._clock.second)
        return then

    def _adopt_newer(self, entry: Entry) -> None:
        newer, entry.newer = entry.newer, None
        if newer is not None and entry.snapshot.precedes(newer.version, newer.compiled_with):
            entry.adopt(newer, self._clock.monotonic())
            entry.again = True

    def _after_acting(self, entry: Entry) -> None:
        key, uid = entry.ref.key, entry.ref.uid
        self._workers.release(uid)
        self._workers.pass_on(uid)
        if self._entries.get(key) is not entry:
            return
        self._adopt_newer(entry)
        if entry.again:
            entry.again = False
            self._inbox.put(key)

    def cancel_runs(self, entry: Entry, reason: Reason) -> None:
        """Stop the runs of a resource in this process; their ends are not recorded."""
        for run, executor in entry.runs.here.items():
            self._spawn(self._actor.cancel(entry.ref, run, executor, reason), self._ending)

    async def let_acting_end(self) -> None:
        """Cancel the tasks that act, and wait for their end."""
        tasks = list(self.acting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for entry in self._entries.values():
            if entry.acting:  # its task ended before its first step
                entry.acting = False
                self._after_acting(entry)

    @staticmethod
    def _spawn(work: Coroutine[object, object, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
