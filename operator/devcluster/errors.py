"""The errors of the control plane.

ControlPlaneError
├── ControlPlaneUnavailable   no source gave the binaries; says what was tried
│   └── SourceFailed          one source could not give them (caught while others remain)
├── ComponentFailed           etcd, the API server or the controller manager ended or never got ready
└── KubectlFailed             kubectl ended with an error
"""


class ControlPlaneError(Exception):
    """The base class of all errors of this package."""


class ControlPlaneUnavailable(ControlPlaneError):
    """The binaries, or the kind of cluster that was asked for, are not available on this machine."""


class SourceFailed(ControlPlaneUnavailable):
    """One source of binaries could not give them; the message is the reason."""


class ComponentFailed(ControlPlaneError):
    """A component of the control plane ended by itself, or was not ready in time."""


class KubectlFailed(ControlPlaneError):
    """Kubectl ended with an exit code other than zero; the message holds what it wrote."""
