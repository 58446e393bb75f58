"""Plain seeds: every invariant holds in every one of them.

KALENDS_SEEDS says how many, or which (``FIRST-LAST``); with KALENDS_CHAOS there are ten thousand. What a seed does
changes with every change of the generators, so a bug that one has found leaves a scenario behind
(``test_scenarios.py``).
"""

from __future__ import annotations

import os

import pytest

from simulation.seeds import history_of

AT_ONCE = 10
SAID = os.environ.get("KALENDS_SEEDS") or ("10000" if os.environ.get("KALENDS_CHAOS") else "200")
FIRST, _, LAST = SAID.rpartition("-")
SEEDS = range(int(FIRST or 1), int(LAST) + 1)
WITH_TWO_RELEASES = max(1, len(SEEDS) // 10)
"""Seeds with two releases of the operator over the same namespaces."""
WITH_RESTORES = max(1, len(SEEDS) // 10)
"""Seeds in which users restore resources from backups."""
CHUNKS = [SEEDS[start : start + AT_ONCE] for start in range(0, len(SEEDS), AT_ONCE)]


@pytest.mark.slow
@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_nothing_is_lost_and_nothing_happens_twice(seeds: range) -> None:
    for seed in seeds:
        history = history_of(str(seed))
        assert not history.wrong, f"{history}\n(python -m simulation --seed {seed}, from tests/)"


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[:WITH_TWO_RELEASES])
def test_two_releases_over_the_same_namespaces_lose_nothing_and_run_nothing_twice(seed: int) -> None:
    history = history_of(str(seed), releases=2)
    assert not history.wrong, f"{history}\n(python -m simulation --releases 2 --seed {seed}, from tests/)"


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[:WITH_RESTORES])
def test_resources_that_are_restored_from_backups_run_nothing_again(seed: int) -> None:
    history = history_of(str(seed), restores=True)
    assert not history.wrong, f"{history}\n(python -m simulation --restores --seed {seed}, from tests/)"
