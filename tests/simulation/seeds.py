"""From a seed to its history: how many replicas, and the script of plain seeds."""

from __future__ import annotations

from simulation.chance import Chance
from simulation.lives import by_chance
from simulation.world import History, run


def history_of(seed: str, *, logs: bool = False) -> History:
    """Return the history of a plain seed."""
    replicas, lease = Chance(seed).stream("replicas").pick([(1, False), (1, True), (2, True), (2, True)])
    return run(seed, by_chance, replicas=replicas, lease=lease, logs=logs)
