"""One cluster with a node for all tests of this folder, a release of the chart in it, and a namespace for each test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cluster.walk import Shell
from devcluster import ControlPlaneUnavailable
from node.deployment import Deployment
from node.namespaces import Namespace, restricted
from node.places import Means, Site, Way, opened, prepare

MEANS = pytest.StashKey[Means | ControlPlaneUnavailable]()
LOGS = pytest.StashKey[Path]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Get programs and images between collection and the first test: a build outlasts any test's time-out."""
    wanted = any("means" in getattr(item, "fixturenames", ()) for item in session.items)
    if not wanted or session.config.option.collectonly:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    say = reporter.write_line if reporter is not None else print
    folder = TemporaryDirectory(prefix="kalends-node-")
    session.config.add_cleanup(folder.cleanup)
    try:
        session.config.stash[MEANS] = prepare(Way.chosen(), Path(folder.name), say)
    except ControlPlaneUnavailable as reason:
        say(f"TESTS ON A REAL NODE ARE LEFT OUT: {reason}")
        session.config.stash[MEANS] = reason


@pytest.fixture(scope="session")
def means(pytestconfig: pytest.Config) -> Means:
    """All programs and images."""
    found = pytestconfig.stash[MEANS]
    if isinstance(found, ControlPlaneUnavailable):
        if os.environ.get("CI") == "true":
            pytest.fail(str(found), pytrace=False)
        pytest.skip(str(found))
    return found


@pytest.fixture(scope="session")
def site(means: Means) -> Iterator[Site]:
    """A cluster with a node, and the images that are brought there."""
    with opened(means, print) as site:
        yield site


@pytest.fixture(scope="session")
def kalends(site: Site) -> Deployment:
    """The chart, installed under Pod Security *restricted*, with two replicas; ready."""
    site.load(site.kalends.archive)
    deployment = Deployment(site)
    deployment.install()
    return deployment


@pytest.fixture
def namespace(kalends: Deployment) -> Iterator[Namespace]:
    """A namespace under Pod Security *restricted*, and the operator watches it."""
    with restricted(kalends.cluster, f"test-{secrets.token_hex(4)}") as namespace:
        yield namespace


@pytest.fixture
def shell(site: Site, tmp_path: Path) -> Shell:
    """A newcomer's shell, in an empty folder."""
    (tmp_path / "here").mkdir()
    return Shell.of(tmp_path / "here", site.cluster.kubeconfig, site.cluster.kubectl_binary, site.helm.binary)
