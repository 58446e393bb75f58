"""Whether the operators that records name are still at work: what their Leases say, judged by this process's clock.

An operator that renews its Lease is at work. An operator whose Lease was unchanged or absent for long enough is gone,
and this operator takes over its ScheduledJobs. A Lease that cannot be read proves neither.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from kalends.clock import Clock
from kalends.engine.core.holders import others_named
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.lease import KubernetesLease
from kalends.leases.port import Timing
from kalends.settings import LeaderElection

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at the Leases of others."""
MOST_LEASES = 20
"""How many Leases are looked at, in an order that is fair to namespaces. A status is easily forged."""


@dataclass(slots=True)
class _Seen:
    """One Lease of another operator."""

    version: str | None
    """Its resourceVersion; None where it is not there."""
    since: float
    """From when it has said the same, by the monotonic clock."""
    duration: float
    """Seconds that its holder may go without renewing it."""


class OtherOperators:
    """Looks at the Leases that records name, and lets the engine know which of their operators are gone."""

    def __init__(
        self,
        settings: LeaderElection,
        client: ApiClient,
        clock: Clock,
        scheduler: Scheduler,
        leads: Callable[[], bool],
    ) -> None:
        self._own = settings.lease
        self._patience = settings.take_over_seconds
        self._replaced = frozenset(settings.replaces)
        self._timing = Timing(settings.lease_duration, settings.renew_deadline, settings.retry_period)
        self._client = client
        self._clock = clock
        self._scheduler = scheduler
        self._leads = leads
        self._seen: dict[str, _Seen] = {}
        self._reported: dict[str, str] = {}
        self._gone: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Look again and again, while this replica leads."""
        while True:
            if self._leads():
                try:
                    await self._look()
                except Exception:  # an answer that is not expected must not end the looking
                    log.exception("looking at the Leases of other operators failed")
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self) -> None:
        named = others_named(self._scheduler.overview.records_with_namespaces(), self._own)
        leases = list(named)[:MOST_LEASES]
        gone = frozenset([lease for lease in leases if await self._is_gone(lease)])
        self._tell(named, gone)
        if gone != self._gone:
            self._gone = gone
            self._scheduler.operators_gone(gone)

    async def _is_gone(self, lease: str) -> bool:
        namespace, _, name = lease.partition("/")
        replaced = lease in self._replaced
        if not namespace or not name or "/" in name:
            return replaced  # no Lease has that name: the record was edited
        reading = KubernetesLease(self._client, namespace, name, self._timing)
        try:
            kept = await reading.read()
        except ApiError as error:
            if error.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}:
                return lease in self._gone  # what was known holds until there is an answer
            self._say(lease, f"cannot be read, so its operator counts as at work: {error}")
            return replaced
        now, known = self._clock.monotonic(), self._seen.get(lease)
        version = None if kept is None else kept.version
        if known is None or known.version != version:
            duration = self._timing.lease_duration if kept is None else kept.record.duration
            self._seen[lease] = known = _Seen(version, now, duration)
        patience = known.duration if replaced else max(self._patience, known.duration)
        return now - known.since >= patience

    def _tell(self, named: Mapping[str, int], gone: frozenset[str]) -> None:
        for lease, count in list(named.items())[:MOST_LEASES]:
            if lease in gone:
                self._say(lease, f"is abandoned: this operator decides on the {count} ScheduledJobs that name it")
            elif lease not in self._reported:
                self._say(
                    lease,
                    f"is named by {count} ScheduledJobs that this operator watches, too: another operator is at work "
                    "on the same namespaces. The one that `status.operator` names decides on a ScheduledJob",
                )
        for lease in [lease for lease in self._reported if lease not in named]:
            del self._reported[lease]
            self._seen.pop(lease, None)

    def _say(self, lease: str, what: str) -> None:
        if self._reported.get(lease) != what.partition(":")[0]:
            log.warning("the Lease %s %s", lease, what)
        self._reported[lease] = what.partition(":")[0]
