"""The command lines of what makes a node, and of the scheduler.

All of them act as the administrator: what Kubernetes' own parts may do is not what is tested here.
"""

import json
from pathlib import Path

from .plan import ADDRESS, NAME, PODS, Plan

KNOWS_FAIL_CGROUP_V1 = 31
"""The minor release in which the kubelet learned to refuse control groups of version 1, which are what some have."""

API_SERVER_FLAGS = (
    f"--advertise-address={ADDRESS}",
    "--endpoint-reconciler-type=lease",
    "--kubelet-preferred-address-types=InternalIP",
)
"""Beside what a control plane without nodes has."""


def kubelet(plan: Plan, kubeconfig: Path) -> list[str | Path]:
    """Write what the kubelet is told, and return its command."""
    root = plan.data / "kubelet"
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Whoever is in this network is one of us.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{plan.containerd}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{plan.cgroup}",
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "resolvConf": "",
        "volumePluginDir": str(plan.data / "volume-plugins"),
        **({"failCgroupV1": False} if minor(plan) >= KNOWS_FAIL_CGROUP_V1 else {}),
    }
    file = plan.data / "kubelet.json"
    file.write_text(json.dumps(config))
    return [
        Path(plan.node) / "kubelet",
        f"--kubeconfig={kubeconfig}",
        f"--config={file}",
        f"--root-dir={root}",
        f"--hostname-override={NAME}",
        f"--node-ip={ADDRESS}",
    ]


def scheduler(plan: Plan, kubeconfig: Path) -> list[str | Path]:
    """Return the command of the scheduler, which has no rival."""
    return [Path(plan.node) / "kube-scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0"]


def proxy(plan: Plan, kubeconfig: Path) -> list[str | Path]:
    """Return the command of what makes addresses of Services lead to pods; the machine's connection table stays."""
    return [
        Path(plan.node) / "kube-proxy",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={NAME}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS}",
        "--conntrack-max-per-core=0",
    ]


def minor(plan: Plan) -> int:
    """Return the second number of Kubernetes' version."""
    return int(plan.minor.split(".")[1])
