"""MongoDB's protocol, as SecantusDB speaks it.

No package registry has MongoDB itself. SecantusDB is another server on MongoDB's own storage engine. Its licence is
GPL-2.0: it is a separate process of the tests, in a virtual environment of its own, and no dependency of Kalends.
``KALENDS_TEST_MONGODB``, the address of a MongoDB, has the tests run on that.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pymongo import MongoClient
from typing_extensions import override

from servers.harness import Missing, ServerKind

REQUIREMENTS = Path(__file__).with_name("secantusdb.txt")


class SecantusDB(ServerKind):
    name = "mongodb"
    variable = "KALENDS_TEST_MONGODB"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        program = environment(REQUIREMENTS) / "bin" / "secantusd-py"
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


def environment(requirements: Path) -> Path:
    """Return a virtual environment in the cache folder with pinned packages, which is made if it is missing.

    Raises:
        Missing: They cannot be installed.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kalends" / "servers"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{requirements.stem}-{version}-{digest}"
    with (cache / f"{requirements.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        install = ["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(requirements)]
        for command in ([sys.executable, "-m", "venv", str(folder)], [str(folder / "bin" / "python"), *install]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Missing(f"SecantusDB cannot be installed: {done.stderr.strip()[-500:]}")
        (folder / "complete").touch()
    return folder
