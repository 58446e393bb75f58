"""A Kubernetes node with real containers on a machine without a container engine; it needs root, and Debian's packages.

The control plane, containerd, the kubelet and kube-proxy run in a process, mount and network namespace of their own:
the machine's interfaces, packet filter, mounts and folders are not touched, and whatever is in there is gone with the
namespaces, however its maker came to its end. Only the standard library is used.
"""

from .node import OneNode
from .requirements import why_it_is_out

__all__ = ["OneNode", "why_it_is_out"]
