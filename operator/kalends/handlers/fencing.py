"""Writes and starts that go through only while we may act: asked right before each, repetitions included.

A process may be stopped between any two instructions and resume a minute later. This is the last check before each
request; beyond it, names and resourceVersions make a late request harmless.
"""

from __future__ import annotations

from collections.abc import Callable

from kalends.engine.core.state import Ref
from kalends.engine.executor_ports import ExecutorEvents, Pool
from kalends.engine.ports import Run
from kalends.errors import ApiError, Unavailable
from kalends.kube.wire.transport import Request, Response, Stream, Transport
from kalends.model.reasons import Reason

MayAct = Callable[[], bool]
NOT_LEADING = "another replica may lead by now"


class FencedTransport:
    """Carries reads always, and everything else while we may act."""

    def __init__(self, transport: Transport, may_act: MayAct) -> None:
        self._transport = transport
        self._may_act = may_act

    async def send(self, request: Request) -> Response:
        """Return the answer; what may not be sent counts as never answered."""
        if request.method != "GET" and not self._may_act():
            raise ApiError(0, "NotLeading", NOT_LEADING)
        return await self._transport.send(request)

    async def open(self, request: Request) -> Stream:
        """Return an answer as soon as its status is known."""
        return await self._transport.open(request)

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


class FencedPool:
    """Starts runs while this replica may act; active runs continue."""

    def __init__(self, pool: Pool, may_act: MayAct) -> None:
        self._pool = pool
        self._may_act = may_act

    async def open(self, events: ExecutorEvents) -> None:
        """Open the pool."""
        await self._pool.open(events)

    def free_slots(self) -> int:
        """Return how many more runs can start at once."""
        return self._pool.free_slots()

    def obstacle(self) -> str:
        """Return why no run can start until an administrator intervenes."""
        return self._pool.obstacle()

    async def check(self, run: Run) -> None:
        """Check a run without starting it."""
        await self._pool.check(run)

    async def start(self, run: Run) -> None:
        """Start a run.

        Raises:
            StartRefused: As the pool says.
            Unavailable: We may not act now, or as the pool says.
        """
        if not self._may_act():
            raise Unavailable(NOT_LEADING)
        await self._pool.start(run)

    async def cancel(self, run_name: str, ref: Ref, reason: Reason, *, job_uid: str = "") -> None:
        """Ask for the end of a run."""
        await self._pool.cancel(run_name, ref, reason, job_uid=job_uid)

    async def close(self, grace: float) -> None:
        """Close the pool."""
        await self._pool.close(grace)
