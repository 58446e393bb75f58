"""From a seed to its history: how many replicas, and the script of plain seeds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from simulation.chance import Chance
from simulation.lives import by_chance, with_two_releases
from simulation.world import History, run

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a seed, in short."""

    seed: str
    wrong: tuple[str, ...]
    seconds: float
    runs: int


def history_of(seed: str, *, releases: int = 1, logs: bool = False) -> History:
    """Return the history of a plain seed, or of one with two releases of the operator."""
    if releases > 1:
        replicas = Chance(seed).stream("replicas").pick([1, 1, 2])
        return run(f"releases-{seed}", with_two_releases, replicas=replicas, releases=releases, logs=logs)
    replicas, lease = Chance(seed).stream("replicas").pick([(1, False), (1, True), (2, True), (2, True)])
    return run(seed, by_chance, replicas=replicas, lease=lease, logs=logs)


def tried(numbers: Iterable[int], processes: int = 1, releases: int = 1) -> Iterator[Came]:
    """Try seeds, one after another or in several processes side by side."""
    attempt = partial(_try, releases=releases)
    if processes == 1:
        yield from map(attempt, numbers)
        return
    with SPAWN.Pool(processes, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(attempt, numbers)


def _try(number: int, releases: int) -> Came:
    history = history_of(str(number), releases=releases)
    return Came(history.seed, history.wrong, history.seconds, history.runs)
