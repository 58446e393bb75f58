"""``make run``: a private API server, the operator, the examples, and a live table.

There is no node: a stand-in completes the pods of Jobs after two seconds, with a termination message.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from devcluster import ControlPlane, ControlPlaneError
from devcluster.processes import SupervisedProcess
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def seconds_of(text: str) -> float:
    """Return a duration such as ``60s``, ``5m`` or ``90`` in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be like 60s, 5m or 1h, got {text!r}")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"── {text}", file=sys.stderr, flush=True)


def operator_process(control_plane: ControlPlane, log: Path) -> SupervisedProcess:
    """Return the operator process, which is not started yet; it ends with this process."""
    command = [
        str(Path(sys.executable).with_name("kalends")),
        "operator",
        "--kubeconfig",
        str(control_plane.kubeconfig),
    ]
    return SupervisedProcess(
        "operator", ["env", "KALENDS_HEALTH_PORT=0", "KALENDS_HEALTH_HOST=127.0.0.1", *command], log
    )


def show(control_plane: ControlPlane, stop: threading.Event, ends_at: float | None) -> None:
    """Print both tables every second until ``stop`` is set or ``ends_at`` has passed."""
    terminal = sys.stdout.isatty()
    while not stop.is_set() and (ends_at is None or time.monotonic() < ends_at):
        jobs = control_plane.kubectl("get", "scheduledjobs", check=False).stdout
        made = control_plane.kubectl("get", "jobs", "--sort-by=.metadata.creationTimestamp", check=False).stdout
        picture = f"$ kubectl get scheduledjobs\n{jobs}\n$ kubectl get jobs\n{made}"
        if terminal:
            height = shutil.get_terminal_size().lines
            sys.stdout.write(
                "\x1b[H\x1b[2J" + "\n".join(picture.splitlines()[: height - 2]) + "\n\nCtrl-C stops everything.\n"
            )
        else:
            sys.stdout.write(f"{time.strftime('%H:%M:%S')}\n{picture}\n")
        sys.stdout.flush()
        stop.wait(1.0 if terminal else 5.0)


def main() -> int:
    """Run the cluster, the operator and the examples."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--for", dest="seconds", type=seconds_of, metavar="DURATION")
    given = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with ControlPlane(say=say) as control_plane:
            say(f"API server at {control_plane.server}; kubeconfig {control_plane.kubeconfig}")
            control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
            eventually(lambda: control_plane.kubectl("get", "scheduledjobs", check=False).returncode == 0)
            operator = operator_process(control_plane, control_plane.logs / "operator.log")
            operator.start()
            with StandInNode(control_plane.kubeconfig):
                say(f"operator started; its log is {control_plane.logs / 'operator.log'}")
                control_plane.kubectl("apply", "--recursive", "-f", str(EXAMPLES))
                ends_at = None if given.seconds is None else time.monotonic() + given.seconds
                show(control_plane, stop, ends_at)
            say("stopping")
            operator.stop(signal.SIGTERM)
    except ControlPlaneError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
