"""What happens to an installation in its life, with schedules firing all the while; an independent audit at the end."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.waiting import eventually
from node.deployment import CHART, Deployment
from node.namespaces import Namespace, restricted
from node.rig import NodeRig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LEASE_SECONDS = 15.0
PROMPT_SECONDS = 30.0
"""How much longer it may take on a crowded machine."""


@pytest.fixture(scope="module")
def story(kalends: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeRig]:
    with (
        restricted(kalends.cluster, f"test-{secrets.token_hex(4)}") as namespace,
        NodeRig(kalends, namespace, tmp_path_factory.mktemp("story")) as rig,
    ):
        rig.begin()
        eventually(lambda: runs(rig) > 20)
        yield rig


@pytest.fixture
def watched(kalends: Deployment, story: NodeRig) -> Namespace:
    return Namespace(kalends.cluster, story.namespace)


def runs(story: NodeRig) -> int:
    """Return how many runs have come to a good end."""
    return sum((status.get("counts") or {}).get("succeeded", 0) for status in story.statuses().values())


def runs_continue(story: NodeRig, within: float) -> None:
    before = runs(story)
    eventually(lambda: runs(story) > before + 3, within=within)


def leader(kalends: Deployment) -> str:
    """Return the name of the pod that acts."""
    holder = kalends.home.get("lease", "kalends")["spec"].get("holderIdentity") or ""
    names: list[str] = [pod["metadata"]["name"] for pod in kalends.pods()]
    return next((name for name in names if holder.startswith(name)), "")


def test_one_of_two_pods_acts_and_both_are_ready(kalends: Deployment, story: NodeRig) -> None:
    first, second = kalends.pods()
    assert leader(kalends) in {first["metadata"]["name"], second["metadata"]["name"]}
    for pod in (first, second):
        (status,) = pod["status"]["containerStatuses"]
        assert (status["ready"], status["restartCount"]) == (True, 0)


def test_the_other_pod_continues_immediately_when_the_leader_is_deleted(kalends: Deployment, story: NodeRig) -> None:
    gone = leader(kalends)
    begun = time.monotonic()
    with story.an_end():
        kalends.home.kubectl("delete", "pod", gone, "--wait=false")
        eventually(lambda: leader(kalends) not in {"", gone})
        took = time.monotonic() - begun
        kalends.until_ready()
    assert took < LEASE_SECONDS  # it was asked to stop, and gave its lease back
    runs_continue(story, within=PROMPT_SECONDS)


def test_the_other_pod_continues_when_the_leader_is_lost_without_a_shutdown(
    kalends: Deployment, story: NodeRig
) -> None:
    gone = leader(kalends)
    with story.an_end():
        kalends.home.kubectl("delete", "pod", gone, "--force", "--grace-period=0")
        eventually(lambda: leader(kalends) not in {"", gone}, within=LEASE_SECONDS + PROMPT_SECONDS)
        kalends.until_ready()
    runs_continue(story, within=PROMPT_SECONDS)


def test_an_upgrade_of_the_chart_replaces_pods_while_schedules_fire(
    kalends: Deployment, story: NodeRig, tmp_path: Path
) -> None:
    old = {pod["metadata"]["name"] for pod in kalends.pods()}
    following = shutil.copytree(CHART, tmp_path / "kalends")
    text = (following / "Chart.yaml").read_text()
    (following / "Chart.yaml").write_text(text.replace("\nversion: 0.1.0\n", "\nversion: 0.1.1\n"))
    with story.an_end():
        kalends.install(following, log={"level": "debug"})
    assert old.isdisjoint(pod["metadata"]["name"] for pod in kalends.pods())
    (release,) = json.loads(kalends.helm("list", "--namespace", kalends.home.name, "--output=json"))
    assert release["chart"] == "kalends-0.1.1"
    runs_continue(story, within=PROMPT_SECONDS)


def test_uninstalling_leaves_the_definition_and_all_schedules_and_reinstalling_continues(
    kalends: Deployment, story: NodeRig, watched: Namespace
) -> None:
    before = {one["metadata"]["uid"] for one in watched.all("scheduledjobs")}
    with story.an_end():
        notes = kalends.uninstall()
        assert "scheduledjobs.kalends.dev" in notes
        assert (
            kalends.home.all("deployments,services,configmaps,roles", "--selector=app.kubernetes.io/name=kalends") == []
        )
        assert {one["metadata"]["uid"] for one in watched.all("scheduledjobs")} == before
        kalends.install()
    # Helm takes the permissions away before the pods, so that they cannot give the lease back.
    runs_continue(story, within=LEASE_SECONDS + PROMPT_SECONDS)


def test_through_all_of_it_nothing_was_lost_and_nothing_done_twice(story: NodeRig) -> None:
    story.assert_clean()
