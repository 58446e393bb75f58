"""From a seed to its history: how many replicas, and the script of plain seeds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from simulation.chance import Chance
from simulation.scripts import by_chance, with_restores, with_two_releases
from simulation.world import History, run

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a seed, in short."""

    seed: str
    wrong: tuple[str, ...]
    seconds: float
    runs: int


def history_of(seed: str, *, releases: int = 1, restores: bool = False, logs: bool = False) -> History:
    """Return the history of a plain seed, or of a seed with two releases of the operator, or with restores."""
    if releases > 1:
        replicas = Chance(seed).stream("replicas").pick([1, 1, 2])
        return run(f"releases-{seed}", with_two_releases, replicas=replicas, releases=releases, logs=logs)
    replicas, lease = Chance(seed).stream("replicas").pick([(1, False), (1, True), (2, True), (2, True)])
    if restores:
        return run(f"restores-{seed}", with_restores, replicas=replicas, lease=lease, logs=logs)
    return run(seed, by_chance, replicas=replicas, lease=lease, logs=logs)


def tried(numbers: Iterable[int], processes: int = 1, releases: int = 1, *, restores: bool = False) -> Iterator[Came]:
    """Try seeds, one after another or in several processes side by side."""
    attempt = partial(_try, releases=releases, restores=restores)
    if processes == 1:
        yield from map(attempt, numbers)
        return
    with SPAWN.Pool(processes, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(attempt, numbers)


def _try(number: int, releases: int, *, restores: bool) -> Came:
    history = history_of(str(number), releases=releases, restores=restores)
    return Came(history.seed, history.wrong, history.seconds, history.runs)
