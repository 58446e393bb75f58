"""What the engine writes together goes to a job store in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from typing_extensions import override

from kalends.engine.core.state import Ref, State
from kalends.errors import Conflict, Gone, Unavailable
from kalends.jobstores.base import RecordWrite
from kalends.jobstores.memory import MemoryJobStore
from kalends.library.engine_store import EngineStore
from kalends.schedulers.background import BackgroundScheduler


class CountingStore(MemoryJobStore):
    """A store whose calls may block, and that counts the writes of each call."""

    blocks = True

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.failure: Exception | None = None

    @override
    def write_records(self, writes: Sequence[RecordWrite]) -> Sequence[int | None]:
        self.calls.append(len(writes))
        if self.failure is not None:
            raise self.failure
        return super().write_records(writes)


def filled(store: MemoryJobStore, number: int) -> list[Any]:
    """Return the kept jobs of a store that has so many."""
    scheduler = BackgroundScheduler()
    for place in range(number):
        store.add_job(scheduler.add_job(len, "interval", hours=1, args=["x"], id=f"job-{place}"))
    return list(store.kept_jobs())


def ref_of(kept: Any) -> Ref:
    return Ref("default", kept.id, kept.uid)


async def test_records_that_are_written_together_are_one_call() -> None:
    store = CountingStore()
    jobs = filled(store, 20)
    engine_store = EngineStore({"default": store}, lambda ref: None)
    written = [engine_store.write(ref_of(kept), str(kept.version), None, State(armed=7)) for kept in jobs]
    versions = await asyncio.gather(*written)
    assert store.calls == [20]
    assert len(set(versions)) == 20
    assert [kept.record for kept in store.kept_jobs()] == [State(armed=7)] * 20


async def test_a_record_of_an_older_version_is_refused_alone() -> None:
    store = CountingStore()
    first, second = filled(store, 2)
    engine_store = EngineStore({"default": store}, lambda ref: None)
    stale = engine_store.write(ref_of(first), str(first.version + 100), None, State(armed=7))
    right = engine_store.write(ref_of(second), str(second.version), None, State(armed=8))
    refused, version = await asyncio.gather(stale, right, return_exceptions=True)
    assert isinstance(refused, Conflict)
    assert version == str(store.kept_job(second.id).version)
    assert store.kept_job(first.id).record is None


async def test_a_store_that_fails_is_unavailable() -> None:
    store = CountingStore()
    (kept,) = filled(store, 1)
    store.failure = OSError("disk full")
    engine_store = EngineStore({"default": store}, lambda ref: None)
    with pytest.raises(Unavailable, match="the job store failed: OSError: disk full"):
        await engine_store.write(ref_of(kept), str(kept.version), None, State(armed=7))


async def test_a_job_that_has_ended_is_removed_once_and_reported() -> None:
    store = CountingStore()
    (kept,) = filled(store, 1)
    removed: list[Ref] = []
    engine_store = EngineStore({"default": store}, removed.append)
    await engine_store.delete(ref_of(kept), str(kept.version))
    assert removed == [ref_of(kept)]
    assert store.kept_jobs() == []
    with pytest.raises(Conflict):
        await engine_store.delete(ref_of(kept), str(kept.version))


async def test_a_job_that_was_removed_or_replaced_is_gone() -> None:
    store = CountingStore()
    (kept,) = filled(store, 1)
    engine_store = EngineStore({"default": store}, lambda ref: None)
    with pytest.raises(Gone):
        await engine_store.read(Ref("default", kept.id, "the UID of an earlier job"))
    store.remove_all_jobs()
    with pytest.raises(Gone):
        await engine_store.read(ref_of(kept))
    with pytest.raises(Gone):
        await engine_store.read(Ref("removed", kept.id, kept.uid))


async def test_a_decision_is_not_written_while_another_scheduler_may_act_but_the_end_of_a_run_is() -> None:
    store = CountingStore()
    (kept,) = filled(store, 1)
    engine_store = EngineStore({"default": store}, lambda ref: None, lambda alias: False)
    record = State(armed=7, cursor=9)
    with pytest.raises(Unavailable, match="another scheduler may act"):
        await engine_store.write(ref_of(kept), str(kept.version), State(armed=7), record)
    with pytest.raises(Unavailable, match="another scheduler may act"):
        await engine_store.delete(ref_of(kept), str(kept.version))
    assert store.kept_job(kept.id).record is None
    await engine_store.write(ref_of(kept), str(kept.version), record, record)
    assert store.kept_job(kept.id).record == record
