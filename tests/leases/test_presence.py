"""A process that acts no more is alive while its lease changes, by the clock of the process that asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

import pytest
from typing_extensions import ParamSpec, override

from doubles import LoopClock
from kalends.leases.blocking import StoreCalls, StoreLease
from kalends.leases.memory import MemoryLeases
from kalends.leases.port import LeaseRecord, Timing
from kalends.leases.presence import Presence, PresenceWatch

pytestmark = pytest.mark.looptime
TIMING = Timing(15, 10, 2)
_T = TypeVar("_T")
_P = ParamSpec("_P")


class Inline(Executor):
    """Makes each call at once: the time of the loop does not wait for threads."""

    @override
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


async def test_a_process_is_alive_until_its_presence_ends_and_its_lease_lapses() -> None:
    leases = MemoryLeases()
    lease = StoreLease(leases, "runs/first", "the lease", StoreCalls(threads=Inline()))
    watch = PresenceWatch(LoopClock())
    assert await watch.alive([("first", lease)]) == frozenset()
    presence = Presence(lease, LeaseRecord("first", 15, 1), TIMING)
    await presence.begin()
    for _ in range(10):
        assert await watch.alive([("first", lease)]) == {"first"}
        await asyncio.sleep(10)
    await presence.end()
    assert await watch.alive([("first", lease)]) == {"first"}
    await asyncio.sleep(15)
    assert await watch.alive([("first", lease)]) == frozenset()


async def test_a_process_whose_lease_was_removed_is_gone_at_once() -> None:
    leases = MemoryLeases()
    lease = StoreLease(leases, "runs/first", "the lease", StoreCalls(threads=Inline()))
    watch = PresenceWatch(LoopClock())
    kept = leases.write_lease("runs/first", None, LeaseRecord("first", 15, 1))
    assert kept is not None
    assert await watch.alive([("first", lease)]) == {"first"}
    leases.remove_lease("runs/first", kept)
    assert await watch.alive([("first", lease)]) == frozenset()
