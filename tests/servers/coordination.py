"""etcd, the program of the control plane of the cluster tests, and ZooKeeper, by Maven."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from etcd3gw.client import Etcd3Client
from kazoo.client import KazooClient
from sqlalchemy import make_url
from typing_extensions import override

from devcluster.errors import ControlPlaneUnavailable
from devcluster.extras import obtain_etcd
from devcluster.ports import free_port
from devcluster.versions import chosen_release
from servers.harness import Missing, ServerKind
from servers.installed import installed

POM = Path(__file__).parent / "zookeeper" / "pom.xml"


class Etcd(ServerKind):
    name = "etcd"
    variable = "KALENDS_TEST_ETCD"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        try:
            program = obtain_etcd(chosen_release())
        except ControlPlaneUnavailable as error:
            raise Missing(str(error)) from error
        clients, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
        settings = {
            "name": "kalends",
            "data-dir": folder / "data",
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": f"kalends={peers}",
            "heartbeat-interval": 20,
            "election-timeout": 200,
            "log-level": "warn",
        }
        return [program, *(f"--{name}={value}" for name, value in settings.items()), "--unsafe-no-fsync"]

    @override
    def address(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"

    @override
    def answers(self, address: str) -> None:
        url = make_url(address)
        client = Etcd3Client(host=url.host or "", port=url.port or 2379, protocol=url.drivername, timeout=5)
        client.status()
        client.session.close()


class ZooKeeper(ServerKind):
    name = "zookeeper"
    variable = "KALENDS_TEST_ZOOKEEPER"
    patience_for_a_session = 30.0
    """Seconds within which a session must be made: on a busy machine it comes long after the answer to ``ruok``."""

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
            if shutil.which(program) is None:
                raise Missing(f"install Debian's {package}")
        libraries = installed("zookeeper", POM, _commands) / "lib"
        settings = {
            "clientPort": port,
            "clientPortAddress": "127.0.0.1",
            "dataDir": folder / "data",
            "tickTime": 500,
            "maxClientCnxns": 0,
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "ruok,srvr",
        }
        configuration = folder / "zoo.cfg"
        configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        options = ["-Xms32m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.forceSync=no"]
        # By default the last 500 transactions and the last 400 answers stay in memory, also large ones.
        options += ["-Dzookeeper.commitLogCount=20", "-Dzookeeper.maxResponseCacheSize=20"]
        server = "org.apache.zookeeper.server.ZooKeeperServerMain"
        return ["java", *options, "-cp", f"{libraries}/*", server, configuration]

    @override
    def address(self, port: int) -> str:
        return f"127.0.0.1:{port}"

    @override
    def answers(self, address: str) -> None:
        host, _, port = address.partition("/")[0].partition(",")[0].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(b"ruok")
            if connection.recv(4) != b"imok":
                raise RuntimeError("ZooKeeper does not serve yet")
        client = KazooClient(address, connection_retry={"max_tries": -1, "max_delay": 1.0})
        try:
            client.start(timeout=self.patience_for_a_session)
            client.get_children_async("/").get(timeout=self.patience_for_a_session)
        finally:
            client.stop()
            client.close()


def _commands(folder: Path) -> Sequence[Sequence[str]]:
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:2.8"
    copy = [f"{plugin}:copy-dependencies", f"-DoutputDirectory={folder / 'lib'}", "-DincludeScope=runtime"]
    return [["mvn", "--quiet", "--batch-mode", "--strict-checksums", "--file", str(POM), *copy]]
