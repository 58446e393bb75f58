"""The claims about leases for every store that keeps them, and two candidates for a lease in each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobstores.places import LASTING, PLACES, Place, start
from kalends.clock import MicrosecondClock
from kalends.jobstores.base import RecordingJobStore
from kalends.leases.blocking import StoreLease
from kalends.leases.election import LeaderElector
from kalends.leases.memory import MemoryLeases
from kalends.leases.port import LeaseRecord, LeaseStore, Timing
from kalends.testing.contracts.jobstore_records import in_threads
from servers.harness import Servers

LONG = Timing(120.0, 60.0, 0.1)
"""No candidate loses the lease because the machine is busy."""
PATIENCE = 120.0
MINE = LeaseRecord(holder="me", duration=15.0, transitions=1, acquired="2027-03-01T12:00:00.000000Z", process="a b")


@pytest.fixture(params=["memory", *LASTING])
def leases(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[list[LeaseStore]]:
    """Two stores of one place."""
    if request.param == "memory":
        yield [MemoryLeases()] * 2
        return
    place: Place = PLACES[request.param](servers, tmp_path)
    stores: list[RecordingJobStore] = [place.new_store(), place.new_store()]
    found: list[LeaseStore] = []
    for store in stores:
        start(store)
        assert isinstance(store, LeaseStore)
        found.append(store)
    yield found
    for store in stores:
        store.shutdown()
    place.remove()


def test_a_lease_is_kept_as_it_was_written(leases: list[LeaseStore]) -> None:
    one, other = leases
    assert one.read_lease("a") is None
    written = one.write_lease("a", None, MINE)
    assert written is not None
    assert written.record == MINE
    assert other.read_lease("a") == written
    assert other.read_lease("b") is None


def test_each_write_has_a_later_version(leases: list[LeaseStore]) -> None:
    one, other = leases
    first = one.write_lease("a", None, MINE)
    assert first is not None
    second = other.write_lease("a", first, MINE)
    assert second is not None
    assert int(second.version) > int(first.version)
    assert one.read_lease("a") == second


def test_a_write_over_another_version_changes_nothing(leases: list[LeaseStore]) -> None:
    one, other = leases
    first = one.write_lease("a", None, MINE)
    assert first is not None
    assert other.write_lease("a", None, MINE) is None
    second = one.write_lease("a", first, LeaseRecord("", 15.0, 1))
    assert other.write_lease("a", first, MINE) is None
    assert not other.remove_lease("a", first)
    assert other.read_lease("a") == second


def test_a_removed_lease_can_be_written_again(leases: list[LeaseStore]) -> None:
    one, other = leases
    first = one.write_lease("a", None, MINE)
    assert first is not None
    assert other.remove_lease("a", first)
    assert not other.remove_lease("a", first)
    assert one.read_lease("a") is None
    assert one.write_lease("a", first, MINE) is None
    assert other.write_lease("a", None, MINE) is not None


def test_of_two_that_write_a_version_one_wins(leases: list[LeaseStore]) -> None:
    known = None
    for _ in range(20):
        results = in_threads([lambda s=s, k=known: s.write_lease("a", k, MINE) for s in leases])
        (known,) = [written for written in results if written is not None]
        assert leases[0].read_lease("a") == known


def elector(store: LeaseStore, identity: str, events: list[str]) -> LeaderElector:
    return LeaderElector(
        StoreLease(store, "default", "the lease"),
        identity=identity,
        clock=MicrosecondClock(),
        timing=LONG,
        on_started=lambda term: events.append(f"{identity} {term}"),
    )


async def test_of_two_candidates_one_holds_the_lease_until_it_releases_it(leases: list[LeaseStore]) -> None:
    events: list[str] = []
    first, second = (elector(store, name, events) for store, name in zip(leases, ("first", "second"), strict=True))
    running = asyncio.create_task(first.run())
    async with asyncio.timeout(PATIENCE):
        while not first.is_leader():
            await asyncio.sleep(0.01)
        competing = asyncio.create_task(second.run())
        while second.holder is None:
            await asyncio.sleep(0.01)
        assert second.holder == "first"
        first.stop()
        await running
        while not second.is_leader():
            await asyncio.sleep(0.01)
    second.stop()
    await competing
    assert events == ["first 1", "second 2"]
    kept = leases[0].read_lease("default")
    assert kept is not None
    assert (kept.record.holder, kept.record.transitions) == ("", 2)


async def test_a_lease_whose_holder_is_silent_is_taken_once_it_has_lapsed(leases: list[LeaseStore]) -> None:
    events: list[str] = []
    leases[0].write_lease("default", None, LeaseRecord("silent", 0.5, 7))
    candidate = elector(leases[1], "candidate", events)
    running = asyncio.create_task(candidate.run())
    async with asyncio.timeout(PATIENCE):
        while not candidate.is_leader():
            await asyncio.sleep(0.01)
    candidate.stop()
    await running
    assert events == ["candidate 8"]
