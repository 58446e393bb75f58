"""What a node and an image need of the machine."""

import os
import platform
import shutil

DEBIAN_PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "busybox": "busybox-static",
    "unshare": "util-linux",
    "mount": "mount",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
"""Programs, and the packages that have them."""

CNI_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
"""Where the plugins `bridge` and `portmap` may be: Debian's package containernetworking-plugins has the first."""


def why_it_is_out() -> str:
    """Return what is missing for a node, or nothing when there can be one."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        return "a node needs Linux and root"
    missing = [name for name in DEBIAN_PACKAGES if shutil.which(name) is None]
    if missing:
        packages = sorted({DEBIAN_PACKAGES[name] for name in missing})
        return f"no {', '.join(missing)} on PATH: apt-get install {' '.join(packages)}"
    if cni_plugins() is None:
        return "no CNI plugins: apt-get install containernetworking-plugins"
    return ""


def cni_plugins() -> str | None:
    """Return the folder of the CNI plugins."""
    return next((folder for folder in CNI_PLUGINS if os.access(f"{folder}/bridge", os.X_OK)), None)
