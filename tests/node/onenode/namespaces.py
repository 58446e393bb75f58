"""Namespaces of Linux: what happens in them stays in them."""

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

CLONE_NEWNET = 0x40000000  # linux/sched.h

OWN_PROCESSES = ("--pid", "--mount-proc", "--fork", "--kill-child")
OWN_MOUNTS = ("--mount", "--propagation=private")
CONTAINED: tuple[str | Path, ...] = ("unshare", *OWN_PROCESSES, *OWN_MOUNTS)
"""Before a command, this makes it the first of its own processes: when it dies, the kernel kills all the others."""

TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What the kubelet would set for the whole machine; it leaves alone what has the wanted value."""


def reap_orphans() -> None:
    """Fork: return in the child alone. The first process of a namespace inherits every orphan, and waits for them."""
    child = os.fork()
    if child == 0:
        return
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def enter_own_network() -> None:
    """Leave the machine's network; sockets that were opened before still belong to it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot have a network namespace")


def make_bridge(name: str, address: str) -> None:
    """Bring up the loopback interface, and a bridge that pods will hang on."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", name, "type", "bridge")
    run("ip", "address", "add", f"{address}/24", "dev", name)
    run("ip", "link", "set", name, "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def hide_the_machine(data: Path) -> None:
    """Mount memory where components write, and files over the kernel's tunables; it is all gone with the namespace."""
    data.mkdir()
    for folder in (data, Path("/run"), Path("/var/log")):
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    tunables = data / "tunables"
    for name, value in TUNABLES.items():
        file = tunables / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value)
        run("mount", "--bind", file, f"/proc/sys/{name}")


def run(*command: str | Path) -> None:
    """Run a short command of the system, whose complaint becomes the error."""
    words: Sequence[str] = [str(word) for word in command]
    result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OSError(f"{' '.join(words)} ended with exit code {result.returncode}: {result.stderr.strip()}")
