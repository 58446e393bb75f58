"""The node itself: it touches nothing of the machine, and is gone when whoever started it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from devcluster.waiting import eventually
from devcluster.workspace import PREFIX, sweep
from node.onenode import cgroups
from node.places import ROOT, Means, Way

pytestmark = pytest.mark.slow

START_AND_WAIT = """\
import sys, time
from pathlib import Path
from node.places import Way, started
node = started(Way.LOCAL, Path(sys.argv[1]), print)
node.start()
node.kubectl("run", "left", "--image=localhost/pause:1", "--image-pull-policy=Never")
node.kubectl("wait", "--for=condition=Ready", "pod/left", "--timeout=60s", timeout=70)
print("running in", node.folder, flush=True)
time.sleep(600)
"""
TUNABLES = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")


def machine() -> dict[str, str]:
    """Return what of the machine a node could change."""
    commands = {"interfaces": "ip -brief link", "rules": "iptables -t nat -S", "filters": "iptables -S"}
    found = {name: subprocess.check_output(command.split(), text=True) for name, command in commands.items()}
    found |= {name: (Path("/proc/sys") / name).read_text() for name in TUNABLES}
    return found | {"mounts": Path("/proc/self/mounts").read_text()}


def processes_of(folder: Path) -> list[str]:
    """Return the command lines in which the folder is named."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def test_a_node_whose_maker_was_killed_leaves_nothing_and_has_changed_nothing(means: Means, tmp_path: Path) -> None:
    if means.way is not Way.LOCAL:
        pytest.skip("this is about the node of our own: KALENDS_NODE=local")
    before = machine()
    maker = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, str(tmp_path / "sandbox.tar")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    )
    try:
        assert maker.stdout is not None
        announced = next(line for line in maker.stdout if line.startswith("running in "))
        folder = Path(announced.split()[-1])
        assert processes_of(folder)
        assert machine() == before
    finally:
        maker.send_signal(signal.SIGKILL)
        maker.communicate()
    eventually(lambda: not processes_of(folder))
    assert machine() == before
    # What is left are files, and empty control groups: whoever makes the next node sweeps them.
    sweep(Path(tempfile.gettempdir()))
    cgroups.sweep(PREFIX, Path(tempfile.gettempdir()))
    assert not folder.exists()
    assert not [root for root in cgroups.hierarchies() if (root / folder.name).exists()]
