"""The budget of one search for fire times, in units of work: a count, so that it is the same on every machine.

A question is one call of a trigger, such as ``next_after``; a leaf is a rule without members. The next fire time of a
leaf takes a few microseconds, the bit set of its times in a day about ten. So a question takes at most about 50 ms.
This covers two thousand days of a single leaf, seven weeks of a rule with the largest accepted number of leaves, and
centuries if the fire times of a member lie far apart.
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
