"""How long what runs takes, and how it ends: drawn for each run from the seed, whoever runs it and whenever."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.chance import Chance


@dataclass(frozen=True, slots=True)
class Manner:
    """How the runs of one resource tend to be."""

    usual: tuple[float, float] = (0.05, 1.0)
    """Seconds."""
    fails: float = 0.0
    hangs: float = 0.0
    pends: float = 0.0
    """How often a pod does not start before the world is set right."""


@dataclass(frozen=True, slots=True)
class Act:
    """How one run goes."""

    seconds: float
    fails: bool
    hangs: bool
    pends: bool
    heeds: bool
    """Whether it ends when it is asked to."""


class Behaviour:
    """Knows how every run will go. ``set_right`` ends what hangs: somebody has repaired what it waited for."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self.manners: dict[int, Manner] = {}
        self.troubled = True

    def act(self, life: int, name: str) -> Act:
        manner = self.manners.get(life, Manner())
        chance = self._chance.stream(f"{life}/{name}")
        return Act(
            seconds=chance.between(*manner.usual),
            fails=chance.happens(manner.fails),
            hangs=self.troubled and chance.happens(manner.hangs),
            pends=self.troubled and chance.happens(manner.pends),
            heeds=chance.happens(0.5),
        )
