"""Edited, suspended, resumed, deleted and made again under the same name, just when it fires."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.chaos.fleet import cron, every, job, work
from cluster.chaos.rig import Rig, together
from cluster.chaos.table import chance_of, times
from cluster.operator_process import scheduled_job
from devcluster import Cluster
from devcluster.standin_node import StandInNode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
BUSY_PEOPLE = 4
POLICIES = ("Allow", "Forbid", "Queue", "Replace")
TIMES: tuple[dict[str, Any], ...] = (every(1), every(2), every(3), cron("*"), cron("*/2"), cron("1-59/2"))


class Fickle:
    """A user who changes their mind about one ScheduledJob, at the very moment at which it fires."""

    def __init__(self, rig: Rig, name: str, chance: random.Random, *, jobs: bool) -> None:
        self._rig, self._name, self._chance, self._jobs = rig, name, chance, jobs
        self._version = 0
        self._suspended = False
        self._acts: tuple[Callable[[], None], ...] = (
            self.edit_when,
            self.edit_what,
            self.edit_both,
            self.suspend_or_resume,
            self.suspend_or_resume,
            self.make_again,
            self.ask,
        )
        self.make()

    def act(self) -> None:
        """Wait for the next second, in which it probably fires, and do something a little before or after."""
        now = time.time()
        time.sleep(max(0.0, int(now) + 1 + self._chance.uniform(-0.1, 0.15) - now))
        self._chance.choice(self._acts)()

    def make(self) -> None:
        """Create it."""
        self._suspended = False
        policy = {
            "concurrencyPolicy": self._chance.choice(POLICIES),
            "coalesce": self._chance.choice(("All", "Latest")),
        }
        self._rig.apply(scheduled_job(self._name, self._rig.namespace, **self._when(), **policy, **self._what()))

    def make_again(self) -> None:
        """Delete it, and create another one of the same name at once."""
        self._rig.delete(self._name)
        self.make()

    def edit_when(self) -> None:
        """Let it fire at other times."""
        self._rig.edit(self._name, **self._other_trigger())

    def edit_what(self) -> None:
        """Let it run something else, at the same times."""
        self._rig.edit(self._name, **self._what())

    def edit_both(self) -> None:
        """Let it run something else at other times."""
        self._rig.edit(self._name, **self._other_trigger(), **self._what())

    def suspend_or_resume(self) -> None:
        """Turn it off, or on again."""
        self._suspended = not self._suspended
        self._rig.edit(self._name, suspend=self._suspended)

    def ask(self) -> None:
        """Request a run."""
        self._version += 1
        self._rig.request(self._name, f"{self._name}-{self._version}")

    def _when(self) -> dict[str, Any]:
        return self._chance.choice(TIMES)

    def _other_trigger(self) -> dict[str, Any]:
        trigger = self._when()["trigger"]
        # A merge patch keeps what it does not name, and exactly one kind of trigger may be set.
        return {"trigger": {"cron": None, "interval": None, **trigger}}

    def _what(self) -> dict[str, Any]:
        self._version += 1
        mark = f"v{self._version}"
        return job(mark) if self._jobs else work(mark, seconds=self._chance.choice((0.05, 0.6)))


def test_changed_while_it_fires_it_never_runs_for_the_past_nor_as_it_was(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    each, chance = times(10, 50), chance_of("edits")
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.start()
        people = [
            [Fickle(rig, f"fickle-{n}-{m}", chance, jobs=m % 3 == 2) for m in range(3)] for n in range(BUSY_PEOPLE)
        ]

        def be_busy(mine: list[Fickle], chance: random.Random) -> None:
            for _ in range(each):
                chance.choice(mine).act()

        together(*(partial(be_busy, mine, random.Random(chance.random())) for mine in people))  # noqa: S311 - a game
        print(f"{each * BUSY_PEOPLE} changes of mind")
        rig.assert_clean()
