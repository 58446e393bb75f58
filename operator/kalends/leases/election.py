"""Leader election: at most one replica acts, and only while it can prove that it holds the lease.

The proof: other replicas respect a renewed lease for ``lease_duration`` seconds by their own clock, from the moment
when *they* see the renewal, which is later than the holder sent it. The holder stops counting on it ``renew_deadline``
seconds after it was sent. No two clocks are ever compared; the instants in the record are for people. Leases are
written under the version that was read, so if two replicas take a lease at the same moment, the second gets a conflict.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from kalends.clock import Clock
from kalends.errors import KalendsError
from kalends.leases.port import KeptLease, Lease, LeaseRecord, Timing
from kalends.model.instants import micro_time
from kalends.model.versions import is_newer

log = logging.getLogger(__name__)

RELEASE_TIMEOUT = 2.0
# Retry periods that a holder is given after an outage, in which it tries once or twice.
HEAD_START = 2
# No clock moves on for less.
SHORTEST_WAIT = 0.001


@dataclass(frozen=True, slots=True)
class Proof:
    """The last renewal: when it was sent, in seconds of both clocks."""

    monotonic: float
    wall: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """A lease as it was last seen to change, and when (monotonic seconds) that was."""

    kept: KeptLease
    changed_at: float

    @property
    def record(self) -> LeaseRecord:
        return self.kept.record

    @property
    def lapses_at(self) -> float:
        return self.changed_at + self.record.duration


class LeaderElector:
    """Tries to hold one lease, for as long as ``run`` runs.

    ``identity`` must belong to this process alone: the pod's name and something random. ``on_started(epoch)`` is
    called when the lease is won, ``on_stopped()`` when it is no longer certain that it is held; both are synchronous.
    ``epoch`` (the transitions of the lease) grows with every term, of whichever replica: a fencing token.

    ``is_leader`` must be asked right before every act: a process that was paused learns from it, before anything
    else runs, that its time is over. ``on_superseded()`` is called once it is seen, after a term of this replica, that
    another replica has had the lease since: until then no other replica has acted.

    ``process`` names the process in the record, and ``is_gone`` says of the process of another holder whether it is
    known to have ended: its lease is taken without waiting (``kalends.leases.processes``).

    A standby also watches the lease, to hear of a release at once and of a last renewal when it happens. Nothing
    depends on it: without the right to watch, taking over takes two retry periods longer.
    """

    def __init__(  # noqa: PLR0913 - which lease, the identity, the timing, and the callbacks
        self,
        lease: Lease,
        *,
        identity: str,
        clock: Clock,
        timing: Timing | None = None,
        on_started: Callable[[int], None] = lambda _: None,
        on_stopped: Callable[[], None] = lambda: None,
        on_superseded: Callable[[], None] = lambda: None,
        process: str = "",
        is_gone: Callable[[str], bool] = lambda _: False,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.identity = identity
        self._process = process
        self._is_gone = is_gone
        self._clock = clock
        self._timing = timing or Timing()
        self._lease = lease
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._on_superseded = on_superseded
        self._chance = chance
        self._seen: _Seen | None = None
        self._proof: Proof | None = None
        self._epoch = 0
        self._claimed = 0
        self._unsucceeded = False
        self._may_hold = False
        self._complaint = ""
        self._reported_holder = ""
        self._last_contact = -math.inf
        self._stopping = False
        self._woken = asyncio.Event()

    @property
    def epoch(self) -> int:
        """Return the number of the current term, or of the last known term."""
        return self._epoch

    @property
    def holder(self) -> str | None:
        """Return the holder of the lease when it was last read; None before that, and if it had no holder."""
        return self._seen.record.holder or None if self._seen is not None else None

    def is_leader(self) -> bool:
        """Return whether the lease is provably held at this moment."""
        return self._remaining() > 0

    def look(self) -> None:
        """Look at the lease now: something may have changed."""
        if not self.is_leader():
            self._woken.set()

    def stop(self) -> None:
        """Make ``run`` release the lease and return."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Compete for the lease, hold it, compete again; until stopped or cancelled, when the lease is released."""
        watching: asyncio.Task[None] | None = None
        try:
            while not self._stopping:
                if await self._attempt(self._timing.renew_deadline):
                    await self._hold()
                else:
                    watching = watching or asyncio.create_task(self._watch(), name="watch of the lease")
                    await self._wait(self._until_next_try())
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.wait([watching])
            await self._release()

    async def _hold(self) -> None:
        log.info("%s is the leader, in term %d.", self.identity, self.epoch)
        self._on_started(self.epoch)
        while self.is_leader() and not self._stopping:
            await self._wait(max(SHORTEST_WAIT, min(self._timing.retry_period, self._remaining())))
            if self.is_leader() and not self._stopping:
                await self._attempt(self._remaining())
        if not self._stopping:
            log.warning("%s is no longer the leader; the last seen holder is %s.", self.identity, self.holder)
            self._step_down()

    async def _attempt(self, seconds: float) -> bool:
        """Take or renew the lease within so many seconds, if possible; return whether it is held now."""
        try:
            async with asyncio.timeout(seconds):
                # A late answer to an old take proves nothing: take it again, unless another replica has taken it.
                await (self._renew() if self.is_leader() else self._take())
        except (KalendsError, TimeoutError) as error:
            complaint = str(error) or "the renew deadline has passed"
            if self._complaint != complaint:
                log.warning("The lease %s could not be read or written: %s", self._lease.place, complaint)
            self._complaint = complaint
        else:
            self._complaint = ""
        return self.is_leader()

    async def _take(self) -> None:
        blind = self._clock.monotonic() - self._last_contact > self._timing.renew_deadline
        found = await self._read()
        if blind and found is not None:
            self._give_a_head_start(found)
        # A lease that was deleted binds us until it would have lapsed: its holder need not know yet.
        last = self._seen
        if last is None or last.record.holder in {"", self.identity} or self._has_lapsed(last):
            # The highest term that was written by us, perhaps without our knowing: its answer may have been lost.
            self._claimed = max(last.record.transitions if last is not None else 0, self._epoch) + 1
            await self._write(found, self._claimed, acquired=micro_time(self._wall()))

    def _give_a_head_start(self, found: _Seen) -> None:
        """Let the holder renew first after an outage in which no replica could: its runs continue, and are not lost."""
        lapses = self._clock.monotonic() + HEAD_START * self._timing.retry_period
        self._seen = replace(found, changed_at=max(found.changed_at, lapses - found.record.duration))

    async def _renew(self) -> None:
        known = self._seen
        if known is None or not self._is_of_this_term(known) or not await self._write_again(known):
            # There was a write in between: perhaps our own, by a request whose answer was lost.
            found = await self._read()
            if found is None or not self._is_of_this_term(found):
                self._proof = None
            else:
                await self._write_again(found)

    def _is_of_this_term(self, seen: _Seen) -> bool:
        return (seen.record.holder, seen.record.transitions) == (self.identity, self._epoch)

    async def _write_again(self, known: _Seen) -> bool:
        return await self._write(known, known.record.transitions, acquired=known.record.acquired)

    async def _release(self) -> None:
        if self._proof is not None:
            self._step_down()
        if not self._may_hold:
            return
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                found = await self._read()
                if found is None or found.record.holder != self.identity:
                    return
                if await self._lease.write(found.kept, replace(found.record, holder="", process="")) is not None:
                    log.info("%s released the lease.", self.identity)
        except (KalendsError, TimeoutError) as error:
            log.warning("The lease %s could not be released, it expires by itself: %s", self._lease.place, error)

    def _step_down(self) -> None:
        self._proof = None
        self._on_stopped()

    async def _read(self) -> _Seen | None:
        """Read the lease; return what it says, with the moment from which its age counts, or None if there is none."""
        kept = await self._lease.read()
        self._last_contact = self._clock.monotonic()
        if kept is None:
            return None
        if self._seen is None or self._seen.kept.version != kept.version:
            self._seen = _Seen(kept, self._last_contact)
        self._may_hold = self._seen.record.holder == self.identity
        self._look_for_successor(self._seen.record)
        return self._seen

    async def _watch(self) -> None:
        """Follow the lease while another replica holds it."""
        while True:
            if self._seen is not None and not self.is_leader():
                try:
                    await self._follow(self._seen.kept.version)
                except KalendsError as error:
                    log.debug("Watching the lease %s ended: %s", self._lease.place, error)
            await asyncio.sleep(self._timing.retry_period)

    async def _follow(self, version: str) -> None:
        async with aclosing(self._lease.changes(version)) as changes:
            async for kept in changes:
                if self.is_leader():
                    return
                self._hear(kept)

    def _hear(self, kept: KeptLease) -> None:
        self._last_contact = self._clock.monotonic()
        if self._seen is not None and not is_newer(kept.version, self._seen.kept.version):
            return
        self._seen = _Seen(kept, self._last_contact)
        self._look_for_successor(kept.record)
        if not kept.record.holder:
            self._woken.set()

    def _look_for_successor(self, record: LeaseRecord) -> None:
        if record.holder != self._reported_holder:
            self._reported_holder = record.holder
            if record.holder not in {"", self.identity}:
                log.info("%s stands by: %s holds the lease.", self.identity, record.holder)
        if not self._unsucceeded or record.holder == self.identity:
            return
        if record.holder or record.transitions > self._claimed:  # another replica holds it, or held and released it
            self._unsucceeded = False
            self._on_superseded()

    async def _write(self, known: _Seen | None, transitions: int, *, acquired: str) -> bool:
        """Write our identity into the lease, unless it changed since it was read; return whether it was written."""
        proof = Proof(self._clock.monotonic(), self._wall())
        record = LeaseRecord(
            self.identity,
            self._timing.lease_duration,
            transitions,
            acquired=acquired,
            renewed=micro_time(proof.wall),
            process=self._process,
        )
        self._may_hold = True
        kept = await self._lease.write(None if known is None else known.kept, record)
        if kept is None:
            return False
        self._last_contact = self._clock.monotonic()
        self._seen = _Seen(kept, self._last_contact)
        self._epoch = kept.record.transitions
        self._unsucceeded = True
        self._proof = proof
        return True

    def _has_lapsed(self, seen: _Seen) -> bool:
        return self._clock.monotonic() >= seen.lapses_at or self._is_gone(seen.record.process)

    def _remaining(self) -> float:
        """Return for how many seconds more the lease is provably held.

        The monotonic clock stands still while a machine is suspended, the world does not: time that only the wall
        clock has seen counts, too. A wall clock that is put forward costs at most one term.
        """
        if self._proof is None:
            return 0.0
        passed = max(self._clock.monotonic() - self._proof.monotonic, self._wall() - self._proof.wall)
        return max(0.0, self._timing.renew_deadline - passed)

    def _wall(self) -> float:
        return self._clock.now() / self._clock.second

    def _until_next_try(self) -> float:
        """Return how long a standby waits: a retry period and a bit, but no longer than the lease lasts."""
        period = self._timing.retry_period * (1 + self._chance() / 5)
        seen = self._seen
        if seen is None or not seen.record.holder or self._has_lapsed(seen):
            return period
        return max(SHORTEST_WAIT, min(period, seen.lapses_at - self._clock.monotonic()))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
