"""Helm, as its users call it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from devcluster import Cluster

TIMEOUT_SECONDS = 300


class Helm:
    """The real Helm, with a separate home folder."""

    def __init__(self, binary: Path, cluster: Cluster) -> None:
        self.binary = binary
        home = cluster.folder / "helm"
        self._environ = {
            **os.environ,
            "KUBECONFIG": str(cluster.kubeconfig),
            **{f"HELM_{name}_HOME": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")},
        }

    def __call__(self, *arguments: str | Path, values: dict[str, Any] | None = None) -> str:
        """Return what it printed; ``values`` are given to it as a file would be."""
        result = self._run(*arguments, values=values)
        assert result.returncode == 0, f"helm {' '.join(map(str, arguments))}: {result.stderr}{result.stdout}"
        return result.stdout

    def refusal(self, *arguments: str | Path, values: dict[str, Any] | None = None) -> str:
        """Return the message of a command that has to fail."""
        result = self._run(*arguments, values=values)
        assert result.returncode != 0, f"helm {' '.join(map(str, arguments))}: {result.stdout}"
        return result.stderr

    def _run(self, *arguments: str | Path, values: dict[str, Any] | None) -> subprocess.CompletedProcess[str]:
        command = [str(self.binary), *(str(one) for one in arguments), *(("--values", "-") if values else ())]
        return subprocess.run(
            command,
            env=self._environ,
            input=json.dumps(values) if values else "",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
