"""Control groups: the one thing that no namespace takes with it. Those left behind are swept at the next start."""

import contextlib
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
EMPTY_WITHIN_SECONDS = 20.0


def hierarchies() -> list[Path]:
    """Return the root of the one hierarchy of version 2, or those of version 1."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.is_symlink()]


def make(name: str) -> None:
    """Make a group for the pods of one node."""
    for root in hierarchies():
        (root / name).mkdir()


def remove(name: str) -> None:
    """Remove the group; the kernel needs a moment after the last process was killed."""
    deadline = time.monotonic() + EMPTY_WITHIN_SECONDS
    while not removed(name) and time.monotonic() < deadline:
        time.sleep(0.1)


def removed(name: str) -> bool:
    """Remove what is empty; return whether nothing is left."""
    for root in hierarchies():
        groups = [root / name, *(root / name).rglob("*/")] if (root / name).exists() else []
        for group in reversed(groups):
            with contextlib.suppress(OSError):
                group.rmdir()
    return not any((root / name).exists() for root in hierarchies())


def sweep(prefix: str, living: Path) -> None:
    """Remove the groups of nodes that have no folder any more."""
    for root in hierarchies():
        for group in root.glob(f"{prefix}*"):
            if not (living / group.name).exists():
                removed(group.name)
