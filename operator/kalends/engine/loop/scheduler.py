"""The one loop: wait for a fire time or a change, gather, decide, act.

This module receives resources and runs the loop, from ``run`` to ``drain``. ``reviewing`` decides on one resource and
acts on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from kalends.clock import Clock
from kalends.engine.core.compiler import Compiler
from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Stored
from kalends.engine.core.holders import operators_in
from kalends.engine.core.state import Ref
from kalends.engine.executor_ports import Cluster, Pool
from kalends.engine.loop.acting import Actor
from kalends.engine.loop.checking import Checker
from kalends.engine.loop.ending_namespaces import EndingNamespaces
from kalends.engine.loop.entry import Entry
from kalends.engine.loop.executor_table import ExecutorTable
from kalends.engine.loop.gathering import Gatherer
from kalends.engine.loop.listeners import Listeners
from kalends.engine.loop.overview import Overview
from kalends.engine.loop.queues.backoff import Backoff
from kalends.engine.loop.queues.inbox import LONGEST_SLEEP, Inbox
from kalends.engine.loop.queues.requeue import Requeue
from kalends.engine.loop.queues.worker_queue import WorkerQueue
from kalends.engine.loop.recording import Recorder
from kalends.engine.loop.reviewing import Reviewer
from kalends.engine.loop.starting import Starter
from kalends.engine.ports import JobStore, Listener, RunReport
from kalends.model.reasons import Reason

log = logging.getLogger(__name__)

REVIEWS_IN_A_ROW = 50
"""How many resources are looked at before tasks that act get their turn."""
FINISHING = 0.5
"""Grace for other writes in flight at shutdown, in seconds. The next leader repairs a write that was interrupted."""
RECORDING = 5.0
"""Seconds that writes may take at shutdown, before and after runs were given time to end."""


class Scheduler:
    """Decides on every resource it is shown, and has it acted on.

    ``acts_for`` says whether this replica may act on the resources of a namespace at the moment. While it may not, it
    records how its own runs end, and decides nothing else. ``longest_sleep`` is how many seconds may pass without a
    look at the clock, which can be stepped. It may be infinite if ``look_at_clock`` is called after each step.
    """

    def __init__(  # noqa: PLR0913 - the ports, and what is not left to defaults
        self,
        *,
        clock: Clock,
        store: JobStore,
        pools: Mapping[str, Pool],
        identity: str,
        cluster: Cluster | None = None,
        listeners: Sequence[Listener] = (),
        compiler: Compiler | None = None,
        acts_for: Callable[[str], bool] = lambda _: True,
        longest_sleep: float = LONGEST_SLEEP,
    ) -> None:
        self.clock = clock
        self.identity = identity
        self.last_pass = clock.monotonic()
        self._compiler = compiler or Compiler()
        self._executors = ExecutorTable(pools, cluster)
        self._entries: dict[str, Entry] = {}
        self._keys: dict[str, str] = {}
        self._inbox = Inbox(clock, longest_sleep)
        self._workers = WorkerQueue(self._executors.by_alias, self._look_at)
        self._namespaces = EndingNamespaces(clock)
        self._gatherer = Gatherer(clock, identity, self._executors, self._workers, self._namespaces, acts_for)
        tell = Listeners(listeners).tell
        backoff = Backoff(clock, tell)
        starter = Starter(clock, self._executors, self._workers, self._namespaces, tell)
        self._requeue = Requeue(clock, self._inbox, self._workers, self._gatherer, tell)
        recorder = Recorder(clock, store, self._compiler, backoff, tell)
        self._reviewer = Reviewer(
            clock=clock,
            entries=self._entries,
            inbox=self._inbox,
            workers=self._workers,
            gatherer=self._gatherer,
            checker=Checker(clock, self._executors, backoff, tell),
            actor=Actor(self._executors, starter, recorder, backoff),
            backoff=backoff,
            requeue=self._requeue,
        )
        self.overview = Overview(
            self._entries, self._keys, self._inbox, self._workers, self._reviewer.acting, self._compiler
        )
        self._running = False
        self._paused = False
        self._active_drains = 0

    # -- what it is shown

    def observe(self, stored: Stored, *, again: bool = False) -> None:
        """Receive a resource as it now is. An older version changes nothing; the known one only with ``again``.

        Under the known version, a resource that was compiled with other surroundings is compiled anew, too.
        """
        key, edition = stored.ref.key, self._compiler.edition
        entry = self._entries.get(key)
        if entry is not None and entry.ref.uid != stored.ref.uid:
            self.forget(key, entry.ref.uid)
            entry = None
        if entry is None:
            self._add(stored)
        elif not entry.snapshot.precedes(stored.version, edition) and not (again and stored.version == entry.version):
            return
        elif not entry.acting:
            entry.adopt(self._compiler.compile(stored), self.clock.monotonic())
        elif entry.newer is None or entry.newer.precedes(stored.version, edition):
            entry.newer = self._compiler.compile(stored)
        self._inbox.put(key)

    def namespace_is_ending(self, namespace: str) -> bool:
        """Return whether a namespace is known to be on its way out: nothing can be created in it."""
        return namespace in self._namespaces

    def know_ending(self, namespace: str) -> None:
        """Take note of a namespace that is being deleted, as the API server has refused to create an object in it."""
        self._namespaces.add(namespace)

    def _add(self, stored: Stored) -> None:
        snapshot = self._compiler.compile(stored)
        entry = Entry(snapshot, snapshot.version, snapshot.state)
        if snapshot.state is None:
            entry.found_request = snapshot.request
        self._entries[stored.ref.key] = entry
        self._keys[stored.ref.uid] = stored.ref.key
        self._namespaces.discard(stored.ref.namespace)  # only in a namespace that is not being deleted can it be new

    def await_newer(self, key: str, uid: str, generation: int) -> None:
        """Take note of a newer version that is still to be read: until then the older spec starts nothing."""
        entry = self._entries.get(key)
        if entry is not None and entry.ref.uid != uid:
            self.forget(key, entry.ref.uid)  # another resource has taken its name
        elif entry is not None:
            entry.awaited = max(entry.awaited, generation)

    def forget(self, key: str, uid: str) -> None:
        """Forget a deleted resource, and cancel its runs in this process. Its Jobs are deleted with their owner."""
        entry = self._entries.get(key)
        if entry is None or (uid and entry.ref.uid != uid):
            return
        entry.forgotten = True
        del self._entries[key]
        self._keys.pop(entry.ref.uid, None)
        self._inbox.discard(key)
        self._requeue.forget(entry.ref)
        self._workers.release(entry.ref.uid)
        self._compiler.forget(entry.ref)
        self._reviewer.cancel_runs(entry, Reason.OWNER_DELETED)
        log.info("%s: forgotten, it was deleted", key)

    def give_up_runs(self, namespace: str | None = None) -> None:
        """Stop the runs in this process: another operator decides now, and has recorded them as lost.

        With ``namespace``, only runs of its resources.
        """
        for entry in self._entries.values():
            if namespace in {None, entry.ref.namespace}:
                self._reviewer.cancel_runs(entry, Reason.HOLDER_GONE)

    def operators_gone(self, operators: frozenset[str]) -> None:
        """Take note of which other operators, by their Leases, are gone, and look at what that changes."""
        before = self._gatherer.holders
        self._gatherer.holders = replace(before, gone=operators)
        for key, entry in self._entries.items():
            if entry.record is not None and operators_in(entry.record) & (before.gone ^ operators):
                self._inbox.put(key)

    def look_at_all(self, namespace: str) -> None:
        """Look at every resource of a namespace, as this replica may act on them now."""
        self._inbox.fill([key for key, entry in self._entries.items() if entry.ref.namespace == namespace])
        self._inbox.wake()

    def look_at_clock(self) -> None:
        """Look at the clock now, as it was set."""
        self._inbox.wake()

    async def let_starts_end(self) -> None:
        """Wait until each run whose claim is being written has started, after ``pause``."""
        await wait_while(self.clock, self._is_starting_in_a_pool, RECORDING)

    def holders_alive(self, holders: frozenset[str]) -> None:
        """Take note of which holders act no more and still have runs, and look at what that changes."""
        before = self._gatherer.holders
        self._gatherer.holders = replace(before, alive=holders)
        for key, entry in self._entries.items():
            if entry.record is not None and any(run.holder in before.alive ^ holders for run in entry.record.active):
                self._inbox.put(key)

    def _ended(self, executor: str, report: RunReport) -> None:
        entry = self._entries.get(report.ref.key)
        if entry is not None and entry.ref.uid == report.ref.uid:
            entry.runs.reports[report.name] = report
            self._inbox.put(report.ref.key)
        self._workers.freed(executor)

    def _jobs_changed(self, ref: Ref) -> None:
        if self._keys.get(ref.uid) == ref.key:
            self._inbox.put(ref.key)

    def _look_at(self, uid: str) -> None:
        if (key := self._keys.get(uid)) is not None:
            self._inbox.put(key)

    # -- the loop

    async def run(self) -> None:
        """Run until cancelled. It may be run again, also after a drain: what happened since is decided on then.

        What it was shown by then must be as new as the moment: from an old record, a Job that is over and deleted
        would be made again.
        """
        if not self._active_drains:  # a loop that starts anew while the process stops must not start runs again
            await self._executors.open(self._ended, self._jobs_changed, self._workers.freed)
            if self._paused:
                self._executors.stop_pools()
        self._inbox.fill(self._entries)  # also those whose acting was cut off with an earlier loop
        self._running = True
        try:
            while True:
                self.last_pass = self.clock.monotonic()
                self._inbox.fill()
                await self._review_all()
                await self._inbox.wait()
        finally:
            self._running = False
            await self._reviewer.let_acting_end()

    def pause(self) -> None:
        """Decide no fire times whose runs are in pools, until ``resume``. Runs end, and their ends are recorded."""
        self._paused = True
        self._executors.stop_pools()

    def resume(self) -> None:
        """Decide fire times again, those that have come since ``pause`` included."""
        self._paused = False
        if not self._active_drains:
            self._executors.start_pools()
        self._inbox.fill(self._entries)
        self._inbox.wake()

    async def add_pool(self, alias: str, pool: Pool) -> None:
        """Add a pool. The caller shows the resources again that name it."""
        await self._executors.add(alias, pool)
        if self._paused:
            self._executors.stop_pools()

    async def remove_pool(self, alias: str, grace: float) -> None:
        """Remove a pool, after up to ``grace`` seconds for its runs."""
        await self._executors.remove(alias, grace)

    async def drain(self, grace: float, hand_over: Callable[[], Awaitable[None]] | None = None) -> None:
        """Close the executors: let runs end for up to ``grace`` seconds, and record how they ended.

        ``hand_over`` is called once no run of a pool starts any more, before runs are given time to end.

        Runs in the cluster are still started until pools are closed, as no other operator starts them before. The loop
        records what ends; if it does not run, runs only end. The next ``run`` opens the executors again.
        """
        self._active_drains += 1
        try:
            self._executors.stop_pools()
            # A claim that is being written still starts.
            await wait_while(self.clock, self._is_starting_in_a_pool, RECORDING)
            if hand_over is not None:
                await hand_over()
            await self._executors.close(grace)
            await asyncio.sleep(0)  # reports of the runs that have just ended arrive
            if not await wait_while(self.clock, self._has_unrecorded_end, RECORDING):
                unrecorded = [name for entry in self._entries.values() for name in entry.unrecorded_ends]
                log.error("The ends of these runs are not recorded: %s", ", ".join(sorted(unrecorded)))
            if self._running and self._reviewer.acting:
                await asyncio.wait(set(self._reviewer.acting), timeout=FINISHING)
        finally:
            self._active_drains -= 1

    def _is_starting_in_a_pool(self) -> bool:
        return self._running and self._workers.any_promised(self._executors.pools)

    def _has_unrecorded_end(self) -> bool:
        return self._running and any(entry.has_unrecorded_end for entry in self._entries.values())

    async def _review_all(self) -> None:
        count = 0
        while self._inbox:
            key = self._inbox.take()
            entry = self._entries.get(key)
            may_search = entry is not None and entry.may_search
            if may_search and self._inbox.defer(key):
                continue
            self._reviewer.review(key)
            count += 1
            if count % REVIEWS_IN_A_ROW == 0 or may_search:
                await asyncio.sleep(0)
                self.last_pass = self.clock.monotonic()
            if may_search:
                # A search takes as long as hundreds of other reviews: what has become due since comes before the next.
                self._inbox.fill()


async def wait_while(clock: Clock, claim: Callable[[], bool], at_most: float) -> bool:
    """Wait while a claim holds, for ``at_most`` so many seconds; return whether it holds no more."""
    ends_at = clock.monotonic() + at_most
    while claim():
        if clock.monotonic() > ends_at:
            return False
        await asyncio.sleep(0.01)
    return True
