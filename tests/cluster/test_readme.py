"""A newcomer types what the README says about trying it out; tests/node types what it says about installing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.walk import Shell, checkout, sections, with_venv
from devcluster import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_block_of_the_readme_can_be_typed() -> None:
    both, alone = "Try it", ("Install", "When runs overlap, fail, or take too long")
    assert sections(README).keys() == {both, *alone}
    assert len(sections(README)[both]) == 2


def test_without_a_cluster_it_runs_from_a_fresh_copy(tmp_path: Path) -> None:
    newcomer = Shell.of(checkout(ROOT, tmp_path / "kalends"), Path("/dev/null"))
    said = newcomer(sections(README)["Try it"][1])
    assert "heartbeat" in said
    assert "still" in said
    assert (newcomer.folder / "kalends.db").exists()


def test_the_trial_shows_the_examples_at_work_and_ends(local_control_plane: ControlPlane, tmp_path: Path) -> None:
    newcomer = Shell.of(with_venv(checkout(ROOT, tmp_path / "kalends")), Path("/dev/null"))
    (trial,) = [line.split("#")[0] for line in sections(README)["Try it"][0].splitlines() if "make run" in line]
    assert "`make run FOR=60s`" in README
    said = newcomer(f"{trial.strip()} FOR=60s")
    assert "heartbeat" in said
    assert "Succeeded" in said
