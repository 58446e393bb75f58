"""The queue for workers: its laws under any order of events, and the work that it does."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from doubles import START, LoopClock, Pool, every, resource
from engine.world import World
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import State
from kalends.engine.decisions.decide import decide
from kalends.engine.loop import gathering
from kalends.engine.loop.queues.inbox import Inbox
from kalends.engine.loop.queues.worker_queue import WorkerQueue
from kalends.model import format_instant

UIDS = st.sampled_from(["a", "b", "c", "d", "e"])


class Workers(Pool):
    """A pool of which a test says how many workers are free."""

    def __init__(self, free: int) -> None:
        self.free = free

    def free_slots(self) -> int:
        return self.free


class Queueing(RuleBasedStateMachine):
    """Resources look, claim, start, fail, wait and are deleted, in any order; the pool frees its workers late."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = Workers(2)
        self.woken: list[str] = []
        self.queue = WorkerQueue({"default": self.pool}, self.woken.append)
        self.claims: dict[str, list[str]] = {}
        self.waiting: set[str] = set()
        self.names = iter(f"run-{n}" for n in range(1_000_000))

    def look(self, uid: str) -> None:
        """Decide as a resource with one run to start does: it claims a worker, or waits."""
        self.woken[:] = [other for other in self.woken if other != uid]
        self.waiting.discard(uid)
        if self.queue.free("default", uid) > len(self.claims.get(uid, ())):
            self.claims.setdefault(uid, []).append(next(self.names))
            self.queue.promise("default", uid, self.claims[uid])
            self.queue.leave(uid)
        else:
            self.waiting.add(uid)
            self.queue.wait("default", uid)

    @rule(uid=UIDS)
    def looks_by_itself(self, uid: str) -> None:
        self.look(uid)

    @precondition(lambda self: self.woken)
    @rule()
    def looks_when_woken(self) -> None:
        self.look(self.woken[0])

    @rule(uid=UIDS, kept=st.booleans())
    def a_claim_is_handed_to_the_pool(self, uid: str, kept: bool) -> None:
        """Not kept: the pool refuses it, and its worker stays free."""
        if self.claims.get(uid):
            run = self.claims[uid].pop()
            self.pool.free -= kept
            self.queue.started("default", uid, run)

    @rule(uid=UIDS)
    def its_claims_are_not_written(self, uid: str) -> None:
        self.claims.pop(uid, None)
        self.queue.release(uid)

    @precondition(lambda self: self.pool.free < 2)
    @rule()
    def a_run_ends(self) -> None:
        self.pool.free += 1
        self.queue.freed("default")

    @rule(uid=UIDS)
    def it_is_deleted(self, uid: str) -> None:
        self.claims.pop(uid, None)
        self.waiting.discard(uid)
        self.woken[:] = [other for other in self.woken if other != uid]
        self.queue.leave(uid)
        self.queue.release(uid)

    @invariant()
    def no_worker_is_free_while_a_resource_waits_that_was_not_woken(self) -> None:
        unwoken = self.waiting - set(self.woken)
        assert not unwoken or self.queue.free("default", "") <= len(set(self.woken))

    @invariant()
    def each_free_worker_wakes_one(self) -> None:
        assert len(self.woken) == len(set(self.woken)) <= 2

    @invariant()
    def no_worker_is_promised_twice(self) -> None:
        claimed = sum(len(runs) for runs in self.claims.values())
        assert self.queue.free("default", "") == self.pool.free - claimed >= 0
        assert self.queue.any_promised(["default"]) == (claimed > 0)

    @invariant()
    def waiting_is_being_in_line(self) -> None:
        assert bool(self.queue) == bool(self.waiting - set(self.woken))


Queueing.TestCase.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
test_no_order_of_events_leaves_a_free_worker_beside_a_waiting_resource = Queueing.TestCase


def memory_of(work: Callable[..., Any]) -> int:
    """Return the most bytes that a piece of work allocates at once."""
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("free", [0, 1])
def test_a_wake_up_copies_nothing_of_a_long_line(free: int) -> None:
    pool = Workers(0)
    queue = WorkerQueue({"default": pool}, lambda uid: None)
    for n in range(20_000):
        queue.wait("default", str(n))
    pool.free = free
    assert memory_of(lambda: queue.freed("default")) < 4096


class Compared(str):
    """A UID that counts how often it is compared with others."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.compared += 1
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> Any:
        Compared.compared += 1
        return str.__ne__(self, other)


def test_neither_counting_the_free_workers_nor_a_release_looks_at_the_promises_to_others() -> None:
    queue = WorkerQueue({"default": Workers(2000)}, lambda uid: None)
    for n in range(1000):
        queue.promise("default", Compared(n), [f"run-{n}"])
    Compared.compared = 0
    assert queue.free("default", Compared("7")) == 1001
    queue.release(Compared("7"))
    assert Compared.compared < 20


def test_namespaces_are_woken_in_turn() -> None:
    pool = Workers(0)
    woken: list[str] = []
    queue = WorkerQueue({"default": pool}, woken.append)
    for number in range(100):
        queue.wait("default", f"evil-{number}", "evil")
    for number in range(2):
        queue.wait("default", f"prod-{number}", "prod")
    pool.free = 5
    queue.freed("default")
    assert woken == ["evil-0", "prod-0", "evil-1", "prod-1", "evil-2"]


def test_a_resource_that_leaves_the_line_of_its_namespace_is_not_woken() -> None:
    pool = Workers(0)
    woken: list[str] = []
    queue = WorkerQueue({"default": pool}, woken.append)
    queue.wait("default", "evil-0", "evil")
    queue.wait("default", "prod-0", "prod")
    queue.leave("evil-0")
    assert queue
    pool.free = 2
    queue.freed("default")
    assert woken == ["prod-0"]
    assert not queue


def test_a_resource_waits_in_one_line() -> None:
    small, large = Workers(0), Workers(0)
    woken: list[str] = []
    queue = WorkerQueue({"small": small, "large": large}, woken.append)
    queue.wait("small", "a")
    queue.wait("large", "a")
    small.free = 1
    queue.freed("small")
    assert woken == []
    large.free = 1
    queue.freed("large")
    assert woken == ["a"]


def test_a_resource_that_was_woken_and_waits_for_another_pool_lets_the_next_one_be_woken() -> None:
    small, large = Workers(0), Workers(0)
    woken: list[str] = []
    queue = WorkerQueue({"small": small, "large": large}, woken.append)
    queue.wait("small", "a")
    queue.wait("small", "b")
    small.free = 1
    queue.freed("small")
    queue.wait("large", "a")
    assert woken == ["a", "b"]


@pytest.mark.looptime
async def test_one_free_worker_makes_one_of_many_waiting_resources_look(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(size=1, seconds=None)
    for n in range(30):
        world.apply(resource(f"job-{n}", trigger={"date": {"at": format_instant(START + 60)}}))
    async with world.running():
        await asyncio.sleep(70)
        looked = []

        def deciding(schedule: Schedule, record: State | None, known: Facts) -> Decision:
            looked.append(schedule.ref.name)
            return decide(schedule, record, known)

        monkeypatch.setattr(gathering, "decide", deciding)
        world.pool.end(world.pool.started[0].name)
        await asyncio.sleep(1)
    assert len(world.pool.started) == 2
    assert len(set(looked)) == 2  # the one whose run ended, and the one that got its worker


@pytest.mark.looptime
async def test_a_run_waits_for_one_run_of_another_namespace_and_not_for_all() -> None:
    world = World(size=1, seconds=None)
    for number in range(31):
        found = resource(f"job-{number}", trigger={"date": {"at": format_instant(START + 60)}})
        found["metadata"]["namespace"] = "prod" if number == 30 else "evil"
        world.apply(found)
    async with world.running():
        await asyncio.sleep(70)
        for run in range(2):
            world.pool.end(world.pool.started[run].name)
            await asyncio.sleep(1)
    assert [run.ref.namespace for run in world.pool.started][:3] in (["evil", "prod", "evil"], ["evil", "evil", "prod"])


@pytest.mark.looptime
async def test_a_resource_that_is_made_again_keeps_its_promise_while_the_old_one_is_still_acted_on() -> None:
    world = World(size=1, seconds=None)
    world.store.latency = 5.0
    world.apply(resource("again", uid="old", trigger=every(60)))
    world.apply(resource("other", trigger=every(63)))
    async with world.running():
        await asyncio.sleep(61)  # the claim of the old one is being written
        world.scheduler.forget("default/again", "old")
        world.apply(resource("again", uid="new", created=START + 60))
        await asyncio.sleep(20)  # the old write fails while the new claim is being written
    assert [run.ref.uid for run in world.pool.started] == ["new"]
    assert world.counts("default/other")["started"] == 0


def test_the_inbox_hands_out_in_order_without_walking_over_what_was_taken() -> None:
    inbox = Inbox(LoopClock())
    for n in range(100):
        inbox.put(str(n))
    inbox.put("3")
    assert [inbox.take() for _ in range(100)] == [str(n) for n in range(100)]
