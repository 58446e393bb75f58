"""Which process of which machine: lets a candidate learn that the holder of a lease has ended, without waiting.

Only a process of the same boot of the same machine, in the same PID namespace, is judged: there the kernel says with
certainty whether a process lives. A PID that was given to another process is recognised by the time of its start. Where
the system does not say this (it must be Linux), nothing is known, and candidates wait until the lease lapses.
"""

from __future__ import annotations

import os
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
_STATE, _THREADS, _START = 0, 17, 19
"""Fields of /proc/PID/stat after the name: its state, the number of its threads, ticks from the boot to its start."""


def this_process() -> str:
    """Return the name of this process among the processes of all machines, or an empty text if the system has none."""
    try:
        return " ".join([*_here(), str(os.getpid()), _stat(os.getpid())[_START]])
    except (OSError, IndexError):
        return ""


def has_ended(process: str) -> bool:
    """Return whether a process, as ``this_process`` has named it, is known to have ended."""
    try:
        boot, namespace, pid, start = process.split(" ")
        if (boot, namespace) != _here():
            return False
    except (ValueError, OSError):
        return False
    try:
        os.kill(int(pid), 0)  # asks alone; /proc may hide the processes of other users
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    try:
        stat = _stat(int(pid))
        is_zombie = stat[_STATE] in {"Z", "X"} and int(stat[_THREADS]) <= 1
        return is_zombie or stat[_START] != start
    except (OSError, IndexError, ValueError):
        return False


def _here() -> tuple[str, str]:
    return _BOOT.read_text().strip(), str(_PID_NAMESPACE.stat().st_ino)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may contain anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
