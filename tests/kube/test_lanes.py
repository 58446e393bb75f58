import asyncio
from collections.abc import Sequence

import pytest

from kalends.kube.client.lanes import Lane, Lanes

CREATE, STATUS, TIDY = Lane.CREATE, Lane.STATUS, Lane.TIDY


async def served_order(lanes: Lanes, queue: Sequence[Lane]) -> list[Lane]:
    """Let all of the queue come while every slot is taken; return in which order they are served."""
    served: list[Lane] = []
    for _ in range(lanes.limit):
        await lanes.acquire(CREATE)

    async def use(lane: Lane) -> None:
        await lanes.acquire(lane)
        served.append(lane)
        await asyncio.sleep(0)
        lanes.release(lane)

    tasks = [asyncio.create_task(use(lane)) for lane in queue]
    await asyncio.sleep(0)
    for _ in range(lanes.limit):
        lanes.release(CREATE)
    await asyncio.gather(*tasks)
    return served


async def test_creates_go_before_status_writes_before_deletes() -> None:
    served = await served_order(Lanes(limit=1), [TIDY, STATUS, CREATE, TIDY, STATUS, CREATE])
    assert served == [CREATE, CREATE, STATUS, STATUS, TIDY, TIDY]


async def test_first_come_first_served_within_a_lane() -> None:
    lanes = Lanes(limit=1)
    await lanes.acquire(CREATE)
    served = []

    async def use(number: int) -> None:
        await lanes.acquire(CREATE)
        served.append(number)
        lanes.release(CREATE)

    tasks = [asyncio.create_task(use(number)) for number in range(5)]
    await asyncio.sleep(0)
    lanes.release(CREATE)
    await asyncio.gather(*tasks)
    assert served == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("lane", Lane)
async def test_within_a_lane_namespaces_are_served_in_turn(lane: Lane) -> None:
    lanes = Lanes(limit=1)
    await lanes.acquire(lane)
    served = []

    async def use(namespace: str, number: int) -> None:
        await lanes.acquire(lane, namespace)
        served.append(f"{namespace}-{number}")
        lanes.release(lane)

    names = [("evil", number) for number in range(100)] + [("prod", 0), ("prod", 1), ("test", 0)]
    tasks = [asyncio.create_task(use(*name)) for name in names]
    await asyncio.sleep(0)
    impatient = tasks[100]
    impatient.cancel()
    await asyncio.sleep(0)
    lanes.release(lane)
    await asyncio.wait(tasks)
    assert served[:5] == ["evil-0", "prod-1", "test-0", "evil-1", "evil-2"]
    assert len(served) == 102
    assert lanes.active == 0


async def test_a_lower_lane_is_not_starved() -> None:
    served = await served_order(Lanes(limit=1), [TIDY, *[CREATE] * 40])
    assert served.index(TIDY) == 7


async def test_hanging_deletes_leave_room_for_creates() -> None:
    lanes = Lanes(limit=8)
    hanging = [asyncio.create_task(lanes.acquire(TIDY)) for _ in range(20)]
    await asyncio.sleep(0)
    assert lanes.active == 2
    for _ in range(6):
        await asyncio.wait_for(lanes.acquire(CREATE), 1)
    assert lanes.active == 8
    for task in hanging:
        task.cancel()


async def test_a_request_that_gave_up_waiting_leaves_no_trace() -> None:
    lanes = Lanes(limit=1)
    await lanes.acquire(CREATE)
    impatient = asyncio.create_task(lanes.acquire(CREATE))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    assert lanes.waiting(CREATE) == 0
    lanes.release(CREATE)
    await asyncio.wait_for(lanes.acquire(CREATE), 1)
    assert lanes.active == 1


async def test_a_slot_granted_to_a_cancelled_request_is_passed_on() -> None:
    lanes = Lanes(limit=1)
    await lanes.acquire(CREATE)
    unlucky = asyncio.create_task(lanes.acquire(CREATE))
    following = asyncio.create_task(lanes.acquire(STATUS))
    await asyncio.sleep(0)
    lanes.release(CREATE)
    unlucky.cancel()
    await asyncio.wait_for(following, 1)
    assert unlucky.cancelled()
    assert lanes.active == 1


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_even_a_single_slot_serves_every_lane(limit: int) -> None:
    lanes = Lanes(limit)
    for lane in Lane:
        await asyncio.wait_for(lanes.acquire(lane), 1)
        lanes.release(lane)
