"""The node from outside: starts it, hands images in, and throws it away."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from devcluster import Binaries, Cluster, ComponentFailed, Release
from devcluster.processes import SupervisedProcess
from devcluster.progress import Say, timed, to_stderr
from devcluster.readiness import wait_until
from devcluster.workspace import PREFIX, Workspace

from . import cgroups, containers
from .namespaces import CONTAINED
from .plan import Plan

TESTS = Path(__file__).parents[2]
READY_SECONDS = 240.0
IMPORTED_WITHIN_SECONDS = 300


class OneNode(Cluster):
    """A cluster of one node, ready within half a minute, gone with this process even when that is killed."""

    def __init__(
        self, release: Release, binaries: Binaries, programs: Path, sandbox: Path, *, say: Say = to_stderr
    ) -> None:
        self._workspace = Workspace()
        folder = self._workspace.folder
        cgroups.sweep(PREFIX, folder.parent)
        self._plan = Plan(
            folder=str(folder),
            minor=release.minor,
            control_plane=str(binaries.folder),
            node=str(programs),
            sandbox=str(sandbox),
            cgroup=folder.name,
        )
        super().__init__(self._plan.kubeconfig, binaries.kubectl, folder)
        self.logs = self._plan.logs
        self.logs.mkdir()
        command = [*CONTAINED, sys.executable, "-m", "node.onenode.inside", folder]
        self._process = SupervisedProcess("node", command, self.logs / "node.log")
        self._say = say

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until pods can be scheduled; on ComponentFailed nothing is left running."""
        cgroups.make(self._plan.cgroup)
        self._plan.write()
        try:
            with timed(self._say, "starting a control plane and a node"):
                self._process.start(environ={**os.environ, "PYTHONPATH": str(TESTS)})
                wait_until(self.kubeconfig.exists, self._process, within=READY_SECONDS)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill the first process, and with it all the others, their mounts and their network."""
        self._process.stop(signal.SIGKILL)
        cgroups.remove(self._plan.cgroup)
        self._workspace.remove()

    def load_images(self, archive: Path) -> None:
        """Make the images of an archive known, as `kind load image-archive` does."""
        command = containers.import_command(self._plan.containerd, archive)
        result = subprocess.run(command, capture_output=True, text=True, timeout=IMPORTED_WITHIN_SECONDS, check=False)
        if result.returncode != 0:
            raise ComponentFailed(f"containerd took no images from {archive}: {result.stderr.strip()}")
