"""A clock that is stepped, by minutes and by a day, either way: no fire time twice, no storm, and it is said."""

from __future__ import annotations

import os
import re
import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from cluster.audit import Patience
from cluster.chaos.fleet import cron, every, job, work
from cluster.chaos.rig import Rig, fresh_namespace, together
from cluster.operator_process import scheduled_job
from devcluster import Cluster
from devcluster.standin_node import StandInNode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
MINUTES, DAY = 600, 86_400
MOST_CATCH_UP = 5
STEPPED = Patience(clock_steps=True)


def apply_some(rig: Rig, seconds: float = 0.1) -> None:
    """Apply schedules that take a step in different ways: by one run, by a few, by none that is too late."""
    run = work(seconds=seconds)
    kinds = {
        "latest": every(1) | run,
        "all": every(2) | run | {"coalesce": "All", "concurrencyPolicy": "Allow", "maxCatchUpRuns": MOST_CATCH_UP},
        "deadline": cron("*/2") | run | {"startingDeadlineSeconds": 5},
        "queue": every(2) | run | {"concurrencyPolicy": "Queue", "coalesce": "Earliest"},
        "job": every(3) | job(),
    }
    rig.apply(*(scheduled_job(name, rig.namespace, **spec) for name, spec in kinds.items()))


def assert_reported(rig: Rig, steps: tuple[int, ...]) -> None:
    """Insist that the operator has noticed these steps, and no others."""
    log = rig.operator.process.log.read_text()
    logged = [float(found) for found in re.findall(r"stepped by (-?\d+\.\d+) s", log)]
    assert [round(step / MINUTES) for step in logged] == [step // MINUTES for step in steps], logged


def step_by_step(cluster: Cluster, folder: Path, steps: tuple[int, ...]) -> None:
    """Step the clock of an operator that only this test uses."""
    folder.mkdir()
    clock = folder / "clock"
    clock.write_text("0")
    with fresh_namespace(cluster) as namespace, Rig(cluster.kubeconfig, namespace, folder) as rig:
        rig.alter(ALTERED_CLOCK=str(clock))
        apply_some(rig)
        rig.start()
        time.sleep(4)
        for place, step in enumerate(steps, start=1):
            before = {name: status["counts"]["started"] for name, status in rig.statuses().items()}
            at = time.time()
            rig.clock_offset += step
            clock.write_text(f"{rig.clock_offset:.0f} ")
            time.sleep(12)  # longer than the loop ever sleeps
            rig.hindered(f"clock stepped by {step} s", at)
            assert_reported(rig, steps[:place])
            took = time.time() - at
            for name, status in rig.statuses().items():
                started = status["counts"]["started"] - before[name]
                assert started <= MOST_CATCH_UP + took + 2, f"{name} started {started} runs in {took:.0f} s"
        assert rig.operator.page("/livez")[0] == 200
        rig.assert_clean(STEPPED)


def test_a_stepped_clock_brings_no_fire_time_twice_and_no_storm(
    installed: Cluster, node: StandInNode, tmp_path: Path
) -> None:
    ways = ((MINUTES, -MINUTES), (-DAY, DAY), (DAY,))
    together(*(partial(step_by_step, installed, tmp_path / str(n), steps) for n, steps in enumerate(ways)))


@pytest.fixture
def faketime() -> Path:
    """The library that shows a process another time; Debian's package ``faketime`` has it, and CI installs it."""
    command = shutil.which("faketime")
    found = [] if command is None else sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if found:
        return found[0]
    if os.environ.get("CI") == "true":
        pytest.fail("faketime must be installed", pytrace=False)
    pytest.skip("the package faketime is not installed")


def test_a_process_whose_system_clock_is_stepped_by_ten_minutes_continues(
    installed: Cluster, node: StandInNode, namespace: str, tmp_path: Path, faketime: Path
) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    with Rig(installed.kubeconfig, namespace, tmp_path) as rig:
        rig.operator.environ |= {
            "LD_PRELOAD": str(faketime),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        apply_some(rig, seconds=0)  # Python's sleep and this library do not get along
        rig.start()
        time.sleep(4)
        for step in (MINUTES, -2 * MINUTES, MINUTES):
            rig.clock_offset += step
            at = time.time()
            offset.write_text(f"{rig.clock_offset:+.0f}\n")
            time.sleep(12)
            rig.hindered(f"clock stepped by {step} s", at)
        assert_reported(rig, (MINUTES, -2 * MINUTES, MINUTES))
        rig.assert_clean(STEPPED)
