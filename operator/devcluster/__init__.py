"""A real Kubernetes control plane without containers, for tests and for trying the product out.

Only the standard library is used: these modules run before anything else is installed.
"""

from .access import Cluster
from .binaries import Binaries, kubectl_only, obtain
from .choice import ClusterChoice, Means, opened, prepare
from .control_plane import ControlPlane
from .errors import ComponentFailed, ControlPlaneError, ControlPlaneUnavailable, KubectlFailed
from .kind import KindCluster
from .versions import Release, chosen_release

__all__ = [
    "Binaries",
    "Cluster",
    "ClusterChoice",
    "ComponentFailed",
    "ControlPlane",
    "ControlPlaneError",
    "ControlPlaneUnavailable",
    "KindCluster",
    "KubectlFailed",
    "Means",
    "Release",
    "chosen_release",
    "kubectl_only",
    "obtain",
    "opened",
    "prepare",
]
