"""Access to a cluster: a kubeconfig file and kubectl."""

import json
import os
import subprocess
from pathlib import Path

from .credentials import write_secret
from .errors import KubectlFailed


class Cluster:
    """A running cluster; ``folder`` holds the kubeconfig files of its users."""

    def __init__(self, kubeconfig: Path, kubectl: Path, folder: Path) -> None:
        self.kubeconfig = kubeconfig
        self.kubectl_binary = kubectl
        self.folder = folder
        self._kubeconfigs_made = 0

    def kubectl(
        self,
        *args: str | Path,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run gives it
        check: bool = True,
        kubeconfig: Path | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, or with another kubeconfig file, and return its output.

        Raises KubectlFailed, with the output, if the exit code is not zero and ``check`` is set.
        """
        command = [self.kubectl_binary, "--cache-dir", self.folder / "kubectl-cache", *args]
        result = subprocess.run(
            command,
            env={**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig), "KUBERC": "off"},
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode != 0:
            words = " ".join(str(word) for word in args)
            raise KubectlFailed(f"kubectl {words} ended with exit code {result.returncode}: {result.stderr.strip()}")
        return result

    def token_for(self, service_account: str, *, namespace: str, duration: str = "1h") -> str:
        """Create and return a token of an existing ServiceAccount."""
        request = ["create", "token", service_account, "--namespace", namespace, "--duration", duration]
        return self.kubectl(*request).stdout.strip()

    def kubeconfig_for_token(self, token: str, *, namespace: str = "default") -> Path:
        """Write a kubeconfig file for the subject of a token, with the same server and certificate authority."""
        config = json.loads(self.kubectl("config", "view", "--raw", "--minify", "--output", "json").stdout)
        config["users"] = [{"name": "bearer", "user": {"token": token}}]
        for named in config["contexts"]:
            named["context"] |= {"user": "bearer", "namespace": namespace}
        self._kubeconfigs_made += 1
        path = self.folder / f"bearer-{self._kubeconfigs_made}.kubeconfig"
        write_secret(path, json.dumps(config, indent=2))
        return path
