"""How much work one question to a trigger may take: a count, so that it is the same on every machine.

Asking a leaf for its next fire time takes a few microseconds, the bit set of a day of it about ten. So a question takes
some 50 ms at most, whatever the rule. It covers two thousand days of a single leaf, seven weeks of a rule with as many
leaves as the model accepts, and centuries where the fire times of a member lie far apart.
"""

from __future__ import annotations

MOST_WORK = 16_384
"""Units that a question may spend: the bit sets of 2,048 days of a leaf."""
MOST_WORK_OF_BUILDING = 4_096
"""Units that the searches of building a trigger may spend: those that show that it fires at all."""
BLOCK_BITS = 20
"""Counts are kept by blocks of 2**20 seconds, twelve days: to count whole blocks again costs nothing. One block costs a
quarter of a budget at most, so each question gets on."""
QUESTION = 2
"""Cost of asking a leaf for its next fire time."""
PATTERN = 8
"""Cost of the pattern of a leaf for a day, or a part of it."""


class Budget:
    """The remaining work of a question. The last step may exceed it, by the leaves of the rule at most."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_WORK) -> None:
        self.left = left

    def spend(self, units: int) -> None:
        """Take note of work that is about to be done."""
        self.left -= units

    @property
    def is_spent(self) -> bool:
        """Whether the question has to end now."""
        return self.left <= 0
