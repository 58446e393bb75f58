"""MongoDB's protocol, as SecantusDB speaks it, and RethinkDB's protocol, as reqlite speaks it.

No package registry has MongoDB itself. SecantusDB is another server on MongoDB's own storage engine. Its licence is
GPL-2.0: it is a separate process of the tests, in a separate virtual environment, and no dependency of Kalends.
``KALENDS_TEST_MONGODB``, the address of a MongoDB, has the tests run on that.

No package registry has RethinkDB either. reqlite is a server in JavaScript, which keeps everything in memory and
follows RethinkDB 2.2. ``KALENDS_TEST_RETHINKDB``, ``rethinkdb://host:port``, has the tests run on a real RethinkDB.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pymongo import MongoClient
from rethinkdb import RethinkDB
from sqlalchemy import make_url
from typing_extensions import override

from servers.harness import Missing, ServerKind
from servers.installed import installed

REQLITE = Path(__file__).parent / "reqlite"
REQUIREMENTS = Path(__file__).with_name("secantusdb.txt")


class SecantusDB(ServerKind):
    name = "mongodb"
    variable = "KALENDS_TEST_MONGODB"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        program = installed(f"secantusdb-{python}", REQUIREMENTS, _commands) / "bin" / "secantusd-py"
        options = ["--host", "127.0.0.1", "--port", str(port), "--cache-size", "64M", "--log-level", "WARNING"]
        return [program, *options, "--storage-path", folder / "data"]

    @override
    def address(self, port: int) -> str:
        return f"mongodb://127.0.0.1:{port}/?directConnection=true"

    @override
    def answers(self, address: str) -> None:
        client: MongoClient[dict[str, object]] = MongoClient(address, serverSelectionTimeoutMS=2000)
        with client:
            client.admin.command("ping")


class Reqlite(ServerKind):
    name = "rethinkdb"
    variable = "KALENDS_TEST_RETHINKDB"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        for program, package in (("node", "nodejs"), ("npm", "npm")):
            if shutil.which(program) is None:
                raise Missing(f"install Debian's {package}")
        lock = REQLITE / "package-lock.json"
        packages = installed("reqlite", lock, _commands_of_reqlite)
        (folder / "node_modules").symlink_to(packages / "node_modules")
        return ["node", "--no-deprecation", REQLITE / "serve.js", str(port)]

    @override
    def address(self, port: int) -> str:
        return f"rethinkdb://127.0.0.1:{port}"

    @override
    def answers(self, address: str) -> None:
        url = make_url(address)
        connection = RethinkDB().connect(host=url.host, port=url.port, timeout=5)
        connection.close(noreply_wait=False)


def _commands_of_reqlite(folder: Path) -> Sequence[Sequence[str]]:
    files = [str(REQLITE / name) for name in ("package.json", "package-lock.json")]
    return [["cp", *files, str(folder)], ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]]


def _commands(folder: Path) -> Sequence[Sequence[str]]:
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(REQUIREMENTS)]
    return [[sys.executable, "-m", "venv", str(folder)], [str(folder / "bin" / "python"), *install]]
