"""The suite in a program of each kind, in a separate process: some loops run only once in a process."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schedulers.hosts import HOSTS
from schedulers.suite import SCENARIOS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(900)
PROGRAM = "the program"
"""The key of the complaints of the program itself."""


Results = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Results:
    """Return what runs a program of a kind, once for all processes of pytest: a traceback or ``""`` by scenario."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent

    def of(kind: str) -> dict[str, str]:
        found: dict[str, str]
        with (shared / f"{kind}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = shared / f"{kind}.json"
            if not kept.exists():
                kept.write_text(json.dumps(run(kind)))
            found = json.loads(kept.read_text())
        return found

    return of


def run(kind: str) -> dict[str, str]:
    """Run the suite in a program of a kind."""
    program = subprocess.run(
        [sys.executable, "-m", "schedulers.child", kind],
        capture_output=True,
        text=True,
        check=False,
        timeout=620,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}{os.pathsep}{ROOT / 'tests'}"},
    )
    found = dict(json.loads(line) for line in program.stdout.splitlines() if line.startswith("["))
    complaints = program.stderr.strip()
    found[PROGRAM] = f"{program.returncode}: {complaints}" if program.returncode or complaints else ""
    return found


@pytest.mark.parametrize("kind", HOSTS)
def test_a_program_with_a_scheduler_ends_without_a_complaint(kind: str, results: Results) -> None:
    assert not results(kind)[PROGRAM]


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("kind", HOSTS)
def test_every_scheduler(kind: str, scenario: str, results: Results) -> None:
    found = results(kind)
    assert not found.get(scenario, f"it was not reached: {found[PROGRAM]}")
