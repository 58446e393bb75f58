"""The same seed is the same history: in one process, and in processes whose sets and dicts are ordered differently."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.seeds import history_of

TESTS = Path(__file__).parent.parent
SEED = "7"


def story_under(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "simulation", "--seed", SEED, "--logs"]
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.mark.slow
def test_a_history_does_not_depend_on_the_order_of_hashes() -> None:
    one, other = story_under("1"), story_under("2")
    assert one == other
    assert one.count("\n") > 100


def test_a_seed_replays_exactly_and_another_one_differs() -> None:
    assert str(history_of(SEED, logs=True)) == str(history_of(SEED, logs=True))
    assert str(history_of(SEED)) != str(history_of("8"))


def test_a_story_has_instants_actors_and_actions() -> None:
    story = history_of(SEED).story
    times = [line.at for line in story.lines]
    assert times == sorted(times)
    assert {"user", "node", "op-a1"} <= {line.actor for line in story.lines}
    assert str(story).splitlines()[0].split()[1] == story.lines[0].actor
