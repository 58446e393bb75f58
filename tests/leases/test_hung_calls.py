"""A call of a store that hangs costs one thread, and blocks neither the calls of another lease nor the exit."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Event
from typing import TypeVar

import pytest
from typing_extensions import ParamSpec, override

from kalends.errors import Unavailable
from kalends.leases import blocking
from kalends.leases.blocking import StoreCalls, StoreLease
from kalends.leases.memory import MemoryLeases
from kalends.leases.port import KeptLease, LeaseRecord
from kalends.threads import DaemonThreads

P = ParamSpec("P")
T = TypeVar("T")

LIMIT = 0.02
MINE = LeaseRecord("me", 15, 1)


class CutOff(MemoryLeases):
    """Leases of a server that answers no call while it is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = Event()
        self.answers.set()

    @override
    def read_lease(self, name: str) -> KeptLease | None:
        self.answers.wait()
        return super().read_lease(name)


@pytest.fixture
def store() -> Iterator[CutOff]:
    found = CutOff()
    yield found
    found.answers.set()


class Counting(DaemonThreads):
    """Counts the calls, also those whose thread has not reached the store yet."""

    def __init__(self) -> None:
        super().__init__("test")
        self.calls = 0

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.calls += 1
        return super().submit(fn, *args, **kwargs)


async def fail_to_read(lease: StoreLease, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable, match=r"no answer within 0\.02 seconds"):
            await lease.read()


async def test_calls_that_hang_hold_up_one_thread_for_each_lease(store: CutOff) -> None:
    store.answers.clear()
    for name in ("first", "second"):
        threads = Counting()
        await fail_to_read(StoreLease(store, name, name, StoreCalls(LIMIT, threads)), 9)
        assert threads.calls == 1


async def test_a_lease_is_read_again_once_the_call_that_hung_has_returned(store: CutOff) -> None:
    calls = StoreCalls(LIMIT)
    lease = StoreLease(store, "a", "a", calls)
    store.answers.clear()
    await fail_to_read(lease, 3)
    store.answers.set()
    patient = StoreLease(store, "a", "a", StoreCalls(60))
    assert await patient.write(None, MINE) is not None
    found = None
    while found is None:
        try:
            found = await lease.read()
        except Unavailable:  # the thread that hung has not ended yet
            continue
    assert found.record == MINE


async def test_a_connection_that_hangs_for_ever_does_not_block_later_calls(
    store: CutOff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "PATIENCE", 0.0)
    lease = StoreLease(store, "a", "a", StoreCalls(60))
    store.answers.clear()
    threads = Counting()
    hung = StoreLease(store, "a", "a", StoreCalls(LIMIT, threads))
    await fail_to_read(hung, 1)
    await fail_to_read(hung, 1)  # the next call has a thread of its own
    assert threads.calls == 2
    store.answers.set()
    assert await lease.read() is None


async def test_a_call_without_a_time_limit_has_more_time_after_each_call_that_hangs(
    store: CutOff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "PATIENCE", LIMIT)
    calls = StoreCalls(None)
    store.answers.clear()
    for seconds in ("0.02", "0.04", "0.08"):
        with pytest.raises(Unavailable, match=f"no answer within {seconds} seconds"):
            await calls.call(store.read_lease, "a")
    store.answers.set()


async def test_a_time_limit_of_the_client_library_is_reported_as_such() -> None:
    def fail() -> None:
        raise TimeoutError("read timed out")

    with pytest.raises(Unavailable, match="TimeoutError: read timed out"):
        await StoreCalls(60).call(fail)


def test_a_call_that_hangs_does_not_block_the_exit_of_the_process() -> None:
    program = """
        import asyncio, threading
        from kalends.errors import Unavailable
        from kalends.leases.blocking import StoreCalls

        async def main():
            try:
                await StoreCalls(0.02).call(threading.Event().wait)
            except Unavailable as error:
                print(error)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("TimeoutError: no answer within 0.02 seconds\n", "")
