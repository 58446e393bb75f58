"""The programs of a control plane."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from . import download, gobuild
from .collection import ASSETS, Collection, cache_folder, is_executable
from .errors import ControlPlaneUnavailable
from .progress import Say, to_stderr
from .versions import Release, require_linux

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that holds all of ``NAMES``."""

    folder: Path

    @property
    def etcd(self) -> Path:
        """The store of the API server."""
        return self.folder / "etcd"

    @property
    def api_server(self) -> Path:
        """The API server."""
        return self.folder / "kube-apiserver"

    @property
    def controller_manager(self) -> Path:
        """The controller manager, which has the controllers of Jobs, service accounts and garbage collection."""
        return self.folder / "kube-controller-manager"

    @property
    def kubectl(self) -> Path:
        """The command line client."""
        return self.folder / "kubectl"


def obtain(
    release: Release,
    *,
    environ: Mapping[str, str] = os.environ,
    say: Say = to_stderr,
    mirrors: download.Mirrors = download.OFFICIAL,
) -> Binaries:
    """Return the binaries, which may take ten minutes; raise ControlPlaneUnavailable when no source has them."""
    require_linux(release)
    collection = Collection(
        title=f"Kubernetes {release.kubernetes} and etcd {release.etcd}",
        names=NAMES,
        cache=cache_of(release, environ),
        stamp=asdict(release),
        download=lambda into: download.fetch(release, into, mirrors, say),
        build=lambda into: gobuild.build(release, into, environ, say),
    )
    return Binaries(collection.obtain(environ=environ, say=say))


def kubectl_only(release: Release, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Return a kubectl for an existing cluster: nothing is downloaded or built for it."""
    candidates = [Path(environ.get(ASSETS) or os.devnull) / "kubectl", cache_of(release, environ) / "kubectl"]
    for candidate in candidates:
        if is_executable(candidate):
            return candidate
    found = shutil.which("kubectl", path=environ.get("PATH"))
    if found is None:
        raise ControlPlaneUnavailable(f"no kubectl: looked for {candidates[0]}, {candidates[1]}, and on PATH")
    return Path(found)


def cache_of(release: Release, environ: Mapping[str, str]) -> Path:
    """Return the cache folder of a release."""
    return cache_folder(environ) / "kubernetes" / release.kubernetes
