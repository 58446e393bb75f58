"""One set of claims for every job store; the CRD store is on an API server in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doubles import START, definition_of, every, resource
from kalends.engine.core.definition import Stored
from kalends.engine.core.state import ActiveRun, Condition, Counts, FinishedRun, Misfire, Ref, State
from kalends.errors import Conflict, Gone
from kalends.kube.client.client import ApiClient
from kalends.model import Outcome
from kalends.stores.crd import CrdJobStore
from kalends.stores.memory import MemoryJobStore
from kalends.stores.objects import read_object
from kalends.stores.sqlite import SqliteJobStore
from kube.fake_api import FakeApi
from kube.fake_clock import LoopClock
from kube.fake_objects import Collection, Refused

SCHEDULED_JOBS = Collection("kalends.dev/v1alpha1", "scheduledjobs")


class FixedClock:
    second = 1

    def now(self) -> float:
        return float(START)

    def monotonic(self) -> float:
        return 0.0


class Memory:
    def __init__(self, folder: Path) -> None:
        self.store = MemoryJobStore(FixedClock())

    async def apply(self, obj: dict[str, Any]) -> Stored:
        return await self.store.put("default", obj["metadata"]["name"], definition_of(obj))


class Sqlite:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteJobStore(folder / "store.db", FixedClock())

    async def apply(self, obj: dict[str, Any]) -> Stored:
        return await self.store.put("default", obj["metadata"]["name"], definition_of(obj))


class Crd:
    def __init__(self, folder: Path) -> None:
        clock = LoopClock()
        self._api = FakeApi(now=clock.now)
        self.store = CrdJobStore(ApiClient(self._api.connect(), clock))

    async def apply(self, obj: dict[str, Any]) -> Stored:
        given = {**obj, "metadata": {"name": obj["metadata"]["name"], "namespace": "default"}}
        try:
            made = self._api.objects.create(SCHEDULED_JOBS, "default", given)
        except Refused:
            made = self._api.objects.merge_patch(SCHEDULED_JOBS, "default", "nightly", {"spec": obj["spec"]}, None)
        return read_object(made)


@pytest.fixture(params=[Memory, Sqlite, Crd])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = request.param(tmp_path)
    yield made
    if isinstance(made, Sqlite):
        made.store.close()


FULL = State(
    armed=START,
    schedule_hash="abc",
    observed_generation=3,
    cursor=START + 60,
    last_scheduled=START + 60,
    next_run=START + 120,
    last_successful=START + 61,
    active=(ActiveRun("nightly-2", START + 60, START + 60, "default", 1, "me"),),
    history=(
        FinishedRun("nightly-1", START, START, START + 1, Outcome.FAILED, "Exception", "ValueError: no", 1, None),
        FinishedRun("nightly-0", START - 60, START - 60, START - 59, Outcome.SUCCEEDED, result='{"a":1}'),
    ),
    last_misfire=Misfire(START, "DeadlineExceeded", "late"),
    counts=Counts(due=4, started=3, missed=1, active=1, failed=1, succeeded=1),
    conditions={
        "Ready": Condition("Ready", status=True, reason="Armed", message="m", since=START, observed_generation=3)
    },
    summary="every 60s",
)


async def test_what_is_written_is_read_back(kept: Crd | Memory | Sqlite) -> None:
    seen = await kept.apply(resource(trigger=every(60)))
    version = await kept.store.write(seen.ref, seen.version, seen.record, FULL)
    again = await kept.store.read(seen.ref)
    assert again.record == FULL
    assert again.version == version != seen.version


async def test_nothing_is_recorded_at_first(kept: Crd | Memory | Sqlite) -> None:
    assert (await kept.apply(resource(trigger=every(60)))).record is None


async def test_a_write_from_an_old_version_conflicts_and_changes_nothing(kept: Crd | Memory | Sqlite) -> None:
    seen = await kept.apply(resource(trigger=every(60)))
    await kept.store.write(seen.ref, seen.version, None, FULL)
    with pytest.raises(Conflict):
        await kept.store.write(seen.ref, seen.version, None, replace(FULL, cursor=START + 999))
    assert (await kept.store.read(seen.ref)).record == FULL


async def test_what_is_not_there_is_gone(kept: Crd | Memory | Sqlite) -> None:
    with pytest.raises(Gone):
        await kept.store.read(Ref("default", "absent", "none"))
    with pytest.raises(Gone):
        await kept.store.write(Ref("default", "absent", "none"), "1", None, FULL)


async def test_another_resource_of_the_same_name_is_not_the_one_that_was_read(kept: Crd | Memory | Sqlite) -> None:
    seen = await kept.apply(resource(trigger=every(60)))
    with pytest.raises(Gone):
        await kept.store.read(replace(seen.ref, uid="another"))


async def test_a_resource_that_is_applied_again_keeps_its_record_and_has_a_new_version(
    kept: Crd | Memory | Sqlite,
) -> None:
    seen = await kept.apply(resource(trigger=every(60)))
    await kept.store.write(seen.ref, seen.version, None, FULL)
    again = await kept.apply(resource(trigger=every(30), generation=2))
    assert again.record == FULL
    assert again.generation == 2


async def test_a_sqlite_file_remembers_across_a_restart(tmp_path: Path) -> None:
    first = Sqlite(tmp_path)
    seen = await first.apply(resource(trigger=every(60)))
    await first.store.write(seen.ref, seen.version, None, FULL)
    first.store.close()
    second = Sqlite(tmp_path)
    again = await second.apply(resource(trigger=every(60)))
    second.store.close()
    assert again.record == FULL
    assert again.ref == seen.ref
    assert again.generation == seen.generation


async def test_applying_the_same_manifest_again_changes_nothing(tmp_path: Path) -> None:
    kept = Sqlite(tmp_path)
    first = await kept.apply(resource(trigger=every(60)))
    second = await kept.apply(resource(trigger=every(60)))
    kept.store.close()
    assert second.version == first.version


async def test_what_is_deleted_is_gone(kept: Crd | Memory | Sqlite) -> None:
    seen = await kept.apply(resource(trigger=every(60)))
    await kept.store.delete(seen.ref, seen.version)
    with pytest.raises(Gone):
        await kept.store.read(seen.ref)
    with pytest.raises(Gone):
        await kept.store.delete(seen.ref, seen.version)


async def test_a_resource_that_was_written_since_is_not_deleted(kept: Crd | Memory | Sqlite) -> None:
    seen = await kept.apply(resource(trigger=every(60)))
    await kept.store.write(seen.ref, seen.version, None, FULL)
    with pytest.raises(Conflict):
        await kept.store.delete(seen.ref, seen.version)
    assert (await kept.store.read(seen.ref)).record == FULL
