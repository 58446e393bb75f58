"""``python -m devcluster build`` gets the binaries; ``… run`` serves a control plane until SIGINT or SIGTERM."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .binaries import NAMES, obtain
from .control_plane import ControlPlane
from .credentials import CLUSTER_NAME
from .errors import ComponentFailed, ControlPlaneError
from .progress import to_stderr
from .versions import KUBERNETES_PATCH, chosen_release


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m devcluster",
        description="A Kubernetes control plane without containers and without nodes.",
        epilog=f"KUBERNETES={'|'.join(KUBERNETES_PATCH)} in the environment chooses another version.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="find, download or build the binaries and say where they are")
    run = commands.add_parser("run", help="start a control plane and serve until Ctrl-C or SIGTERM")
    run.add_argument("--kubeconfig", type=Path, help="keep the administrator's kubeconfig file here while it serves")
    return parser.parse_args()


def build() -> None:
    """Get the binaries and print where they are."""
    binaries = obtain(chosen_release(), say=to_stderr)
    for name in NAMES:
        print(binaries.folder / name)


def run(copy: Path | None) -> None:
    """Serve until SIGINT or SIGTERM, then delete the data."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT is ignored in what a shell starts in the background
        signal.signal(number, end)
    if copy is not None:
        refuse_foreign_file(copy)
    control_plane = ControlPlane()
    begun = time.monotonic()
    with control_plane, copied(control_plane.kubeconfig, copy) as kubeconfig:
        print(usage(control_plane, kubeconfig, time.monotonic() - begun), flush=True)
        while control_plane.api_server.is_running:
            time.sleep(0.5)
        raise ComponentFailed(f"the API server ended by itself\n{control_plane.api_server.last_words()}")


def refuse_foreign_file(copy: Path) -> None:
    """Refuse to overwrite a kubeconfig file of another cluster."""
    if copy.exists() and CLUSTER_NAME not in copy.read_text():
        raise ControlPlaneError(
            f"{copy} is the kubeconfig of another cluster; name a new file, or one of an earlier control plane"
        )


@contextmanager
def copied(kubeconfig: Path, copy: Path | None) -> Iterator[Path]:
    """Yield the kubeconfig file for users: a copy that exists while the cluster runs, or the original."""
    if copy is None:
        yield kubeconfig
        return
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(kubeconfig, copy)
    try:
        yield copy.absolute()
    finally:
        copy.unlink(missing_ok=True)


def usage(control_plane: ControlPlane, kubeconfig: Path, seconds: float) -> str:
    """Return the commands that use the cluster."""
    return f"""\
{control_plane.server} is ready after {seconds:.1f} s.

  export KUBECONFIG={kubeconfig}
  {control_plane.kubectl_binary} get namespaces

Logs are in {control_plane.logs}. Ctrl-C stops the cluster and deletes its data."""


def end(*_: object) -> None:
    """Exit as after Ctrl-C, so that context managers clean up."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the command, and return its exit code: 1 if it failed."""
    given = arguments()
    try:
        if given.command == "build":
            build()
        else:
            run(given.kubeconfig)
    except KeyboardInterrupt:
        return 0
    except ControlPlaneError as error:
        to_stderr(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
