"""The cluster that the tests of this folder share, and a separate namespace for each of them."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.helm import Helm
from cluster.operator_process import OperatorProcess
from devcluster import Cluster, ClusterChoice, ControlPlane, ControlPlaneUnavailable, Means, opened, prepare
from devcluster.api import Api
from devcluster.collection import cache_folder
from devcluster.extras import obtain_helm
from devcluster.progress import Say, to_stderr
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

ROOT = Path(__file__).parents[2]
MEANS = pytest.StashKey[Means | ControlPlaneUnavailable]()
LOGS = pytest.StashKey[Path]()
HELM = pytest.StashKey[Path]()
NAMESPACE_USABLE_SECONDS = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options count where this folder is named on the command line; the environment counts everywhere."""
    group = parser.getgroup("cluster")
    group.addoption(
        "--cluster",
        dest="cluster_way",
        choices=["auto", "local", "kind"],
        help="which cluster to test with: own processes (local, the default), kind, or kind where Docker answers "
        "(auto); or KALENDS_CLUSTER in the environment",
    )
    group.addoption(
        "--kubeconfig",
        dest="cluster_kubeconfig",
        metavar="PATH",
        help="test with the running cluster of this file's current context; or KALENDS_KUBECONFIG",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Get the binaries between collection and the first test: a build outlasts any test's time-out."""
    wanted = any("control_plane" in getattr(item, "fixturenames", ()) for item in session.items)
    if not wanted or session.config.option.collectonly:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    say = reporter.write_line if reporter is not None else to_stderr
    with alone():
        _prepare(session, say)


@contextmanager
def alone() -> Iterator[None]:
    """Let other processes of this run wait: they find in the cache what the first of them builds."""
    folder = cache_folder(os.environ)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(session: pytest.Session, say: Say) -> None:
    try:
        choice = ClusterChoice.asked_by(
            way=session.config.getoption("cluster_way", None),
            kubeconfig=session.config.getoption("cluster_kubeconfig", None),
        )
        session.config.stash[MEANS] = prepare(choice, say=say)
        if any("helm" in getattr(item, "fixturenames", ()) for item in session.items):
            session.config.stash[HELM] = obtain_helm(say=say)
    except ControlPlaneUnavailable as reason:
        say(f"tests that need a cluster cannot run: {reason}")
        session.config.stash[MEANS] = reason


def pytest_terminal_summary(terminalreporter: "TerminalReporter", config: pytest.Config) -> None:
    """Say where the components' logs are when something failed; pytest keeps them for three sessions."""
    if LOGS in config.stash and (terminalreporter.stats.get("failed") or terminalreporter.stats.get("error")):
        terminalreporter.write_line(f"logs of the control plane: {config.stash[LOGS]}")


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of this session: an API server and the controllers, not necessarily nodes."""
    means = pytestconfig.stash[MEANS]
    if isinstance(means, ControlPlaneUnavailable):
        if os.environ.get("CI") == "true":
            pytest.fail(str(means), pytrace=False)
        pytest.skip(str(means))
    pytestconfig.stash[LOGS] = tmp_path_factory.mktemp("control-plane-logs", numbered=False)
    with opened(means, logs=pytestconfig.stash[LOGS]) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def helm(control_plane: Cluster, pytestconfig: pytest.Config) -> Helm:
    """Helm itself, for the cluster of this session."""
    return Helm(pytestconfig.stash[HELM], control_plane)


@pytest.fixture
def local_control_plane(control_plane: Cluster) -> Iterator[ControlPlane]:
    """The same cluster for tests that stop and start its components; what they leave stopped is started again."""
    if not isinstance(control_plane, ControlPlane):
        pytest.skip("only our own processes can be stopped: --cluster=local")
    yield control_plane
    control_plane.repair()


@pytest.fixture
def namespace(control_plane: Cluster) -> Iterator[str]:
    """The name of a fresh namespace in which Pods and Jobs can be made; its deletion is not waited for."""
    name = f"test-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    try:
        wait_for_service_account(control_plane, name)
        yield name
    finally:
        control_plane.kubectl("delete", "namespace", name, "--wait=false", check=False)


def wait_for_service_account(cluster: Cluster, namespace: str) -> None:
    """Wait for the controller manager: without a ServiceAccount named ``default``, Pods are refused."""
    deadline = time.monotonic() + NAMESPACE_USABLE_SECONDS
    while cluster.kubectl("get", "serviceaccount", "default", "--namespace", namespace, check=False).returncode != 0:
        if time.monotonic() > deadline:
            pytest.fail(f"namespace {namespace} got no default ServiceAccount within {NAMESPACE_USABLE_SECONDS:g} s")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def installed(control_plane: Cluster) -> Cluster:
    """The cluster of this session, with the CRD in it."""
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    eventually(lambda: control_plane.kubectl("get", "scheduledjobs", check=False).returncode == 0)
    return control_plane


@pytest.fixture(scope="session")
def api(installed: Cluster) -> Iterator[Api]:
    """The API server, asked without kubectl."""
    with closing(Api(installed.kubeconfig)) as api:
        yield api


@pytest.fixture
def operator(installed: Cluster, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that watches the test's namespace alone, ready."""
    process = OperatorProcess(installed.kubeconfig, tmp_path / "operator.log", namespaces=(namespace,))
    process.start()
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture
def node(installed: Cluster) -> Iterator[StandInNode]:
    """A stand-in for a node, which reports that pods have run."""
    with StandInNode(installed.kubeconfig, seconds=0.5) as node:
        yield node
