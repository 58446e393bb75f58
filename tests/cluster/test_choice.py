"""Which cluster the tests get, with stand-ins for the programs that ask a Docker engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devcluster import (
    Cluster,
    ClusterChoice,
    ComponentFailed,
    ControlPlane,
    ControlPlaneUnavailable,
    KindCluster,
    kubectl_only,
    opened,
    prepare,
)
from devcluster.choice import Way
from devcluster.progress import discard
from devcluster.versions import chosen_release

ROOT = Path(__file__).parents[2]


class Programs:
    """A folder of stand-ins that write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.calls.touch()

    def add(self, name: str, exit_code: int = 0) -> None:
        program = self.folder / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {self.calls}\necho {name} is cross >&2\nexit {exit_code}\n')
        program.chmod(0o755)

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return Programs(folder)


def test_our_own_processes_are_the_default() -> None:
    assert ClusterChoice.asked_by(environ={}) == ClusterChoice(Way.LOCAL)


def test_an_option_outweighs_the_environment() -> None:
    assert ClusterChoice.asked_by(way="kind", environ={"KALENDS_CLUSTER": "auto"}).way is Way.KIND


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ControlPlaneUnavailable, match="one of auto, local, kind, got 'cloud'"):
        ClusterChoice.asked_by(environ={"KALENDS_CLUSTER": "cloud"})


def test_auto_means_local_where_no_docker_engine_answers(programs: Programs) -> None:
    programs.add("kind")
    programs.add("docker", exit_code=1)
    assert ClusterChoice(Way.AUTO).settled().way is Way.LOCAL


def test_auto_means_kind_where_a_docker_engine_answers(programs: Programs) -> None:
    programs.add("kind")
    programs.add("docker")
    assert ClusterChoice(Way.AUTO).settled().way is Way.KIND


def test_kind_without_an_engine_reports_it(programs: Programs) -> None:
    programs.add("kind")
    programs.add("docker", exit_code=1)
    with pytest.raises(ControlPlaneUnavailable, match="no Docker engine answers: docker is cross"):
        prepare(ClusterChoice(Way.KIND))


def test_a_kind_cluster_is_created_and_deleted(programs: Programs) -> None:
    programs.add("kind")
    programs.add("docker")
    with KindCluster(Path("kubectl"), image="kindest/node:v1.31.0", say=discard) as cluster:
        name, kubeconfig = cluster.name, cluster.kubeconfig
    assert programs.called() == [
        "docker info",
        f"kind create cluster --name {name} --wait=120s --kubeconfig {kubeconfig} --image kindest/node:v1.31.0",
        f"kind delete cluster --name {name} --kubeconfig {kubeconfig}",
    ]


def test_a_kind_cluster_that_fails_is_deleted(programs: Programs) -> None:
    programs.add("kind", exit_code=1)
    programs.add("docker")
    cluster = KindCluster(Path("kubectl"), say=discard)
    with pytest.raises(ComponentFailed, match="kind is cross"):
        cluster.start()
    assert programs.called()[-1].startswith(f"kind delete cluster --name {cluster.name}")
    assert not cluster.folder.exists()


def test_a_kubeconfig_file_leads_to_a_cluster_that_runs_already(local_control_plane: ControlPlane) -> None:
    choice = ClusterChoice.asked_by(kubeconfig=str(local_control_plane.kubeconfig), environ={})
    with opened(prepare(choice)) as cluster:
        assert type(cluster) is Cluster
        assert cluster.kubectl("get", "--raw", "/readyz").stdout == "ok"
    assert local_control_plane.api_server.is_running


def test_a_kubeconfig_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneUnavailable, match="no kubeconfig file"):
        prepare(ClusterChoice(kubeconfig=tmp_path / "nowhere"))


def test_kubectl_for_a_foreign_cluster_is_found_on_path(programs: Programs, tmp_path: Path) -> None:
    programs.add("kubectl")
    environ = {"PATH": str(programs.folder), "XDG_CACHE_HOME": str(tmp_path)}
    assert kubectl_only(chosen_release({}), environ=environ) == programs.folder / "kubectl"


@pytest.mark.parametrize(("ci", "verdict"), [("false", "1 skipped"), ("true", "1 error")])
def test_without_binaries_cluster_tests_are_skipped_but_fail_in_ci(ci: str, verdict: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/cluster", "-k", "calls_itself_ready"],
        env={**os.environ, "CI": ci, "KUBERNETES": "0.1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verdict in result.stdout
    assert "tests that need a cluster cannot run: KUBERNETES must be one of" in result.stdout
