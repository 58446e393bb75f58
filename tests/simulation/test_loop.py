"""What the simulated loop keeps of asyncio's promises, and what it draws."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from simulation.loop import BusyLoop, Process, SimulatedLoop, Stalled


def lived(script: Callable[..., Any], seed: int = 1) -> list[Any]:
    """Run ``script(loop, seen)`` to its end, and return what was seen."""
    loop = SimulatedLoop(Random(seed))  # noqa: S311 - repeatable is what it is for
    seen: list[object] = []
    try:
        loop.run_until_complete(script(loop, seen))
        assert loop.failures == []
    finally:
        loop.throw_away()
    return seen


def process_of(loop: SimulatedLoop, name: str = "one") -> Process:
    process = Process(name)
    loop.add_process(process)
    return process


def test_hours_pass_at_once() -> None:
    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        await asyncio.sleep(7200)
        seen.append(loop.time())

    assert lived(script) == [pytest.approx(7200, abs=0.01)]


def test_within_a_process_callbacks_run_in_the_order_in_which_they_were_scheduled() -> None:
    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        process = process_of(loop)
        for number in range(100):
            loop.call_soon(seen.append, number, context=process.context)
        await asyncio.sleep(1)

    assert lived(script) == list(range(100))


def test_processes_interleave_as_the_seed_says() -> None:
    async def count(seen: list[Any], name: str) -> None:
        for _ in range(20):
            seen.append(name)
            await asyncio.sleep(0)

    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        for name in "ab":
            loop.spawn(process_of(loop, name), count(seen, name))
        await asyncio.sleep(1)

    stories = {"".join(lived(script, seed)) for seed in range(10)}
    assert len(stories) == 10
    assert lived(script, 3) == lived(script, 3)


def test_a_killed_process_does_nothing_more_not_even_a_finally() -> None:
    async def work(seen: list[Any]) -> None:
        try:
            while True:
                seen.append("working")
                await asyncio.sleep(1)
        finally:
            seen.append("tidying up")

    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        process = process_of(loop)
        loop.spawn(process, work(seen))
        await asyncio.sleep(2.5)
        process.kill()
        await asyncio.sleep(10)
        assert seen == ["working"] * 3

    lived(script)


def test_a_process_can_be_killed_between_any_two_awaits() -> None:
    async def work(seen: list[Any]) -> None:
        for number in range(10):
            seen.append(number)
            await asyncio.sleep(0)

    async def script(loop: SimulatedLoop, seen: list[Any], steps: int) -> None:
        process = process_of(loop)
        loop.spawn(process, work(seen))
        process.after_steps(steps, process.kill)
        await asyncio.sleep(1)

    for steps in range(9):
        seen: list[int] = []
        lived(lambda loop, _, steps=steps, seen=seen: script(loop, seen, steps))
        assert seen == list(range(steps + 1))


def test_a_stopped_process_continues_where_it_was_and_its_timers_are_late() -> None:
    async def work(loop: SimulatedLoop, seen: list[Any]) -> None:
        await asyncio.sleep(1)
        seen.append(loop.time())

    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        process = process_of(loop)
        loop.spawn(process, work(loop, seen))
        await asyncio.sleep(0.5)
        process.stopped = True
        await asyncio.sleep(40)
        process.stopped = False
        await asyncio.sleep(1)

    assert lived(script) == [pytest.approx(40.5, abs=0.1)]


def test_turning_in_circles_is_noticed() -> None:
    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(BusyLoop):
        lived(script)


def test_waiting_for_each_other_is_noticed() -> None:
    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        lived(script)


def test_sets_of_tasks_are_walked_in_the_same_order_each_time() -> None:
    async def script(loop: SimulatedLoop, seen: list[Any]) -> None:
        tasks = {asyncio.ensure_future(asyncio.sleep(0, result=number)) for number in range(50)}
        seen.extend([await task for task in tasks])

    assert lived(script) == lived(script)
