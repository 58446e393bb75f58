"""Whether a process that acts no more is still alive: it keeps a lease of its own until its runs have ended.

A scheduler that shuts down releases the lease under which it acts at once, so that another continues, and waits for its
runs. Before that it writes this lease. The next scheduler that acts finds it, and leaves the runs alone until they end,
or until this lease lapses too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from kalends.clock import Clock
from kalends.errors import KalendsError
from kalends.leases.port import KeptLease, Lease, LeaseRecord, Timing
from kalends.leases.processes import has_ended

log = logging.getLogger(__name__)


class Presence:
    """Keeps the lease that shows that this process is alive."""

    def __init__(self, lease: Lease, record: LeaseRecord, timing: Timing) -> None:
        self._lease = lease
        self._record = record
        self._timing = timing
        self._kept: KeptLease | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Show it, and renew it until ``end``. If the lease cannot be written, the runs count as lost at a takeover."""
        await self._write()
        self._renewing = asyncio.create_task(self._renew(), name="presence")

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._timing.retry_period)
            await self._write()

    async def _write(self) -> None:
        try:
            async with asyncio.timeout(self._timing.request_limit):
                # Each write must change the lease: a new version is all that others look at.
                self._kept = await self._lease.write(self._kept, self._record) or await self._lease.read()
        except (KalendsError, TimeoutError) as error:
            log.warning("The lease %s could not be written: %s", self._lease.place, error)

    async def end(self) -> None:
        """Renew it no more: every run has ended, and the lease can be removed."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])


@dataclass(frozen=True, slots=True)
class _Seen:
    version: str
    since: float
    """From when it has said the same, by the monotonic clock."""


class PresenceWatch:
    """Judges by this process's monotonic clock which other processes are alive."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    async def alive(self, leases: Iterable[tuple[str, Lease]]) -> frozenset[str]:
        """Return the identities whose process is not known to be gone, of pairs of an identity and its lease.

        Raises:
            KalendsError: A lease cannot be read now.
        """
        found = [identity for identity, lease in leases if await self._is_alive(identity, lease)]
        self._seen = {identity: seen for identity, seen in self._seen.items() if identity in found}
        return frozenset(found)

    async def _is_alive(self, identity: str, lease: Lease) -> bool:
        kept = await lease.read()
        if kept is None or not kept.record.holder or has_ended(kept.record.process):
            return False
        now = self._clock.monotonic()
        seen = self._seen.get(identity)
        if seen is None or seen.version != kept.version:
            self._seen[identity] = seen = _Seen(kept.version, now)
        return now - seen.since < kept.record.duration
