"""Where everything of one node is, said once for both sides of the wall."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

NAME = "kalends-node"
BRIDGE = "cni0"
ADDRESS = "10.244.0.1"
"""The node's address, on the bridge; the API server is advertised here, as a loopback address may be no endpoint."""

PODS = "10.244.0.0/24"
SANDBOX_IMAGE = "localhost/pause:1"


@dataclass(frozen=True, slots=True)
class Plan:
    """The folder is on disk, and seen from both sides; ``data`` in it is memory, and seen from within alone."""

    folder: str
    minor: str
    control_plane: str
    node: str
    sandbox: str
    cgroup: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what ``write`` has written."""
        return cls(**json.loads((folder / "plan.json").read_text()))

    def write(self) -> None:
        """Leave it for the processes within."""
        (Path(self.folder) / "plan.json").write_text(json.dumps(asdict(self)))

    @property
    def data(self) -> Path:
        """What components write; it is gone with them."""
        return Path(self.folder) / "data"

    @property
    def logs(self) -> Path:
        """What components say."""
        return Path(self.folder) / "logs"

    @property
    def containerd(self) -> Path:
        """The socket of containerd."""
        return Path(self.folder) / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way in from outside; it appears when the node is ready."""
        return Path(self.folder) / "admin.kubeconfig"
