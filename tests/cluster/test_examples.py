"""Every example is applied unchanged, is accepted, and does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster.operator_process import OperatorProcess
from devcluster import Cluster
from devcluster.api import Api
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def configured(installed: Cluster, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator with the default settings."""
    process = OperatorProcess(installed.kubeconfig, tmp_path / "operator.log", namespaces=(namespace,))
    del process.environ["KALENDS_EXECUTORS"]
    process.start()
    try:
        yield process
    finally:
        process.kill()


def test_all_examples_become_ready_and_those_that_run_have_run(
    installed: Cluster, api: Api, configured: OperatorProcess, node: StandInNode, namespace: str
) -> None:
    installed.kubectl("apply", "-n", namespace, "--recursive", "-f", str(EXAMPLES))
    names = [
        document["metadata"]["name"]
        for file in sorted(EXAMPLES.rglob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
    ]
    assert len(names) >= 16
    path = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"

    def ready() -> bool:
        found = {one["metadata"]["name"]: one.get("status", {}).get("conditions", []) for one in api.items(path)}
        states = {name: {one["type"]: (one["status"], one["message"]) for one in found.get(name, [])} for name in names}
        assert all(state.get("Ready", ("", ""))[0] == "True" for state in states.values()), states
        return True

    eventually(ready)

    def counts(name: str) -> dict[str, int]:
        return dict(api.get(f"{path}/{name}")["status"]["counts"])

    eventually(lambda: counts("once")["succeeded"] == 1)
    eventually(lambda: counts("heartbeat")["succeeded"] >= 1)
    eventually(lambda: counts("isolated")["succeeded"] >= 1)
    eventually(lambda: counts("slower-than-its-schedule")["skipped"] >= 1)
    eventually(lambda: counts("late-for-work")["missed"] >= 1)
    assert counts("resting")["due"] == 0
    eventually(lambda: counts("hello")["succeeded"] >= 1, within=90)
