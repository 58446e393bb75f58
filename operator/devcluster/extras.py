"""Additional programs: those of a node, Helm, and etcd alone."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from . import download, gobuild
from .binaries import cache_of
from .collection import ASSETS, Collection, cache_folder, is_executable
from .progress import Say, to_stderr
from .versions import HELM, Release, require_linux

NODE = ("kube-scheduler", "kubelet", "kube-proxy")


def obtain_node(
    release: Release,
    *,
    environ: Mapping[str, str] = os.environ,
    say: Say = to_stderr,
    mirrors: download.Mirrors = download.OFFICIAL,
) -> Path:
    """Return a folder with the programs of a node (besides containerd), and kube-scheduler."""
    require_linux(release)
    collection = Collection(
        title=f"a node of Kubernetes {release.kubernetes}",
        names=NODE,
        cache=cache_folder(environ) / "node" / release.kubernetes,
        stamp=asdict(release),
        download=lambda into: download.fetch_kubernetes(release, NODE, into, mirrors, say),
        build=lambda into: gobuild.build_kubernetes(release, NODE, into, environ, say),
    )
    return collection.obtain(environ=environ, say=say)


def obtain_helm(
    *,
    environ: Mapping[str, str] = os.environ,
    say: Say = to_stderr,
    mirrors: download.Mirrors = download.OFFICIAL,
) -> Path:
    """Return the path of Helm; a build takes four minutes."""
    packages = {"helm": "helm.sh/helm/v4/cmd/helm"}
    collection = Collection(
        title=f"Helm {HELM}",
        names=("helm",),
        cache=cache_folder(environ) / "helm" / HELM,
        stamp={"helm": HELM},
        download=lambda into: download.fetch_helm(HELM, into, mirrors, say),
        build=lambda into: gobuild.build_module("helm.sh/helm/v4", HELM, packages, into, environ=environ, say=say),
    )
    return collection.obtain(environ=environ, say=say) / "helm"


def obtain_etcd(
    release: Release,
    *,
    environ: Mapping[str, str] = os.environ,
    say: Say = to_stderr,
    mirrors: download.Mirrors = download.OFFICIAL,
) -> Path:
    """Return the path of etcd: that of a control plane that was obtained before, else etcd alone."""
    require_linux(release)
    for folder in (Path(environ.get(ASSETS) or os.devnull), cache_of(release, environ)):
        if is_executable(folder / "etcd"):
            return folder / "etcd"
    collection = Collection(
        title=f"etcd {release.etcd}",
        names=("etcd",),
        cache=cache_folder(environ) / "etcd" / release.etcd,
        stamp={"etcd": release.etcd},
        download=lambda into: download.fetch_etcd(release, into, mirrors, say),
        build=lambda into: gobuild.build_etcd(release, into, environ, say),
    )
    return collection.obtain(environ=environ, say=say) / "etcd"
