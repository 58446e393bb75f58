"""Selects the cluster of the tests: local processes, kind, or an existing cluster."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from .access import Cluster
from .binaries import Binaries, kubectl_only, obtain
from .control_plane import ControlPlane
from .errors import ControlPlaneUnavailable
from .kind import KindCluster, why_kind_is_out
from .progress import Say, to_stderr
from .versions import chosen_release
from .workspace import Workspace


class Way(StrEnum):
    """The kind of cluster."""

    AUTO = "auto"
    LOCAL = "local"
    KIND = "kind"


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """The requested cluster; ``kubeconfig`` has precedence over ``way``."""

    way: Way = Way.LOCAL
    kubeconfig: Path | None = None

    @classmethod
    def asked_by(
        cls, *, way: str | None = None, kubeconfig: str | None = None, environ: Mapping[str, str] = os.environ
    ) -> "ClusterChoice":
        """Return the choice from the options, or from ``KALENDS_CLUSTER`` and ``KALENDS_KUBECONFIG``."""
        wanted = way or environ.get("KALENDS_CLUSTER") or Way.LOCAL
        if wanted not in list(Way):
            raise ControlPlaneUnavailable(f"the cluster must be one of {', '.join(Way)}, got {wanted!r}")
        path = kubeconfig or environ.get("KALENDS_KUBECONFIG")
        return cls(Way(wanted), Path(path).absolute() if path else None)

    def settled(self) -> "ClusterChoice":
        """Resolve ``auto``: kind if a Docker engine is available, otherwise local."""
        if self.way is not Way.AUTO:
            return self
        return ClusterChoice(Way.LOCAL if why_kind_is_out() else Way.KIND, self.kubeconfig)


@dataclass(frozen=True, slots=True)
class Means:
    """The programs that a resolved choice needs. Obtaining them may take minutes; a cluster starts in seconds."""

    choice: ClusterChoice
    binaries: Binaries | None
    kubectl: Path


def prepare(choice: ClusterChoice, *, say: Say = to_stderr) -> Means:
    """Obtain the programs of the choice, by a build if necessary, or raise ControlPlaneUnavailable."""
    settled = choice.settled()
    if settled.kubeconfig is not None:
        if not settled.kubeconfig.is_file():
            raise ControlPlaneUnavailable(f"there is no kubeconfig file {settled.kubeconfig}")
        return Means(settled, None, kubectl_only(chosen_release()))
    match settled.way:
        case Way.KIND:
            if missing := why_kind_is_out():
                raise ControlPlaneUnavailable(f"no kind cluster: {missing}")
            return Means(settled, None, kubectl_only(chosen_release()))
        case Way.LOCAL | Way.AUTO:
            binaries = obtain(chosen_release(), say=say)
            return Means(settled, binaries, binaries.kubectl)
        case _:
            assert_never(settled.way)


@contextmanager
def opened(means: Means, *, logs: Path | None = None, say: Say = to_stderr) -> Iterator[Cluster]:
    """Yield the running cluster, and remove everything but its logs afterwards."""
    if means.binaries is not None:
        with ControlPlane(means.binaries, logs=logs, say=say) as control_plane:
            yield control_plane
    elif means.choice.kubeconfig is not None:
        workspace = Workspace()
        try:
            yield Cluster(means.choice.kubeconfig, means.kubectl, workspace.folder)
        finally:
            workspace.remove()
    else:
        with KindCluster(means.kubectl, image=os.environ.get("KIND_NODE_IMAGE", ""), say=say) as cluster:
            yield cluster
