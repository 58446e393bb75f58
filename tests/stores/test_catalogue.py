"""One set of claims for every catalogue: what is wanted is put, loaded, changed, removed and watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from doubles import START
from kalends.engine.core.definition import Change, Definition, Deleted, Stored
from kalends.engine.core.schedule import TaskCall
from kalends.engine.core.state import State
from kalends.engine.ports import Catalogue, JobStore
from kalends.errors import AlreadyExists, Conflict, Gone
from kalends.stores.memory import MemoryJobStore
from kalends.stores.sqlite import SqliteJobStore
from kalends.triggers.when import IntervalSpec, TriggerSpec, When

HOURLY = When(trigger=TriggerSpec(interval=IntervalSpec(hours=1)))
WANTED = Definition(when=HOURLY, target=TaskCall("kalends.echo", ("a",)))


class SteppedClock:
    second = 1

    def __init__(self) -> None:
        self.time = float(START)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Store(Catalogue, JobStore):
    """Both halves of a store."""


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SteppedClock) -> object:
    if request.param == "memory":
        yield MemoryJobStore(clock)
        return
    made = SqliteJobStore(tmp_path / "store.db", clock)
    yield made
    made.close()


async def everything_of(changes: AsyncIterator[Change]) -> list[Change]:
    """Return the changes that a watch has to show now."""
    found: list[Change] = []
    while True:
        try:
            found.append(await asyncio.wait_for(anext(changes), 0.01))
        except TimeoutError:
            return found


async def test_what_is_put_is_loaded_as_it_was_put(store: Store) -> None:
    put = await store.put("default", "nightly", replace(WANTED, request="now", restored=True))
    (loaded,) = await store.load()
    assert loaded == put
    assert loaded.definition == replace(WANTED, request="now", restored=True)
    assert loaded.restored
    assert loaded.requested_later
    assert (loaded.created, loaded.edited, loaded.generation, loaded.record) == (START, START, 1, None)
    assert (loaded.ref.namespace, loaded.ref.name) == ("default", "nightly")
    assert await store.read(put.ref) == put


async def test_an_equal_definition_changes_nothing_and_is_no_news(store: Store, clock: SteppedClock) -> None:
    first = await store.put("default", "nightly", WANTED)
    changes = store.watch()
    clock.time += 60
    again = await store.put("default", "nightly", Definition(when=HOURLY, target=TaskCall("kalends.echo", ("a",))))
    assert again == first
    assert await everything_of(changes) == []


async def test_a_changed_definition_is_another_generation_of_the_same_resource(
    store: Store, clock: SteppedClock
) -> None:
    first = await store.put("default", "nightly", WANTED)
    version = await store.write(first.ref, first.version, None, State(armed=START))
    clock.time += 60
    second = await store.put("default", "nightly", replace(WANTED, suspended=True))
    assert (second.ref, second.created, second.edited, second.generation) == (first.ref, START, START + 60, 2)
    assert second.record == State(armed=START)
    assert second.version not in {first.version, version}
    with pytest.raises(Conflict):
        await store.write(first.ref, version, None, State(armed=START))


async def test_a_request_is_a_new_version_and_no_edit(store: Store, clock: SteppedClock) -> None:
    first = await store.put("default", "nightly", WANTED)
    clock.time += 60
    second = await store.put("default", "nightly", replace(WANTED, request="now"))
    assert second.version != first.version
    assert (second.generation, second.edited) == (1, START)
    assert second.definition is not None
    assert second.definition.request == "now"


async def test_a_resource_is_replaced_only_if_that_is_asked_for(store: Store) -> None:
    first = await store.put("default", "nightly", WANTED, replace=False)
    with pytest.raises(AlreadyExists, match="default/nightly"):
        await store.put("default", "nightly", replace(WANTED, suspended=True), replace=False)
    assert await store.load() == [first] or await store.load() == (first,)


async def test_what_is_removed_is_gone_and_created_again_under_another_uid(store: Store) -> None:
    first = await store.put("default", "nightly", WANTED)
    await store.remove(first.ref)
    assert not await store.load()
    with pytest.raises(Gone):
        await store.remove(first.ref)
    second = await store.put("default", "nightly", WANTED)
    assert second.ref.uid != first.ref.uid
    with pytest.raises(Gone):
        await store.remove(first.ref)
    assert [one.ref for one in await store.load()] == [second.ref]


async def test_a_watch_shows_all_changes_from_its_beginning_on_and_no_records(store: Store) -> None:
    before = await store.put("default", "before", WANTED)
    changes, others = store.watch(), store.watch()
    made = await store.put("default", "nightly", WANTED)
    version = await store.write(made.ref, made.version, None, State(armed=START))
    edited = await store.put("default", "nightly", replace(WANTED, suspended=True))
    assert edited.version != version
    await store.remove(before.ref)
    await store.delete(edited.ref, edited.version)
    expected: list[Stored | Deleted] = [made, edited, Deleted(before.ref), Deleted(edited.ref)]
    assert await everything_of(changes) == expected
    assert await everything_of(others) == expected


async def test_namespaces_are_apart(store: Store) -> None:
    one, other = [await store.put(namespace, "nightly", WANTED) for namespace in ("a", "b")]
    await store.remove(one.ref)
    assert [kept.ref for kept in await store.load()] == [other.ref]
