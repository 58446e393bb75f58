"""The job stores of a scheduler that others may use, too: who acts for each, and what others have changed in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kalends.clock import Clock
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import KalendsError
from kalends.jobstores.base import JobLookupError, KeptJob, RecordingJobStore
from kalends.leases.blocking import StoreCalls
from kalends.leases.port import LeaseStore, Timing
from kalends.library.change_notices import ChangeNotices
from kalends.library.definitions import stored_of
from kalends.library.elections import Candidate, StoreElection

log = logging.getLogger(__name__)

POLL_INTERVAL, SAFETY_INTERVAL = 1.0, 15.0
BETWEEN_NOTICES = 0.1
"""Seconds from a look to the next: the notices in between are one."""
ENDING_NOTICES = 5.0
"""Seconds until the thread that receives the notices of a store is left to end by itself."""
ENDING_LOOK = 1.0
"""Seconds for a look in progress when a store is removed."""


@dataclass(frozen=True, slots=True)
class SharingOptions:
    """How a scheduler shares its job stores."""

    timing: Timing = field(default_factory=Timing)
    poll_interval: float = POLL_INTERVAL
    """Seconds between two looks at what others have changed, in a store that gives no notice of changes."""
    safety_interval: float = SAFETY_INTERVAL
    """The same in a store that gives notice: a notice can be lost."""
    alone: bool = False
    """Whether no other scheduler uses the stores, as in tests: no leases are taken, and no changes looked for."""


def sharing_options(config: Mapping[str, Any]) -> SharingOptions:
    """Return the options of a scheduler's configuration, whose numbers may be text.

    Raises:
        ValueError: They are not accepted.
    """
    default = Timing()
    timing = Timing(
        float(config.get("lease_duration", default.lease_duration)),
        float(config.get("lease_renew_deadline", default.renew_deadline)),
        float(config.get("lease_retry_period", default.retry_period)),
    )
    poll_interval = float(config.get("jobstore_poll_interval", POLL_INTERVAL))
    if not poll_interval > 0:
        raise ValueError(f"jobstore_poll_interval must be more than 0 seconds, got {poll_interval}")
    return SharingOptions(timing, poll_interval)


@dataclass(slots=True, eq=False)
class _Shared:
    """A store that others may use, too."""

    alias: str
    store: RecordingJobStore
    election: StoreElection
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    number: int | None = None
    """The store's number of changes when the engine had seen all of them."""
    alive: frozenset[str] = frozenset()
    """Other schedulers that act no more, and have runs that records of the store name."""
    times_taken_up: int = 0
    looks: StoreCalls = field(default_factory=lambda: StoreCalls(limit=None))
    """Calls that look for changes of others. A look at many jobs may take long."""
    take_ups: StoreCalls = field(default_factory=lambda: StoreCalls(limit=None))
    """Calls that begin a term. They do not wait for a look that hangs: until they end, no scheduler acts."""
    notices: ChangeNotices = field(init=False)
    following: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()

        def notice() -> None:
            loop.call_soon_threadsafe(self.changed.set)

        self.notices = ChangeNotices(self.store, notice)


class SharedStores:
    """Runs on the loop of the engine.

    A store that keeps no leases belongs to this scheduler alone, which always acts for it.
    """

    def __init__(
        self,
        stores: Mapping[str, RecordingJobStore],
        options: SharingOptions,
        clock: Clock,
        identity: str,
        scheduler: Callable[[], Scheduler],
    ) -> None:
        """Return the shared stores among some.

        Args:
            stores: The job stores by alias; the scheduler may add and remove some.
            options: How they are shared.
            clock: The engine's.
            identity: The holder of this scheduler's leases and runs.
            scheduler: Returns the engine.
        """
        self._stores = stores
        self._options = options
        self._scheduler = scheduler
        self._identity = identity
        self._candidate = Candidate(identity, clock, options.timing, self._take_up, self._superseded)
        self._shared: dict[str, _Shared] = {}
        self._alone: set[str] = set()
        """Stores that belong to this scheduler alone. Until a store was added, it may be shared: nothing is decided."""
        self._is_paused = False
        self._closing: dict[str, asyncio.Task[None]] = {}

    def acts_for(self, alias: str) -> bool:
        """Return whether this scheduler may act for a store at this moment."""
        shared = self._shared.get(alias)
        return alias in self._alone if shared is None else shared.election.acts()

    def holds(self, alias: str) -> bool:
        """Return whether this scheduler acts for a store, or is about to."""
        shared = self._shared.get(alias)
        return alias in self._alone if shared is None else shared.election.holds()

    # -- taking part

    def add(self, alias: str) -> bool:
        """Take part in the election of a store; return False if it is not for several schedulers."""
        store = self._stores.get(alias)
        if store is None or self._options.alone or not isinstance(store, LeaseStore):
            self._alone.add(alias)
            return False
        if alias not in self._shared:
            shared = self._shared[alias] = _Shared(alias, store, StoreElection(alias, store, self._candidate))
            shared.following = asyncio.create_task(self._follow(shared), name=f"changes of {alias}")
            if not self._is_paused:
                shared.election.compete()
        return True

    async def remove(self, alias: str) -> None:
        """Take part no more, and release the lease."""
        self._alone.discard(alias)
        shared = self._shared.pop(alias, None)
        if shared is not None:
            self._closing[alias] = asyncio.create_task(self._close(shared), name=f"removing {alias}")
        await self.end_of_removal(alias)

    async def end_of_removal(self, alias: str) -> None:
        """Wait until the lease of a removed store is released: a store of the same alias may use the same lease."""
        closing = self._closing.get(alias)
        if closing is not None:
            try:
                await closing
            finally:  # an error is raised once: a store that is added later may use the alias
                if self._closing.get(alias) is closing:
                    del self._closing[alias]

    def pause(self) -> Coroutine[Any, Any, None]:
        """Let others act, until ``resume``. The scheduler has paused the engine before.

        Returns:
            What is left to do; it does nothing if ``resume`` comes before it.
        """
        self._is_paused = True  # at once, as ``resume`` may be called before the coroutine begins
        return self._hand_over_while_paused()

    async def _hand_over_while_paused(self) -> None:
        await self._scheduler().let_starts_end()
        await asyncio.gather(*(self._hand_over_if_paused(shared) for shared in self._shared.values()))

    async def _hand_over_if_paused(self, shared: _Shared) -> None:
        if self._is_paused:
            await self._show_presence(shared)
        if self._is_paused:
            await shared.election.withdraw()

    def resume(self) -> None:
        """Take part again."""
        self._is_paused = False
        for shared in self._shared.values():
            shared.election.compete()

    async def hand_over(self, *, keeps_runs: bool) -> None:
        """Release every lease. With ``keeps_runs``, this process shows that it records the ends of its runs."""
        await asyncio.gather(*(self._hand_over(shared, keeps_runs) for shared in self._shared.values()))

    async def _hand_over(self, shared: _Shared, keeps_runs: bool) -> None:  # noqa: FBT001 - of a function above
        if keeps_runs:
            await self._show_presence(shared)
        await shared.election.withdraw()

    async def _show_presence(self, shared: _Shared) -> None:
        """Show that this process records the ends of its runs, also if its lease has lapsed unseen."""
        if self._scheduler().overview.has_runs_here(shared.alias):
            await shared.election.show_presence()

    async def close(self) -> None:
        """Release everything: no run is active any more, or none is waited for."""
        await asyncio.gather(*(self.remove(alias) for alias in list(self._shared)))

    async def _close(self, shared: _Shared) -> None:
        # First, so that nothing of this scheduler holds up the next one: ending the notices waits for the store.
        await shared.election.withdraw()
        shared.following.cancel()
        await asyncio.wait([shared.following])
        await asyncio.gather(shared.looks.end(ENDING_LOOK), shared.take_ups.end(ENDING_LOOK))
        ending = StoreCalls(ENDING_NOTICES)
        with suppress(KalendsError):
            await ending.call(shared.notices.end)
        await ending.end(0)
        await shared.election.end_presence()
        await shared.election.close()

    # -- a term

    async def _take_up(self, alias: str) -> None:
        """Show the engine every job as it is now, and from then on act."""
        shared, scheduler = self._shared[alias], self._scheduler()
        known = self._known_in(alias)
        number, kept = await shared.take_ups.call(_number_and_jobs, shared.store)
        await self._look_at_holders(shared, _holders_in(kept) - {self._identity})
        # From here to the last job nothing waits. A lease that has lapsed can be renewed a moment later, in the same
        # term: a scheduler that was ready by then would act with jobs that it has not been shown.
        if not shared.election.holds():
            return
        shared.election.ready()
        for one in kept:
            self._show(shared, one)
        self._forget_missing(known, {one.uid for one in kept})
        shared.number = number
        shared.times_taken_up += 1
        scheduler.look_at_all(alias)
        await shared.election.end_presence()
        log.info("This scheduler acts for job store %r, with %d jobs", alias, len(kept))

    def _superseded(self, alias: str) -> None:
        log.warning("Another scheduler acts for job store %r: the active runs of this one count as lost", alias)
        self._scheduler().give_up_runs(alias)

    def _known_in(self, alias: str) -> Mapping[str, str]:
        """Return the keys of the jobs of a store that the engine knows, by their UID."""
        uids = self._scheduler().overview.uids()
        return {uid: key for uid, key in uids.items() if key.startswith(f"{alias}/")}

    def _forget_missing(self, known: Mapping[str, str], found: Collection[str]) -> None:
        """Forget jobs that are not in the store any more. A new job of the same ID has another UID, and stays."""
        for uid, key in known.items():
            if uid not in found:
                self._scheduler().forget(key, uid)

    def _show(self, shared: _Shared, kept: KeptJob) -> None:
        if kept.problem:
            log.error("Job %r of job store %r cannot be restored: %s", kept.id, shared.alias, kept.problem)
        self._scheduler().observe(stored_of(shared.alias, kept))

    async def _look_at_holders(self, shared: _Shared, holders: frozenset[str]) -> None:
        """Have the engine know which of other schedulers with runs are alive."""
        alive = await shared.election.alive(holders) if holders else holders
        if alive != shared.alive:
            shared.alive = alive
            self._scheduler().holders_alive(frozenset().union(*(one.alive for one in self._shared.values())))

    # -- changes of others

    async def _follow(self, shared: _Shared) -> None:
        """Look at the store after each notice, and from time to time."""
        try:
            await shared.looks.call(shared.notices.begin)
        except KalendsError as error:
            log.warning("Job store %r gives no notice of changes: %s", shared.alias, error)
        while True:
            noticed = await self._wait(shared)
            try:
                await self._look(shared, noticed=noticed)
                await asyncio.sleep(BETWEEN_NOTICES)
            except KalendsError as error:
                log.warning("Error getting the changes of job store %r: %s", shared.alias, error)
                await asyncio.sleep(self._options.poll_interval)
            except Exception:  # the look is supervised: the next may succeed
                log.exception("Error getting the changes of job store %r", shared.alias)
                await asyncio.sleep(self._options.poll_interval)

    async def _wait(self, shared: _Shared) -> bool:
        interval = self._options.poll_interval
        if shared.notices.are_given:
            interval = self._options.safety_interval
        if shared.alive or shared.election.shows_presence:
            interval = min(interval, self._options.timing.retry_period)
        try:
            async with asyncio.timeout(interval):
                await shared.changed.wait()
        except TimeoutError:
            return False
        shared.changed.clear()
        return True

    async def _look(self, shared: _Shared, *, noticed: bool) -> None:
        election = shared.election
        if not election.acts():
            if noticed:
                election.look()
            if election.shows_presence and not self._scheduler().overview.has_runs_here(shared.alias):
                await election.end_presence()
            return
        await self._compare(shared)
        if shared.alive:
            await self._read_jobs_of(shared, shared.alive)
            await self._look_at_holders(shared, shared.alive)

    async def _compare(self, shared: _Shared) -> None:
        """Read the jobs that others have added or changed, and forget those that they have removed."""
        number = await shared.looks.call(shared.store.change_number)
        if number is not None and number == shared.number:
            return
        times_taken_up = shared.times_taken_up
        overview, known = self._scheduler().overview, self._known_in(shared.alias)
        versions = await shared.looks.call(shared.store.kept_versions)
        for job_id, (uid, version) in versions.items():
            if not overview.knows(f"{shared.alias}/{job_id}", uid, str(version)):
                await self._read(shared, job_id)
        self._forget_missing(known, {uid for uid, _ in versions.values()})
        # A new term in between has shown jobs that may be older than those that were compared.
        if shared.times_taken_up == times_taken_up:
            shared.number = number

    async def _read_jobs_of(self, shared: _Shared, holders: frozenset[str]) -> None:
        """Read the jobs that have runs of other schedulers, which record the ends of these."""
        overview = self._scheduler().overview
        for key in overview.keys_of(shared.alias):
            found = overview.find(key)
            record = None if found is None else found[2]
            if record is not None and any(run.holder in holders for run in record.active):
                await self._read(shared, key.partition("/")[2])

    async def _read(self, shared: _Shared, job_id: str) -> None:
        kept = await shared.looks.call(_find, shared.store, job_id)
        if kept is not None:
            self._show(shared, kept)


def _holders_in(kept: Iterable[KeptJob]) -> frozenset[str]:
    return frozenset(run.holder for one in kept if one.record is not None for run in one.record.active if run.holder)


def _number_and_jobs(store: RecordingJobStore) -> tuple[int | None, Sequence[KeptJob]]:
    """Read a store for a term.

    It is a single call: the limit of a call that reads many jobs grows with each attempt, and a short call that
    succeeds in between would reset it.
    """
    # Before the jobs: a change that comes while they are read makes another number, and is found by ``_compare``.
    number = store.change_number()
    return number, store.kept_jobs()


def _find(store: RecordingJobStore, job_id: str) -> KeptJob | None:
    try:
        return store.kept_job(job_id)
    except JobLookupError:
        return None
