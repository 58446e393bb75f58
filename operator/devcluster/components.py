"""The command lines of the three components."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .binaries import Binaries
from .credentials import Credentials
from .ports import LOOPBACK, free_port


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of a control plane; they do not change when a component is restarted."""

    etcd_port: int
    etcd_peer_port: int
    api_server_port: int

    @classmethod
    def free(cls) -> Self:
        """Choose free ports."""
        ports: set[int] = set()
        while len(ports) < 3:
            ports.add(free_port())
        return cls(*ports)

    @property
    def etcd(self) -> str:
        """The client address of etcd."""
        return f"http://{LOOPBACK}:{self.etcd_port}"

    @property
    def etcd_peers(self) -> str:
        """The address for other members, which etcd requires."""
        return f"http://{LOOPBACK}:{self.etcd_peer_port}"

    @property
    def api_server(self) -> str:
        """The address of the API server."""
        return f"https://{LOOPBACK}:{self.api_server_port}"


def etcd(binaries: Binaries, addresses: Addresses, data: Path) -> list[str | Path]:
    """Return etcd's command: one member without fsync, because its data are temporary."""
    return [
        binaries.etcd,
        "--name=kalends",
        f"--data-dir={data}",
        f"--listen-client-urls={addresses.etcd}",
        f"--advertise-client-urls={addresses.etcd}",
        f"--listen-peer-urls={addresses.etcd_peers}",
        f"--initial-advertise-peer-urls={addresses.etcd_peers}",
        f"--initial-cluster=kalends={addresses.etcd_peers}",
        "--unsafe-no-fsync",
        # A lone member has no rival to wait for; by default it takes a second to elect itself again.
        "--heartbeat-interval=20",
        "--election-timeout=200",
    ]


def api_server(
    binaries: Binaries, addresses: Addresses, certificates: Path, credentials: Credentials
) -> list[str | Path]:
    """Return the API server's command; the defaults that users see are not changed.

    In an empty folder of certificates it creates an authority and a certificate for the address it advertises,
    which the admin's kubeconfig then trusts.
    """
    return [
        binaries.api_server,
        f"--etcd-servers={addresses.etcd}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={addresses.api_server_port}",
        f"--cert-dir={certificates}",
        f"--token-auth-file={credentials.tokens_file}",
        f"--service-account-issuer={addresses.api_server}",
        f"--service-account-key-file={credentials.service_account_key}",
        f"--service-account-signing-key-file={credentials.service_account_key}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged",
        "--service-cluster-ip-range=10.96.0.0/16",
        # An endpoint may not be a loopback address; without Pods no client looks for it.
        "--endpoint-reconciler-type=none",
        # At shutdown the server closes its watches; by default it would wait a minute for them to end by themselves.
        "--shutdown-watch-termination-grace-period=2s",
    ]


def controller_manager(
    binaries: Binaries, kubeconfig: Path, authority: Path, credentials: Credentials
) -> list[str | Path]:
    """Return the controller manager's command: each controller acts with the permissions of its own service account."""
    return [
        binaries.controller_manager,
        f"--kubeconfig={kubeconfig}",
        f"--root-ca-file={authority}",
        f"--service-account-private-key-file={credentials.service_account_key}",
        "--use-service-account-credentials",
        "--leader-elect=false",
        # At the usual 20 requests a second it takes five seconds to give forty controllers their credentials.
        # A fair comparison with another controller needs the default: --kube-api-qps=20 --kube-api-burst=30.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        f"--bind-address={LOOPBACK}",
        # It would serve health and metrics on a fixed port, in the way of a second control plane.
        "--secure-port=0",
    ]
