"""A control plane of plain processes on the loopback interface: etcd, the API server, the controller manager."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from . import components, readiness
from .access import Cluster
from .binaries import Binaries, obtain
from .components import Addresses
from .credentials import Credentials, write_kubeconfig
from .processes import SupervisedProcess
from .progress import Say, to_stderr
from .versions import chosen_release
from .workspace import Workspace

READY_SECONDS = 90.0
"""How long one component may take on a crowded machine; two or three seconds are usual."""


class ControlPlane(Cluster):
    """A control plane that starts within seconds, deletes its data when stopped, and ends if this process is killed.

    It has no nodes: Pods stay pending. Jobs, service accounts and garbage collection work.
    The ``*_flags`` are added to the command lines, where a repeated flag overrides the flag that is set here.
    """

    def __init__(
        self,
        binaries: Binaries | None = None,
        *,
        logs: Path | None = None,
        api_server_flags: Sequence[str] = (),
        controller_manager_flags: Sequence[str] = (),
        say: Say = to_stderr,
    ) -> None:
        self.binaries = binaries = binaries or obtain(chosen_release(), say=say)
        self._workspace = Workspace()
        folder = self._workspace.folder
        super().__init__(folder / "admin.kubeconfig", binaries.kubectl, folder)
        self.logs = logs or folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.addresses = Addresses.free()
        self.certificate = folder / "certificates" / "apiserver.crt"
        self._credentials = Credentials.made_in(folder)
        self._manager_kubeconfig = folder / "controller-manager.kubeconfig"
        self.etcd = SupervisedProcess(
            "etcd", components.etcd(binaries, self.addresses, folder / "etcd"), self.logs / "etcd.log"
        )
        self.api_server = SupervisedProcess(
            "kube-apiserver",
            components.api_server(binaries, self.addresses, self.certificate.parent, self._credentials)
            + list(api_server_flags),
            self.logs / "kube-apiserver.log",
        )
        self.controller_manager = SupervisedProcess(
            "kube-controller-manager",
            components.controller_manager(binaries, self._manager_kubeconfig, self.certificate, self._credentials)
            + list(controller_manager_flags),
            self.logs / "kube-controller-manager.log",
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def server(self) -> str:
        """The API server's address."""
        return self.addresses.api_server

    def start(self) -> None:
        """Start all components and wait until they are ready; after ComponentFailed none is left running."""
        try:
            self.start_etcd()
            self.start_api_server()
            self._write_kubeconfigs()
            self.start_controller_manager()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill all components and delete their data; logs stay if the caller chose their folder."""
        for process in (self.controller_manager, self.api_server, self.etcd):
            process.stop(signal.SIGKILL)
        self._workspace.remove()

    def start_etcd(self) -> None:
        """Start etcd with its existing data, and wait until it serves."""
        self.etcd.start()
        readiness.wait_until(
            lambda: readiness.answers(self.addresses.etcd_port, "/health"), self.etcd, within=READY_SECONDS
        )

    def stop_etcd(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop etcd by a signal; its data are kept."""
        self.etcd.stop(number)

    def start_api_server(self) -> None:
        """Start the API server on its port, and wait until it is ready."""
        self.api_server.start()
        self.wait_until_ready()

    def stop_api_server(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop the API server by a signal."""
        self.api_server.stop(number)

    def wait_until_ready(self) -> None:
        """Wait until the API server is ready, which takes a moment after a restart of etcd."""
        readiness.wait_until(lambda: self._api_server_has("/readyz"), self.api_server, within=READY_SECONDS)

    def start_controller_manager(self) -> None:
        """Start the controller manager, and wait until the first of its controllers has done something."""
        self.controller_manager.start()
        readiness.wait_until(
            lambda: self._api_server_has("/api/v1/namespaces/default/serviceaccounts/default"),
            self.controller_manager,
            within=READY_SECONDS,
        )

    def stop_controller_manager(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop the controller manager by a signal."""
        self.controller_manager.stop(number)

    def repair(self) -> None:
        """Start the components that a test stopped, and wait until they are ready."""
        for process, start in (
            (self.etcd, self.start_etcd),
            (self.api_server, self.start_api_server),
            (self.controller_manager, self.start_controller_manager),
        ):
            if not process.is_running:
                start()
        self.wait_until_ready()

    def _api_server_has(self, path: str) -> bool:
        return readiness.answers_securely(
            self.addresses.api_server_port, path, authority=self.certificate, token=self._credentials.admin_token
        )

    def _write_kubeconfigs(self) -> None:
        authority = self.certificate.read_bytes()
        for path, token in (
            (self.kubeconfig, self._credentials.admin_token),
            (self._manager_kubeconfig, self._credentials.controller_manager_token),
        ):
            write_kubeconfig(path, server=self.server, authority=authority, token=token)
