"""The one place where the versions of Kubernetes, etcd and Helm are pinned."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import ControlPlaneUnavailable

DEFAULT_MINOR = "1.36"

KUBERNETES_PATCH = {
    "1.29": 6,
    "1.30": 14,
    "1.31": 14,
    "1.32": 13,
    "1.33": 13,
    "1.34": 4,
    "1.35": 4,
    "1.36": 3,
}
"""The patch release that stands for each minor one; ``KUBERNETES=1.31`` in the environment chooses among them.
``KUBERNETES=1.31.0`` insists on another patch, for mirrors that keep only some."""

ETCD = "v3.6.16"
"""One etcd serves all of them: the API server speaks etcd's version 3 protocol since Kubernetes 1.13."""

HELM = "v4.3.1"

GO_NAMES_OF_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True, slots=True)
class Release:
    """The versions of Kubernetes and etcd, and the processor (as Go names it; the system is always Linux)."""

    minor: str
    patch: int
    architecture: str
    etcd: str = ETCD

    @property
    def kubernetes(self) -> str:
        """Kubernetes' own version, such as ``v1.36.3``."""
        return f"v{self.minor}.{self.patch}"

    @property
    def staging(self) -> str:
        """The version of the libraries published beside it (``k8s.io/api`` and so on), such as ``v0.36.3``."""
        return self.kubernetes.replace("v1.", "v0.", 1)


def chosen_release(environ: Mapping[str, str] = os.environ) -> Release:
    """Return the release that ``KUBERNETES`` names, or the default one.

    Raises ControlPlaneUnavailable when it names no known minor release.
    """
    wanted = environ.get("KUBERNETES", "") or DEFAULT_MINOR
    named = re.fullmatch(r"v?(?P<minor>1\.\d+)(\.(?P<patch>\d+))?", wanted)
    if named is None or named["minor"] not in KUBERNETES_PATCH:
        known = ", ".join(KUBERNETES_PATCH)
        raise ControlPlaneUnavailable(f"KUBERNETES must be one of {known}, or a patch release of one, got {wanted!r}")
    return Release(
        minor=named["minor"],
        patch=KUBERNETES_PATCH[named["minor"]] if named["patch"] is None else int(named["patch"]),
        architecture=architecture(),
    )


def architecture() -> str:
    """Return Go's name of this machine's processor."""
    return GO_NAMES_OF_MACHINES.get(platform.machine(), platform.machine())


def require_linux(release: Release) -> None:
    """Raise ControlPlaneUnavailable unless this is Linux on a processor with published binaries."""
    if platform.system() != "Linux" or release.architecture not in GO_NAMES_OF_MACHINES.values():
        raise ControlPlaneUnavailable(
            f"the control plane runs on Linux ({', '.join(GO_NAMES_OF_MACHINES)}), not on "
            f"{platform.system()} {platform.machine()}; use --cluster=kind or --kubeconfig PATH"
        )
