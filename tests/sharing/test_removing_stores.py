"""A scheduler that removes a shared store, or takes it over: what is released, and when it acts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import Mock

import pytest
from typing_extensions import override

from kalends.clock import MicrosecondClock
from kalends.errors import Refused
from kalends.events import EVENT_JOB_SUBMITTED
from kalends.jobstores.base import KeptJob
from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore
from kalends.leases.port import KeptLease, LeaseRecord, Timing
from kalends.library.elections import StoreElection
from kalends.library.shared_stores import SharedStores, SharingOptions
from kalends.schedulers.background import BackgroundScheduler
from sharing.test_two_schedulers import PATIENCE, release, until, wait_for_release

OPTIONS: dict[str, Any] = {"lease_duration": 1000, "lease_renew_deadline": 900, "lease_retry_period": 0.05}
"""A lease that lapses in no test: another scheduler acts only if it was released."""


def shared_stores(store: SQLAlchemyJobStore, clock: MicrosecondClock) -> tuple[SharedStores, Mock]:
    """Return a store that is shared, and the engine of its scheduler."""
    store.start(Mock(), "shared")
    engine = Mock()
    engine.overview.uids.return_value = {}
    engine.overview.has_runs_here.return_value = False
    options = SharingOptions(Timing(1000, 900, 0.05))
    return SharedStores({"shared": store}, options, clock, "me", lambda: engine), engine


async def until_set(event: Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def test_notices_that_begin_while_the_store_is_removed_are_ended(tmp_path: Path) -> None:
    begun, may_begin, ended = Event(), Event(), Event()

    class SlowToListen(SQLAlchemyJobStore):
        @override
        def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
            begun.set()
            assert may_begin.wait(PATIENCE)
            return ended.set

    store = SlowToListen(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    shared, _ = shared_stores(store, MicrosecondClock())
    shared.add("shared")
    await until_set(begun)
    await shared.remove("shared")
    may_begin.set()
    await until_set(ended)
    store.shutdown()


def refuse() -> None:
    raise Refused("as it is asked to")


async def test_a_store_that_refuses_to_give_notices_is_still_read_for_changes(tmp_path: Path) -> None:
    class RefusesToListen(SQLAlchemyJobStore):
        looks = 0

        @override
        def listen(self, changed: Callable[[], None]) -> None:
            refuse()

        @override
        def change_number(self) -> int | None:
            self.looks += 1
            return super().change_number()

    store = RefusesToListen(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    shared, _ = shared_stores(store, MicrosecondClock())
    shared.add("shared")
    async with asyncio.timeout(PATIENCE):
        while store.looks < 2:
            await asyncio.sleep(0.01)
    await shared.close()
    store.shutdown()


async def test_a_store_that_refuses_to_end_its_notices_is_removed(tmp_path: Path) -> None:
    begun = Event()

    class RefusesToEnd(SQLAlchemyJobStore):
        @override
        def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
            begun.set()
            return refuse

    store = RefusesToEnd(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    shared, _ = shared_stores(store, MicrosecondClock())
    shared.add("shared")
    await until_set(begun)
    await shared.remove("shared")
    assert not shared.holds("shared")
    store.shutdown()


async def test_a_removal_that_failed_does_not_keep_a_store_of_the_same_alias_from_being_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(election: StoreElection) -> None:
        raise RuntimeError(f"cannot close {election}")

    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    shared, _ = shared_stores(store, MicrosecondClock())
    shared.add("shared")
    monkeypatch.setattr(StoreElection, "end_presence", fail)
    with pytest.raises(RuntimeError, match="cannot close"):
        await shared.remove("shared")
    monkeypatch.undo()
    await shared.end_of_removal("shared")
    assert shared.add("shared")
    await shared.close()
    store.shutdown()


class SlowToRelease(SQLAlchemyJobStore):
    """Releases its lease slowly, and notes what is done in which order."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.order: list[str] = []
        self.is_shut_down = Event()

    @override
    def write_lease(self, name: str, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        if not record.holder:
            self.is_shut_down.wait(1.5)
            self.order.append("release")
        return super().write_lease(name, known, record)

    @override
    def shutdown(self) -> None:
        self.order.append("shutdown")
        self.is_shut_down.set()
        super().shutdown()


def test_a_removed_store_is_shut_down_after_its_lease_is_released(tmp_path: Path) -> None:
    release.clear()
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    store = SlowToRelease(url)
    first = BackgroundScheduler(jobstores={"other": store}, **OPTIONS)
    second = BackgroundScheduler(jobstores={"other": SQLAlchemyJobStore(url)}, **OPTIONS)
    first.start()
    try:
        until(lambda: first.acts_for("other"))
        second.start()
        started = Event()
        first.add_listener(lambda _: started.set(), EVENT_JOB_SUBMITTED)
        first.add_job(wait_for_release, id="long", jobstore="other")
        assert started.wait(PATIENCE)
        first.remove_jobstore("other")
        assert store.order == ["release", "shutdown"]
        until(lambda: second.acts_for("other"))
    finally:
        release.set()
        for scheduler in (first, second):
            if scheduler.running:
                scheduler.shutdown()


class SettableClock(MicrosecondClock):
    """A clock whose monotonic reading a test sets."""

    reading = 0.0

    @override
    def monotonic(self) -> float:
        return self.reading

    @override
    def now(self) -> float:
        return self.reading * self.second


async def test_a_scheduler_whose_lease_lapses_for_a_moment_does_not_act_before_it_has_seen_the_jobs(
    tmp_path: Path,
) -> None:
    reads, may_read, renews, may_renew = Event(), Event(), Event(), Event()

    class Slow(SQLAlchemyJobStore):
        written = 0

        @override
        def kept_jobs(self) -> Sequence[KeptJob]:
            reads.set()
            assert may_read.wait(PATIENCE)
            return super().kept_jobs()

        @override
        def write_lease(self, name: str, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
            self.written += 1
            if self.written > 1:
                renews.set()
                assert may_renew.wait(PATIENCE)
            return super().write_lease(name, known, record)

    clock = SettableClock()
    store = Slow(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    shared, engine = shared_stores(store, clock)
    shared.add("shared")
    await until_set(reads)
    clock.reading = 2.0  # a renewal is sent
    await until_set(renews)
    clock.reading = 901.0  # the lease lapses, before the answer to the renewal
    may_read.set()
    await asyncio.sleep(0.5)
    may_renew.set()
    async with asyncio.timeout(PATIENCE):
        while not shared.acts_for("shared"):
            await asyncio.sleep(0.01)
    assert engine.look_at_all.called
    await shared.close()
    store.shutdown()
