"""Leader election: at most one replica acts, and only while it can prove that it holds the lease.

The proof: other replicas respect a renewed lease for ``lease_duration`` seconds by their own clock, from the moment
when *they* see the renewal, which is later than we sent it. We stop counting on it ``renew_deadline`` seconds after we
sent it. No two clocks are ever compared; the instants in the record are for people. Leases are written under the
version that was read, so if two replicas take a lease at the same moment, the second gets a conflict.
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
from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.leases.lease_object import LeaseObject, Record, Timing
from kalends.kube.wire.transport import JsonObject
from kalends.model.instants import micro_time

log = logging.getLogger(__name__)

RELEASE_TIMEOUT = 2.0
# Retry periods that a holder is given after an outage, in which it tries once or twice.
HEAD_START = 2
# No clock moves on for less.
SHORTEST_WAIT = 0.001


@dataclass(frozen=True, slots=True)
class Proof:
    """The last renewal: when it was sent, by both clocks."""

    monotonic: float
    wall: float


class LeaderElector:
    """Tries to hold one Lease, for as long as ``run`` runs.

    ``identity`` must belong to this process alone: the pod's name and something random. ``on_started(epoch)`` is
    called when the lease is won, ``on_stopped()`` when it is no longer certain that it is held; both are synchronous.
    ``epoch`` (the Lease's ``leaseTransitions``) grows with every term, of whichever replica: a fencing token.

    ``is_leader`` must be asked right before every act: a process that was paused learns from it, before anything
    else runs, that its time is over. ``on_superseded()`` is called once it is seen, after a term of this replica, that
    another replica has had the lease since: until then no other replica has acted.

    A standby also watches the lease, to hear of a release at once and of a last renewal when it happens. Nothing
    depends on it: without the right to watch, taking over takes two retry periods longer.
    """

    def __init__(  # noqa: PLR0913 - which lease, our identity, its timing, and the callbacks
        self,
        client: ApiClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        timing: Timing | None = None,
        on_started: Callable[[int], None] = lambda _: None,
        on_stopped: Callable[[], None] = lambda: None,
        on_superseded: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.identity = identity
        self._clock = clock
        self._timing = timing or Timing()
        self._lease = LeaseObject(client, namespace, name, self._timing, clock)
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._on_superseded = on_superseded
        self._chance = chance
        self._record: Record | None = None
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
        return self._record.holder or None if self._record is not None else None

    def is_leader(self) -> bool:
        """Return whether the lease is provably held at this moment."""
        return self._remaining() > 0

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
        except (ApiError, TimeoutError) as error:
            complaint = str(error) or "the renew deadline has passed"
            if self._complaint != complaint:
                log.warning("The lease %s could not be read or written: %s", self._lease.path, complaint)
            self._complaint = complaint
        else:
            self._complaint = ""
        return self.is_leader()

    async def _take(self) -> None:
        blind = self._clock.monotonic() - self._last_contact > self._timing.renew_deadline
        record = await self._read()
        if blind and record is not None:
            self._give_a_head_start(record)
        # A lease that was deleted binds us until it would have lapsed: its holder need not know yet.
        last = self._record
        if last is None or last.holder in {"", self.identity} or self._has_lapsed(last):
            # The highest term that was written by us, perhaps without our knowing: its answer may have been lost.
            self._claimed = max(last.transitions if last is not None else 0, self._epoch) + 1
            await self._write(record, {"leaseTransitions": self._claimed, "acquireTime": self._now()})

    def _give_a_head_start(self, record: Record) -> None:
        """Let the holder renew first after an outage in which no replica could: its runs continue, and are not lost."""
        lapses = self._clock.monotonic() + HEAD_START * self._timing.retry_period
        self._record = replace(record, changed_at=max(record.changed_at, lapses - record.duration))

    async def _renew(self) -> None:
        known = self._record
        if known is None or not self._is_of_this_term(known) or not await self._write(known, {}):
            # There was a write in between: perhaps our own, by a request whose answer was lost.
            record = await self._read()
            if record is None or not self._is_of_this_term(record):
                self._proof = None
            else:
                await self._write(record, {})

    def _is_of_this_term(self, record: Record) -> bool:
        return (record.holder, record.transitions) == (self.identity, self._epoch)

    async def _release(self) -> None:
        if self._proof is not None:
            self._step_down()
        if not self._may_hold:
            return
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                record = await self._read()
                is_holder = record is not None and record.holder == self.identity
                if is_holder and await self._lease.write(record, {"holderIdentity": None}) is not None:
                    log.info("%s released the lease.", self.identity)
        except (ApiError, TimeoutError) as error:
            log.warning("The lease %s could not be released, it expires by itself: %s", self._lease.path, error)

    def _step_down(self) -> None:
        self._proof = None
        self._on_stopped()

    async def _read(self) -> Record | None:
        """Read the lease; return what it says, with the moment from which its age counts, or None if there is none."""
        record = await self._lease.read()
        self._last_contact = self._clock.monotonic()
        if record is None:
            return None
        if self._record is None or self._record.version != record.version:
            self._record = record
        self._may_hold = self._record.holder == self.identity
        self._look_for_successor(self._record)
        return self._record

    async def _watch(self) -> None:
        """Follow the lease while another replica holds it."""
        while True:
            if self._record is not None and not self.is_leader():
                try:
                    await self._follow(self._record.version)
                except ApiError as error:
                    log.debug("Watching the lease %s ended: %s", self._lease.path, error)
            await asyncio.sleep(self._timing.retry_period)

    async def _follow(self, version: str) -> None:
        async with aclosing(self._lease.changes(version)) as changes:
            async for record in changes:
                if self.is_leader():
                    return
                self._hear(record)

    def _hear(self, record: Record) -> None:
        self._last_contact = self._clock.monotonic()
        known = self._record
        if known is not None and not record.is_newer_than(known):
            return
        self._record = record
        self._look_for_successor(record)
        if not record.holder:
            self._woken.set()

    def _look_for_successor(self, record: Record) -> None:
        if record.holder != self._reported_holder:
            self._reported_holder = record.holder
            if record.holder not in {"", self.identity}:
                log.info("%s stands by: %s holds the lease.", self.identity, record.holder)
        if not self._unsucceeded or record.holder == self.identity:
            return
        if record.holder or record.transitions > self._claimed:  # another replica holds it, or held and released it
            self._unsucceeded = False
            self._on_superseded()

    async def _write(self, known: Record | None, changes: JsonObject) -> bool:
        """Write our identity into the lease, unless it changed since it was read; return whether it was written."""
        proof = Proof(self._clock.monotonic(), self._clock.now())
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": math.ceil(self._timing.lease_duration),
            "renewTime": micro_time(proof.wall),
            **changes,
        }
        self._may_hold = True
        record = await self._lease.write(known, spec)
        if record is None:
            return False
        self._last_contact = self._clock.monotonic()
        self._record = record
        self._epoch = record.transitions
        self._unsucceeded = True
        self._proof = proof
        return True

    def _has_lapsed(self, record: Record) -> bool:
        return self._clock.monotonic() >= record.changed_at + record.duration

    def _remaining(self) -> float:
        """Return for how many seconds more the lease is provably held.

        The monotonic clock stands still while a machine is suspended, the world does not: time that only the wall
        clock has seen counts, too. A wall clock that is put forward costs at most one term.
        """
        if self._proof is None:
            return 0.0
        passed = max(self._clock.monotonic() - self._proof.monotonic, self._clock.now() - self._proof.wall)
        return max(0.0, self._timing.renew_deadline - passed)

    def _now(self) -> str:
        return micro_time(self._clock.now())

    def _until_next_try(self) -> float:
        """Return how long a standby waits: a retry period and a bit, but no longer than the lease lasts."""
        period = self._timing.retry_period * (1 + self._chance() / 5)
        if self._record is None or not self._record.holder or self._has_lapsed(self._record):
            return period
        lapses_in = self._record.changed_at + self._record.duration - self._clock.monotonic()
        return max(SHORTEST_WAIT, min(period, lapses_in))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
