"""containerd, runc and the network of pods."""

import json
import shutil
from pathlib import Path

from .plan import BRIDGE, PODS, SANDBOX_IMAGE, Plan

CONFIG = """\
version = 2
root = "{data}/containerd/root"
state = "{data}/containerd/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  # Without CAP_SYS_RESOURCE nobody may lower the score, and containers would not start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{data}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def containerd(plan: Plan, plugins: str) -> list[str | Path]:
    """Write what containerd is told, and return its command."""
    config = plan.data / "containerd.toml"
    config.write_text(CONFIG.format(data=plan.data, socket=plan.containerd, sandbox=SANDBOX_IMAGE, plugins=plugins))
    network = plan.data / "cni"
    network.mkdir()
    (network / "10-pods.conflist").write_text(json.dumps(pod_network(plan)))
    return [program("containerd"), f"--config={config}"]


def pod_network(plan: Plan) -> object:
    """Return the list of plugins that connect a pod: to the bridge, and by the ports of the node that it asks for."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(plan.data / "cni-addresses"),
            "ranges": [[{"subnet": PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, portmap]}


def import_command(socket: Path, archive: Path) -> list[str | Path]:
    """Return the command that makes the images of an archive known to the kubelet."""
    return [program("ctr"), f"--address={socket}", "--namespace=k8s.io", "images", "import", archive]


def program(name: str) -> str:
    """Return the path of a program of the system."""
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"no {name} on PATH")
    return found
