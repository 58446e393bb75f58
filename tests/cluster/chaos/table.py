"""How much of the table of faults is played: a short form in ``make test``, all of it in ``make chaos``."""

from __future__ import annotations

import os
import random

FULL = os.environ.get("KALENDS_CHAOS", "") not in {"", "0"}


def times(short: int, full: int) -> int:
    """Return how often something is done."""
    return full if FULL else short


def chance_of(name: str) -> random.Random:
    """Return a source of chance that is told, so that it can be had again: ``KALENDS_SEED`` in the environment."""
    seed = os.environ.get("KALENDS_SEED") or str(random.SystemRandom().randrange(2**32))
    print(f"{name}: KALENDS_SEED={seed}")
    return random.Random(f"{name}/{seed}")  # noqa: S311 - chooses moments, keeps no secret
