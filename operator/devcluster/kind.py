"""A cluster with nodes in containers, created by ``kind``; needs a Docker engine."""

import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Self

from .access import Cluster
from .errors import ComponentFailed, ControlPlaneUnavailable
from .progress import Say, timed, to_stderr
from .workspace import Workspace

CREATED_WITHIN_SECONDS = 900
LOADED_WITHIN_SECONDS = 300
DELETED_WITHIN_SECONDS = 120
DOCKER_ANSWERS_WITHIN_SECONDS = 10


def why_kind_is_out() -> str:
    """Return why ``kind`` cannot be used, or an empty text."""
    if shutil.which("kind") is None:
        return "there is no kind command on PATH"
    if shutil.which("docker") is None:
        return "there is no docker command on PATH"
    try:
        answer = subprocess.run(
            ["docker", "info"], capture_output=True, text=True, timeout=DOCKER_ANSWERS_WITHIN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the Docker engine did not answer within {DOCKER_ANSWERS_WITHIN_SECONDS} s"
    return "" if answer.returncode == 0 else f"no Docker engine answers: {answer.stderr.strip()}"


class KindCluster(Cluster):
    """A new cluster, deleted when stopped; if its creator was killed, the user must delete it.

    kind's own default decides the version of Kubernetes, and ``image`` names another node image.
    """

    def __init__(self, kubectl: Path, *, image: str = "", say: Say = to_stderr) -> None:
        if missing := why_kind_is_out():
            raise ControlPlaneUnavailable(f"no kind cluster: {missing}")
        self._workspace = Workspace()
        folder = self._workspace.folder
        super().__init__(folder / "admin.kubeconfig", kubectl, folder)
        self.name = f"kalends-{secrets.token_hex(4)}"
        self._image = image
        self._say = say

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Create the cluster and wait until its node is ready; after a failure, delete it."""
        self._say(f"should it be left behind: kind delete cluster --name {self.name}")
        try:
            with timed(self._say, f"creating the kind cluster {self.name}"):
                self._create()
        except BaseException:
            self.stop()
            raise

    def _create(self) -> None:
        image = ["--image", self._image] if self._image else []
        result = subprocess.run(
            ["kind", "create", "cluster", "--name", self.name, "--wait=120s", "--kubeconfig", self.kubeconfig, *image],
            capture_output=True,
            text=True,
            timeout=CREATED_WITHIN_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            raise ComponentFailed(f"kind ended with exit code {result.returncode}\n{result.stderr.strip()}")

    def load_images(self, archive: Path) -> None:
        """Load the images of a `docker save` archive into the node."""
        command = ["kind", "load", "image-archive", "--name", self.name, str(archive)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=LOADED_WITHIN_SECONDS, check=False)
        if result.returncode != 0:
            raise ComponentFailed(f"kind took no images from {archive}: {result.stderr.strip()}")

    def stop(self) -> None:
        """Delete the cluster."""
        subprocess.run(
            ["kind", "delete", "cluster", "--name", self.name, "--kubeconfig", self.kubeconfig],
            capture_output=True,
            timeout=DELETED_WITHIN_SECONDS,
            check=False,
        )
        self._workspace.remove()
