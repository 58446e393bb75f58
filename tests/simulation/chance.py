"""Everything that is left to chance, drawn from one seed by streams that do not disturb each other."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


class Chance:
    """A stream of draws. ``stream(name)`` is another one of the same seed: one more draw here changes nothing there."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._random = Random(seed)  # noqa: S311 - repeatable is what it is for

    def stream(self, name: object) -> Chance:
        return Chance(f"{self._seed}/{name}")

    def random(self) -> Random:
        """Return a generator for those who want one of Python's."""
        return Random(f"{self._seed}/random")  # noqa: S311 - as above

    def happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random.random()

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        return self._random.randint(low, high)

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self._random.randrange(len(items))]

    def some(self, items: Sequence[Item], probability: float) -> list[Item]:
        """Return each item with a probability, in order."""
        return [item for item in items if self.happens(probability)]

    def unit(self) -> float:
        return self._random.random()
