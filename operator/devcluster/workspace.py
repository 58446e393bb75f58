"""A temporary folder that belongs to a running process, and is removed after that process was killed."""

import fcntl
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

PREFIX = "kalends-control-plane-"
OWNER = "owner.lock"
UNOWNED_AFTER_SECONDS = 3600.0


class Workspace:
    """A new temporary folder, locked while this process lives.

    A lock of the kernel proves that the process runs: unlike a process id it is never reused.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        sweep(parent)
        self.folder = parent / f"{PREFIX}{secrets.token_hex(4)}"
        self.folder.mkdir(mode=0o700)
        # Locked before it gets its name: a concurrent sweep never sees an owner's file without a lock.
        unnamed = self.folder / f"{OWNER}.new"
        self._owner: IO[str] = unnamed.open("w")
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        unnamed.rename(self.folder / OWNER)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._owner.close()


def sweep(parent: Path) -> None:
    """Remove the folders whose processes have ended."""
    for folder in parent.glob(f"{PREFIX}*"):
        if is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(folder: Path) -> bool:
    """Return whether the folder belongs to this user and no process holds its lock any more."""
    try:
        state = folder.stat()
    except FileNotFoundError:
        return False
    if state.st_uid != os.getuid():
        return False
    try:
        with (folder / OWNER).open() as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        # Either its owner is just making it, or was killed while doing so.
        return time.time() - state.st_mtime > UNOWNED_AFTER_SECONDS
    return True
