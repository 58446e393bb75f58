"""What the chart asks the cluster before anything is installed: `lookup` answers only on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.helm import Helm
from devcluster import Cluster
from devcluster.api import Api

CHART = Path(__file__).parents[2] / "charts" / "kalends"
CRD = "scheduledjobs.kalends.dev"


class Releases:
    """Releases of the chart, each in a separate namespace."""

    def __init__(self, helm: Helm, cluster: Cluster, namespace: str) -> None:
        self.helm = helm
        self.cluster = cluster
        self._prefix = namespace
        self.installed: list[str] = []

    def space(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def install(self, name: str, **sets: str) -> None:
        self.installed.append(name)
        self.helm(*self.command("install", name, **sets))

    def command(self, verb: str, name: str, *more: str, **sets: str) -> list[str]:
        sets = {"crds.enabled": "false", **{key.replace("_", "."): value for key, value in sets.items()}}
        said = [f"--set={key}={value}" for key, value in sets.items()]
        return [verb, name, str(CHART), f"--namespace={self.space(name)}", *said, *more]

    def uninstall(self, name: str) -> None:
        self.installed.remove(name)
        self.helm("uninstall", name, f"--namespace={self.space(name)}")

    def close(self) -> None:
        for name in list(self.installed):
            self.uninstall(name)


@pytest.fixture
def releases(helm: Helm, installed: Cluster, namespace: str) -> Iterator[Releases]:
    """Needs three namespaces, which have to be there."""
    found = Releases(helm, installed, namespace)
    with namespaces(installed, *(found.space(name) for name in ("one", "two", "three"))):
        try:
            yield found
        finally:
            found.close()


@contextmanager
def namespaces(cluster: Cluster, *names: str) -> Iterator[None]:
    for name in names:
        cluster.kubectl("create", "namespace", name)
    try:
        yield
    finally:
        cluster.kubectl("delete", "namespace", "--wait=false", *names)


def test_a_second_release_for_all_namespaces_is_refused(releases: Releases) -> None:
    releases.install("one")
    first = f"another release ({releases.space('one')}/one) watches all namespaces; set watchNamespaces"
    assert first in releases.helm.refusal(*releases.command("install", "two"))
    own = {"watchNamespaces": f"{{{releases.space('two')}}}"}
    assert first in releases.helm.refusal(*releases.command("install", "two", **own))
    # Neither left anything behind, and the first one is upgraded as before.
    assert releases.helm("list", "--all-namespaces", "--short").split() == ["one"]
    releases.helm(*releases.command("upgrade", "one"))
    releases.helm(*releases.command("install", "two", "--dry-run=server", checkCluster="false", **own))


def test_two_releases_with_namespaces_in_common_are_refused(releases: Releases) -> None:
    two, three = releases.space("two"), releases.space("three")
    releases.install("two", watchNamespaces=f"{{{two}}}")
    refusal = f"another release ({two}/two) watches the namespace {two}"
    assert refusal in releases.helm.refusal(*releases.command("install", "three"))
    both = {"watchNamespaces": f"{{{two},{three}}}"}
    assert refusal in releases.helm.refusal(*releases.command("install", "three", **both))
    releases.install("three", watchNamespaces=f"{{{three}}}")
    releases.helm(*releases.command("upgrade", "two", watchNamespaces=f"{{{two}}}"))


def test_a_namespace_that_is_missing_is_named_before_anything_is_made(releases: Releases) -> None:
    missing = {"watchNamespaces": f"{{{releases.space('one')},nowhere}}"}
    refusal = releases.helm.refusal(*releases.command("install", "one", **missing))
    assert "watchNamespaces: there is no namespace nowhere; create it first" in refusal
    assert releases.helm("list", "--all-namespaces", "--short").split() == []


def test_an_upgrade_never_deletes_the_crd_that_is_not_kept(releases: Releases, api: Api, namespace: str) -> None:
    cluster = releases.cluster
    cluster.kubectl("create", "--namespace", namespace, "-f", "-", input=SCHEDULED_JOB)
    adopted = {"crds.enabled": "true", "crds.keep": "false"}
    releases.installed.append("one")
    try:
        releases.helm(*releases.command("install", "one", "--take-ownership", "--force-conflicts", **adopted))
        refusal = releases.helm.refusal(*releases.command("upgrade", "one"))
        assert "crds.enabled=false would delete the CRD and EVERY ScheduledJob" in refusal
        cluster.kubectl("annotate", "crd", CRD, "helm.sh/resource-policy=keep")
        releases.helm(*releases.command("upgrade", "one"))
        assert cluster.kubectl("get", "schj", "--namespace", namespace, "--output=name").stdout.endswith("/kept\n")
    finally:
        mine = [f"meta.helm.sh/release-{part}-" for part in ("name", "namespace")]
        cluster.kubectl("annotate", "crd", CRD, "helm.sh/resource-policy=keep", *mine, "--overwrite")


SCHEDULED_JOB = """
apiVersion: kalends.dev/v1alpha1
kind: ScheduledJob
metadata: {name: kept}
spec: {suspend: true, schedule: "0 0 * * *", task: {name: kalends.echo}}
"""
