"""Which of the schedulers that share a job store acts for it: one election for each store of a scheduler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from kalends.clock import Clock
from kalends.errors import KalendsError
from kalends.leases import processes
from kalends.leases.blocking import StoreCalls, StoreLease
from kalends.leases.election import RELEASE_TIMEOUT, LeaderElector
from kalends.leases.port import Lease, LeaseRecord, LeaseStore, Timing
from kalends.leases.presence import Presence, PresenceWatch

log = logging.getLogger(__name__)

LEASE = "scheduler"
"""The name of the lease of a store."""
STOPPING = 1.0 + RELEASE_TIMEOUT
"""Seconds for a renewal in progress, and for the release of the lease."""
PAUSE = 1.0
"""Seconds until an election that failed begins anew."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scheduler as the elections of its stores know it."""

    identity: str
    clock: Clock
    timing: Timing
    take_up: Callable[[str], Awaitable[None]]
    """Makes the engine see the jobs of a store, by its alias, as they are now: called when a term begins."""
    superseded: Callable[[str], None]
    """Called once another scheduler is seen to have acted for a store, by its alias, since a term of this scheduler."""


class StoreElection:
    """The election of one store, as one candidate takes part in it."""

    def __init__(self, alias: str, store: LeaseStore, candidate: Candidate) -> None:
        self._alias = alias
        self._store = store
        self._candidate = candidate
        self._process = processes.this_process()
        store.use_timing(candidate.timing)
        # Those for one lease do not wait for those for another.
        limit = candidate.timing.request_limit
        self._calls, self._calls_for_presence, self._calls_for_others = (StoreCalls(limit) for _ in range(3))
        self._watch = PresenceWatch(candidate.clock)
        self._presence: Presence | None = None
        self._elector = self._new_elector()
        self._competing: asyncio.Task[None] | None = None
        self._wants_to_compete = False
        self._withdrawing = asyncio.Lock()
        self._taking_up: asyncio.Task[None] | None = None
        self._is_ready = False

    def _new_elector(self) -> LeaderElector:
        candidate = self._candidate
        return LeaderElector(
            self._lease(LEASE, self._calls),
            identity=candidate.identity,
            clock=candidate.clock,
            timing=candidate.timing,
            on_started=lambda _: self._begin_term(),
            on_stopped=self._end_term,
            on_superseded=lambda: candidate.superseded(self._alias),
            process=self._process,
            is_gone=processes.has_ended,
        )

    def _lease(self, name: str, calls: StoreCalls) -> Lease:
        return StoreLease(self._store, name, f"{name!r} of job store {self._alias!r}", calls)

    def holds(self) -> bool:
        """Return whether this scheduler provably holds the lease at this moment."""
        return self._elector.is_leader()

    def acts(self) -> bool:
        """Return whether this scheduler may act for the store at this moment: it holds the lease and has caught up."""
        return self._is_ready and self._elector.is_leader()

    def ready(self) -> None:
        """Take note that the engine sees the jobs as they are in this term."""
        self._is_ready = True

    def look(self) -> None:
        """Look at the lease now, as something may have changed."""
        self._elector.look()

    def compete(self) -> None:
        """Take part in the election until ``withdraw``; if that is in progress, once it has ended."""
        self._wants_to_compete = True
        if self._competing is None:
            self._elector = self._new_elector()
            self._competing = asyncio.create_task(self._elect(self._elector), name=f"election of {self._alias}")

    @staticmethod
    async def _elect(elector: LeaderElector) -> None:
        while True:
            try:
                await elector.run()
            except Exception:  # an answer that is not expected must not end the election
                log.exception("the election failed; it starts again")
                await asyncio.sleep(PAUSE)
            else:
                return

    async def withdraw(self) -> None:
        """Release the lease, and take part no more, until ``compete`` is called."""
        self._wants_to_compete = False
        async with self._withdrawing:
            competing = self._competing
            if competing is not None:
                self._elector.stop()
                _, pending = await asyncio.wait([competing], timeout=STOPPING)
                if pending:  # a call of the store does not return
                    competing.cancel()
                    await asyncio.wait([competing])
            # Only now: two electors of one identity would take the lease from each other.
            self._competing = None
            if self._wants_to_compete:
                self.compete()

    def _begin_term(self) -> None:
        self._taking_up = asyncio.create_task(self._take_up(), name=f"taking up {self._alias}")

    async def _take_up(self) -> None:
        while not self._is_ready:
            try:
                await self._candidate.take_up(self._alias)
            except Exception:  # it is tried as long as the term lasts
                log.exception("the jobs of job store %r could not be taken up; trying again", self._alias)
            if not self._is_ready:
                await asyncio.sleep(PAUSE)

    def _end_term(self) -> None:
        self._is_ready = False
        if self._taking_up is not None:
            self._taking_up.cancel()

    # -- runs that outlive a term

    async def alive(self, holders: Iterable[str]) -> frozenset[str]:
        """Return which holders of runs, all other schedulers, are alive although they do not act.

        Raises:
            KalendsError: The store cannot be read now.
        """
        asked = list(holders)
        calls = self._calls_for_others
        alive = await self._watch.alive([(holder, self._lease(_presence_of(holder), calls)) for holder in asked])
        for holder in asked:
            if holder not in alive:
                await self._remove(_presence_of(holder), calls)
        return alive

    async def _remove(self, name: str, calls: StoreCalls) -> None:
        """Remove a lease that is needed no more. One that stays does no harm."""

        def remove() -> None:
            kept = self._store.read_lease(name)
            if kept is not None:
                self._store.remove_lease(name, kept)

        with suppress(KalendsError):
            await calls.call(remove)

    async def show_presence(self) -> None:
        """Show that this scheduler has active runs although it will act no more."""
        if self._presence is None:
            identity, timing = self._candidate.identity, self._candidate.timing
            record = LeaseRecord(identity, timing.lease_duration, 1, process=self._process)
            self._presence = Presence(self._lease(_presence_of(identity), self._calls_for_presence), record, timing)
            await self._presence.begin()

    async def end_presence(self) -> None:
        """Stop showing it: every run has ended."""
        presence, self._presence = self._presence, None
        if presence is not None:
            await presence.end()
            await self._remove(_presence_of(self._candidate.identity), self._calls_for_presence)

    @property
    def shows_presence(self) -> bool:
        """Whether others are shown that this scheduler has active runs."""
        return self._presence is not None

    async def close(self) -> None:
        """Abandon calls of the store that have not returned."""
        for calls in (self._calls, self._calls_for_presence, self._calls_for_others):
            await calls.end(0)


def _presence_of(identity: str) -> str:
    return f"runs/{identity}"
