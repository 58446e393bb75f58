"""Servers of web frameworks as separate processes: started, queried, and stopped."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from devcluster.waiting import eventually


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def running(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m …`` in a folder, with its output in ``server.log``, and stop it with SIGTERM at the end."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def answer(address: str) -> str:
    """Return what a server answers; an AssertionError while it does not."""
    try:
        with urlopen(address, timeout=30) as answered:  # noqa: S310 - a server of the test
            text: str = answered.read().decode()
    except (URLError, OSError) as error:
        raise AssertionError(f"no answer: {error!r}") from error
    return text


def answers(address: str) -> str:
    """Wait until a server answers."""
    return eventually(lambda: answer(address))


def lines(path: Path) -> Sequence[str]:
    """Return the lines of a file that may not exist yet."""
    return path.read_text().splitlines() if path.exists() else []
