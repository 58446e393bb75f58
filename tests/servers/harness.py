"""Servers for tests of job stores: found, started on a free port of the loopback interface, and ended with the tests.

A server runs in a session of its own under ``devcluster``'s supervisor: it ends when the test process ends, also if
that is killed. The environment variable of a kind (``KALENDS_TEST_POSTGRESQL``, for example) names a server that runs
already, and none is started. Without a server its tests are skipped with the reason; with CI=true they fail.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pytest

from devcluster.ports import free_port
from devcluster.processes import SupervisedProcess
from devcluster.workspace import Workspace

PATIENCE = 120.0
"""Seconds within which a server must answer."""
TRIES = 3
"""Starts of a server that ends at once: another process may take its port between the choice and the start."""


class Missing(Exception):
    """A server cannot be started here; the message says what is to be installed."""


class ServerKind(ABC):
    """A kind of server."""

    name: str
    variable: str
    """The environment variable with the address of a server that runs already."""
    stop_signal = signal.SIGTERM

    @abstractmethod
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        """Prepare a folder; return the command that serves it on a port of the loopback interface.

        Raises:
            Missing: Its program is not installed.
        """

    @abstractmethod
    def address(self, port: int) -> str:
        """Return the address of the server on a port, as its client library takes it."""

    @abstractmethod
    def answers(self, address: str) -> None:
        """Ask the server something; raise any exception while it does not answer."""


class Servers:
    """One server of each kind, started when it is first asked for."""

    def __init__(self) -> None:
        self._workspace: Workspace | None = None
        self._running: dict[str, SupervisedProcess] = {}
        self._addresses: dict[str, str] = {}
        self._stops: dict[str, signal.Signals] = {}
        self._missing: dict[str, str] = {}
        self._failures: dict[str, RuntimeError] = {}

    def address(self, kind: ServerKind) -> str:
        """Return the address of a server, which is started if need be; skip the test, or fail it in CI, without one."""
        given = os.environ.get(kind.variable)
        if given:
            return given
        if kind.name in self._failures:
            raise self._failures[kind.name]
        if kind.name not in self._addresses and kind.name not in self._missing:
            try:
                self._addresses[kind.name] = self._start(kind)
            except Missing as missing:
                self._missing[kind.name] = str(missing)
            except RuntimeError as failure:
                self._failures[kind.name] = failure
                raise
        if kind.name in self._missing:
            reason = f"══ NO {kind.name.upper()} ══ {self._missing[kind.name]}; or set {kind.variable} to an address"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        return self._addresses[kind.name]

    def process(self, kind: ServerKind) -> SupervisedProcess:
        """Return the process of a server that was started here."""
        return self._running[kind.name]

    def _start(self, kind: ServerKind) -> str:
        """Start a server, and return its address."""
        self._workspace = self._workspace or Workspace()
        for tries_left in reversed(range(TRIES)):
            folder = self._workspace.folder / f"{kind.name}-{tries_left}"
            folder.mkdir()
            port = free_port()
            process = SupervisedProcess(kind.name, kind.command(folder, port), folder.with_suffix(".log"))
            process.start(folder=folder)
            self._running[kind.name] = process
            self._stops[kind.name] = kind.stop_signal
            address = kind.address(port)
            problem = _wait_until_it_answers(kind, address, process)
            if not problem:
                return address
            if process.is_running or not tries_left:
                raise RuntimeError(f"{kind.name} did not start: {problem}\n{process.last_words()}")
            process.close()
        raise AssertionError  # the last try has returned, or raised

    def close(self) -> None:
        """End the servers that were started here."""
        for name, process in self._running.items():
            with contextlib.suppress(OSError):
                process.stop(self._stops[name], within=60)
        if self._workspace is not None:
            self._workspace.remove()


def _wait_until_it_answers(kind: ServerKind, address: str, process: SupervisedProcess) -> str:
    """Return ``""`` once a server answers, or what its client library said last when it ended or took too long."""
    deadline = time.monotonic() + PATIENCE
    while True:
        problem = ""
        try:
            kind.answers(address)
        except Exception as error:  # noqa: BLE001 - each client library has its own
            problem = f"{type(error).__name__}: {error}"
        if not process.is_running:
            return problem or "another server answers at its port"
        if not problem or time.monotonic() > deadline:
            return problem
        time.sleep(0.05)
