"""The node's first process: builds it up within namespaces of its own, and ends when any part of it does.

Executed as ``python -m node.onenode.inside FOLDER`` by OneNode, in a folder with a plan.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path

from devcluster import Binaries, ComponentFailed, ControlPlane
from devcluster.credentials import write_secret
from devcluster.processes import SupervisedProcess
from devcluster.readiness import wait_until

from . import components, containers, namespaces
from .forwarding import forward
from .plan import ADDRESS, BRIDGE, NAME, Plan
from .requirements import cni_plugins

READY_SECONDS = 120.0


def main() -> None:
    """Become a node, and stay one."""
    plan = Plan.read(Path(sys.argv[1]))
    namespaces.reap_orphans()
    # This one socket is the machine's; whatever is opened from here on belongs to the node's own network.
    way_in = socket.create_server(("127.0.0.1", 0))
    namespaces.enter_own_network()
    namespaces.make_bridge(BRIDGE, ADDRESS)
    namespaces.hide_the_machine(plan.data)
    os.environ["TMPDIR"] = str(plan.data)
    control_plane = ControlPlane(
        Binaries(Path(plan.control_plane)), logs=plan.logs, api_server_flags=components.API_SERVER_FLAGS
    )
    with control_plane:
        port = control_plane.addresses.api_server_port
        forward([way_in, socket.create_server((ADDRESS, port))], port)
        parts = [start_containerd(plan), *start_node(plan, control_plane)]
        show_the_way_in(plan, control_plane, way_in.getsockname()[1])
        while all(part.is_running for part in (*parts, control_plane.api_server)):
            time.sleep(0.5)
        ended = [part.name for part in parts if not part.is_running]
        raise ComponentFailed(f"ended by themselves: {ended or control_plane.api_server.name}")


def start_containerd(plan: Plan) -> SupervisedProcess:
    """Start containerd with the one image that every pod needs."""
    plugins = cni_plugins()
    if plugins is None:
        raise FileNotFoundError("no CNI plugins")
    process = SupervisedProcess("containerd", containers.containerd(plan, plugins), plan.logs / "containerd.log")
    process.start()
    wait_until(lambda: answers(plan.containerd), process, within=READY_SECONDS)
    namespaces.run(*containers.import_command(plan.containerd, Path(plan.sandbox)))
    return process


def answers(path: Path) -> bool:
    """Return whether somebody serves the socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def start_node(plan: Plan, control_plane: ControlPlane) -> list[SupervisedProcess]:
    """Start the rest, and wait until pods can be scheduled."""
    kubeconfig = control_plane.kubeconfig
    commands = {
        "kubelet": components.kubelet(plan, kubeconfig),
        "kube-scheduler": components.scheduler(plan, kubeconfig),
        "kube-proxy": components.proxy(plan, kubeconfig),
    }
    started = [SupervisedProcess(name, command, plan.logs / f"{name}.log") for name, command in commands.items()]
    for process in started:
        process.start()

    def registered() -> bool:
        return control_plane.kubectl("get", "node", NAME, check=False).returncode == 0

    wait_until(registered, started[0], within=READY_SECONDS)
    seconds = f"--timeout={READY_SECONDS:.0f}s"
    control_plane.kubectl("wait", "--for=condition=Ready", f"node/{NAME}", seconds, timeout=READY_SECONDS + 10)
    return started


def show_the_way_in(plan: Plan, control_plane: ControlPlane, port: int) -> None:
    """Write the kubeconfig file for outside, whose appearance says that the node is ready."""
    config = json.loads(control_plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    unnamed = plan.kubeconfig.with_suffix(".new")
    write_secret(unnamed, json.dumps(config))
    unnamed.rename(plan.kubeconfig)


if __name__ == "__main__":
    main()
