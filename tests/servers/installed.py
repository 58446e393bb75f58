"""Servers that are installed once, in the cache folder, from a file that pins their versions."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from servers.harness import Missing


def installed(name: str, pins: Path, commands: Callable[[Path], Sequence[Sequence[str]]]) -> Path:
    """Return a folder in the cache folder, which is filled by commands if there is none for these pins.

    Args:
        name: What it is called there.
        pins: The file with the versions; another content gets another folder.
        commands: Returns the commands that fill a folder.

    Raises:
        Missing: A command failed.
    """
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kalends" / "servers"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{name}-{digest}"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for command in commands(folder):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                output = (done.stderr + done.stdout).strip()[-800:]
                raise Missing(f"{name} cannot be installed: {command[0]} failed: {output}")
        (folder / "complete").touch()
    return folder
