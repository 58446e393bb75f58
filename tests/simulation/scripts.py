"""The script of plain seeds: users and faults by chance, then peace, then the reckoning."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from simulation.oracle.books import Life
from simulation.server import SCHEDULED_JOBS
from simulation.users import Users
from simulation.world import World

TROUBLED = (60.0, 120.0)
"""Seconds of users and faults."""
SETTLING = 75.0
"""Seconds of peace: enough for a lease to lapse, the longest pauses between tries, the slowest runs, and a review."""
NAMES = ("alpha", "beta", "gamma", "delta", "omega")


async def by_chance(world: World) -> None:
    """Live as the seed says."""
    await _live(world, [])


async def with_two_releases(world: World) -> None:
    """Live as the seed says, under two releases of the operator, of which one may be uninstalled for good."""
    await _live(world, [_install_and_uninstall(world)])


async def with_restores(world: World) -> None:
    """Live as the seed says, while users restore resources from backups."""
    await _live(world, [_restore(world)])


async def _restore(world: World) -> None:
    chance = world.chance.stream("restores")
    while True:
        await asyncio.sleep(chance.between(5, 30))
        name, marked = chance.pick(NAMES), chance.happens(0.5)
        if name in world.users.manifests and world.users.is_there(name):
            world.users.restore(name, marked=marked)


async def _install_and_uninstall(world: World) -> None:
    chance = world.chance.stream("releases")
    leaving = chance.pick(sorted({replica.lease for replica in world.replicas}))
    if chance.happens(0.5):
        return
    await asyncio.sleep(chance.between(10, 60))
    world.story.tell("user", f"uninstalls the release {leaving}")
    for replica in world.replicas:
        if replica.lease == leaving:
            replica.restarts = False
            if chance.happens(0.5):
                replica.terminate()
            else:
                replica.kill()
    if chance.happens(0.4):
        await asyncio.sleep(chance.between(1, 60))
        world.story.tell("user", f"installs the release {leaving}")
        for replica in world.replicas:
            if replica.lease == leaving:
                replica.restarts = True
                if replica.process is None:
                    replica.start()


async def _live(world: World, events: list[Coroutine[Any, Any, None]]) -> None:
    chance = world.chance.stream("script")
    names = NAMES[: chance.whole(1, 4)]
    for replica in world.replicas:
        world.loop.later(chance.between(0, 3), replica.start)
    for name in chance.some(names, 0.8):
        world.users.create(name)
    troubles = [
        asyncio.ensure_future(world.faults.happen()),
        asyncio.ensure_future(_use(world, names)),
        *map(asyncio.ensure_future, events),
    ]
    await asyncio.sleep(chance.between(*TROUBLED))
    for trouble in troubles:
        trouble.cancel()
    await asyncio.gather(*troubles, return_exceptions=True)
    world.story.tell("world", "—— peace ——")
    world.faults.stop()
    for name in names:
        if name in world.users.manifests:
            world.users.repair(name)
    world.behaviour.troubled = False
    await asyncio.sleep(SETTLING)
    world.audit.settled()


async def _use(world: World, names: tuple[str, ...]) -> None:
    """Do what users do, as often as not at the very moment at which something fires."""
    chance = world.chance.stream("use")
    busy = chance.between(1.0, 12.0)
    while True:
        await asyncio.sleep(chance.between(0.1, busy))
        name = chance.pick(names)
        life = _life_of(world, name)
        upcoming = None if life is None else life.newest.fires.next_after(int(world.now()))
        if upcoming is not None and chance.happens(0.6):
            at = upcoming - world.now() + chance.between(-0.15, 0.3)
            if at < 8:
                await asyncio.sleep(max(0.0, at))
        _act(world.users, name, upcoming, chance.unit())


def _act(users: Users, name: str, upcoming: int | None, draw: float) -> None:
    acts: tuple[tuple[float, Callable[[], None]], ...] = (
        (0.10, lambda: users.edit_when(name)),
        (0.10, lambda: users.edit_what(name)),
        (0.08, lambda: users.edit_how(name)),
        (0.05, lambda: users.edit_where(name)),
        (0.04, lambda: users.spoil(name)),
        (0.08, lambda: users.repair(name)),
        (0.07, lambda: users.suspend(name)),
        (0.08, lambda: users.resume(name)),
        (0.06, lambda: users.touch(name)),
        (0.08, lambda: users.ask_for_a_run(name)),
        (0.02, lambda: users.ask_for_a_run(name, again=True)),
        (0.06, lambda: users.delete(name)),
        (0.06, lambda: users.recreate(name)),
        (0.08, users.delete_a_job),
        (0.04, lambda: users.take_a_name(f"{name}-{upcoming or 0}")),
    )
    if name not in users.manifests or not users.is_there(name):
        users.create(name)
        return
    for share, act in acts:
        draw -= share
        if draw < 0:
            act()
            return


def _life_of(world: World, name: str) -> Life | None:
    found = world.server.find(SCHEDULED_JOBS, name)
    return None if found is None else world.audit.books.lives[found["metadata"]["uid"]]
