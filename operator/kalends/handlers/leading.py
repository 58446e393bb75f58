"""One of several replicas acts: all of them watch and are ready, the engine's loop runs in the leader.

When the lease is lost, runs in this process continue. Perhaps no replica leads, as the API server is away; then this
replica leads again, finds its own record, and reports their ends as usual. Once another replica is seen to have held
the lease, they are stopped: that replica found their holder gone, and recorded them as lost.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kalends.clock import Clock
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.lease import KubernetesLease
from kalends.leases.election import LeaderElector
from kalends.leases.port import Timing
from kalends.settings import LeaderElection

log = logging.getLogger(__name__)

PAUSE = 1.0
RELEASING = 3.0
"""Seconds. How long the end of the process waits for the lease to be released."""


@dataclass(frozen=True, slots=True)
class LeaderWork:
    """What a leader does."""

    scheduler: Scheduler
    """Whose loop is to run."""
    catch_up: Callable[[], Awaitable[None]]
    """Makes what the scheduler sees as new as the moment: a watch may lag behind, and the replica that led before has
    written up to its end."""
    failed: Callable[[], None]
    """Called when the loop failed."""


class Leading:
    """Runs the engine's loop in terms: while the lease is held, or for ever where no lease is asked for."""

    def __init__(
        self,
        settings: LeaderElection,
        client: ApiClient,
        clock: Clock,
        identity: str,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.scheduling = False
        """Whether the engine's loop runs."""
        self._turn = asyncio.Event()
        self._term: asyncio.Task[None] | None = None
        self._work: LeaderWork | None = None
        self._elector: LeaderElector | None = None
        if settings.enabled and settings.namespace:
            timing = Timing(settings.lease_duration, settings.renew_deadline, settings.retry_period)
            self._elector = LeaderElector(
                KubernetesLease(client, settings.namespace, settings.name, timing),
                identity=identity,
                clock=clock,
                timing=timing,
                on_started=lambda _: self._turn.set(),
                on_stopped=self.end_term,
                on_superseded=self._give_up_runs,
                chance=chance,
            )

    def may_act(self) -> bool:
        """Return whether this replica provably leads at this very moment."""
        return self._elector is None or self._elector.is_leader()

    async def run(self, work: LeaderWork) -> None:
        """Compete for the lease and lead, again and again; when cancelled, the lease is released last."""
        self._work = work
        if self._elector is None:
            log.info("acting without a lease: there must be no other operator for these ScheduledJobs")
            self._turn.set()
            await self._take_turns(work)
            return
        electing = asyncio.create_task(self._elect(self._elector), name="election")
        try:
            await self._take_turns(work)
        finally:
            electing.cancel()
            await asyncio.wait([electing], timeout=RELEASING)

    def restart_term(self) -> None:
        """End the term, and begin a new term, by catching up, if the lease is still held."""
        if self._term is not None:
            self._term.cancel()

    async def _take_turns(self, work: LeaderWork) -> None:
        while True:
            await self._turn.wait()
            await self._lead(work)

    @staticmethod
    async def _elect(elector: LeaderElector) -> None:
        while True:
            try:
                await elector.run()
            except Exception:  # an unexpected answer must not end the process
                log.exception("the election failed; it starts again")
                await asyncio.sleep(PAUSE)

    async def _lead(self, work: LeaderWork) -> None:
        """Use our turn to its end."""
        self._term = asyncio.create_task(self._act(work), name="term")
        try:
            await asyncio.wait([self._term])
        finally:
            self._term.cancel()
            await asyncio.wait([self._term])
        if not self._term.cancelled():
            log.error("a term ended by itself", exc_info=self._term.exception())
            await asyncio.sleep(PAUSE)

    def end_term(self) -> None:
        """End the term: nothing is decided any more, and active work is cancelled."""
        self._turn.clear()
        if self._term is not None:
            self._term.cancel()

    def _give_up_runs(self) -> None:
        if self._work is not None:
            self._work.scheduler.give_up_runs()

    async def _act(self, work: LeaderWork) -> None:
        while True:
            try:
                await work.catch_up()
            except ApiError as error:
                log.warning("existing objects could not be listed, so nothing is decided yet: %s", error)
                await asyncio.sleep(PAUSE)
            else:
                break
        await self._schedule(work)

    async def _schedule(self, work: LeaderWork) -> None:
        log.info("scheduling %d ScheduledJobs", len(work.scheduler.overview.uids()))
        while True:
            try:
                self.scheduling = True
                await work.scheduler.run()
            except Exception:  # the loop must continue; the log has the cause, and a metric counts the failure
                log.exception("the engine's loop failed; it starts again")
                work.failed()
                await asyncio.sleep(PAUSE)
            finally:
                self.scheduling = False
