"""Where a resource waits while nothing is to be done about it: on the agenda, in line for a worker, or for a change."""

from __future__ import annotations

from kalends.clock import Clock
from kalends.engine.core.facts import Decision
from kalends.engine.core.state import Ref
from kalends.engine.decisions.decide import SEARCH_PAUSE
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.gathering import Gatherer
from kalends.engine.loop.listeners import Tell
from kalends.engine.loop.queues.inbox import Inbox
from kalends.engine.loop.queues.worker_queue import WorkerQueue
from kalends.engine.ports import Contested


class Requeue:
    """Puts resources to rest after a decision that asks for nothing."""

    def __init__(
        self,
        clock: Clock,
        inbox: Inbox,
        workers: WorkerQueue,
        gatherer: Gatherer,
        tell: Tell,
    ) -> None:
        self._clock = clock
        self._inbox = inbox
        self._workers = workers
        self._gatherer = gatherer
        self._tell = tell
        self._searching: set[str] = set()
        """Resources whose triggers are searched further before it is known which fire times are due."""

    def settle(self, entry: Entry, decision: Decision) -> None:
        """Note when to look at a resource again, and let it stand in line if it waits for a worker."""
        key, uid, schedule = entry.ref.key, entry.ref.uid, entry.snapshot.schedule
        self._tell_of_other_operators(entry)
        if decision.waiting and schedule is not None:
            self._workers.wait(schedule.executor, uid, schedule.ref.namespace)
        else:
            self._workers.leave(uid)
        self._searching.discard(key)
        wake_at = self._wake_at(entry, decision)
        if wake_at is None or not self._gatherer.is_open(entry):
            self._inbox.unschedule(key)
        elif decision.searching:
            # They take turns, so that the searches of many take no more of the loop than those of a few.
            self._searching.add(key)
            self._inbox.put_at(key, self._clock.now() + SEARCH_PAUSE * self._clock.second * len(self._searching))
        else:
            self._inbox.put_at(key, wake_at)

    def forget(self, ref: Ref) -> None:
        """Drop a resource that was deleted."""
        self._searching.discard(ref.key)
        self._workers.leave(ref.uid)

    def _wake_at(self, entry: Entry, decision: Decision) -> float | None:
        """Return when to look again: at the instant of the decision, or earlier to check the resource again."""
        if entry.check.at is None or self._gatherer.is_foreign(entry):
            return decision.wake_at
        pause = max(0.0, entry.check.at - self._clock.monotonic())
        again = self._clock.now() + pause * self._clock.second
        return again if decision.wake_at is None else min(decision.wake_at, again)

    def _tell_of_other_operators(self, entry: Entry) -> None:
        contention = "" if entry.record is None else self._gatherer.holders.contention(entry.record)
        if contention and contention != entry.contention:
            self._tell(entry.ref, [Contested(entry.ref, contention)])
        entry.contention = contention
