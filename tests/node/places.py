"""Where the tests of this folder run. They never ask which of the places it is: each has nodes, and takes images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cluster.helm import Helm
from devcluster import (
    Cluster,
    ControlPlaneUnavailable,
    KindCluster,
    chosen_release,
    kubectl_only,
    obtain,
)
from devcluster.extras import obtain_helm, obtain_node
from devcluster.kind import why_kind_is_out
from devcluster.progress import Say
from node.images import Builder, Docker, Image
from node.onenode import OneNode, why_it_is_out
from node.onenode.archives import write_busybox
from node.onenode.buildah import Buildah
from node.onenode.plan import SANDBOX_IMAGE

ROOT = Path(__file__).parents[2]
SHELL = "kalends-test/shell:1"
KALENDS = "kalends:0.1.0"
SOURCES = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "operator/**/*",
    "requirements/*.txt",
)
OWN = "kalends-acme:1"


class Way(StrEnum):
    """How nodes are come by."""

    LOCAL = "local"
    KIND = "kind"

    @classmethod
    def chosen(cls, environ: Mapping[str, str] = os.environ) -> Way:
        """Read ``KALENDS_NODE``."""
        wanted = environ.get("KALENDS_NODE") or cls.LOCAL
        if wanted not in list(cls):
            raise ControlPlaneUnavailable(f"KALENDS_NODE must be one of {', '.join(cls)}, got {wanted!r}")
        return cls(wanted)


@dataclass(frozen=True, slots=True)
class Site:
    """A running cluster, and what is brought there. The images are not loaded yet, but for the shell."""

    cluster: Cluster
    helm: Helm
    kalends: Image
    own: Image
    load: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Means:
    """What a site needs, all of it at hand: getting it may have taken half an hour, opening takes seconds."""

    way: Way
    folder: Path
    helm: Path
    kalends: Image
    own: Image


def prepare(way: Way, folder: Path, say: Say) -> Means:
    """Download or build what the tests need, or raise ControlPlaneUnavailable."""
    missing = why_kind_is_out() if way is Way.KIND else why_it_is_out()
    if missing:
        raise ControlPlaneUnavailable(missing)
    builder: Builder = Docker(folder) if way is Way.KIND else Buildah(say=say)
    if way is Way.LOCAL:
        obtain(chosen_release(), say=say)
        obtain_node(chosen_release(), say=say)
    kalends = builder.build(KALENDS, ROOT, SOURCES)
    own = builder.build(OWN, ROOT / "own-image", ("*",), KALENDS=kalends)
    return Means(way, folder, obtain_helm(say=say), kalends, own)


@contextmanager
def opened(means: Means, say: Say) -> Iterator[Site]:
    """Yield the running cluster, and leave nothing of it behind."""
    shell, sandbox = means.folder / "shell.tar", means.folder / "sandbox.tar"
    write_busybox(shell, f"docker.io/{SHELL}", command=("sh",))
    with started(means.way, sandbox, say) as cluster:
        cluster.load_images(shell)
        yield Site(cluster, Helm(means.helm, cluster), means.kalends, means.own, cluster.load_images)


def started(way: Way, sandbox: Path, say: Say) -> OneNode | KindCluster:
    """Return the cluster, not entered yet."""
    release = chosen_release()
    if way is Way.KIND:
        return KindCluster(kubectl_only(release), image=os.environ.get("KIND_NODE_IMAGE", ""), say=say)
    write_busybox(sandbox, SANDBOX_IMAGE, command=("sleep", "infinity"))
    return OneNode(release, obtain(release, say=say), obtain_node(release, say=say), sandbox, say=say)
