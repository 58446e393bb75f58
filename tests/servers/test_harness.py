"""Servers of tests end with the tests, and are never left out in silence."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from kazoo.handlers.threading import KazooTimeoutError
from typing_extensions import override

from devcluster.waiting import eventually
from servers.coordination import ZooKeeper
from servers.harness import Missing, ServerKind, Servers
from servers.key_value import Valkey

ROOT = Path(__file__).parents[2]
STARTS_ONE = """
import sys
from servers.harness import Servers
from servers.key_value import Valkey

servers, kind = Servers(), Valkey()
print(servers.address(kind), servers.process(kind).pid, flush=True)
sys.stdin.read()
"""


class NotInstalled(ServerKind):
    name = "abacus"
    variable = "KALENDS_TEST_ABACUS"

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        raise Missing("install an abacus")

    @override
    def address(self, port: int) -> str:
        return f"abacus://127.0.0.1:{port}"

    @override
    def answers(self, address: str) -> None:
        raise AssertionError("it was never started")


class PortTaken(Valkey):
    """Ends at once, as often as it is asked to."""

    def __init__(self, times: int) -> None:
        self.folders: list[Path] = []
        self._times = times

    @override
    def command(self, folder: Path, port: int) -> Sequence[str | Path]:
        self.folders.append(folder)
        if len(self.folders) > self._times:
            return super().command(folder, port)
        return ["sh", "-c", "echo the port is taken; exit 1"]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_a_server_ends_when_the_test_process_is_killed() -> None:
    path = os.pathsep.join([str(ROOT / "operator"), str(ROOT / "tests")])
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if key != Valkey.variable} | {"PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline().split()[1])
        assert is_running(pid)
        process.send_signal(signal.SIGKILL)
    eventually(lambda: not is_running(pid))


def test_a_server_is_started_once_and_ended_at_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(Valkey.variable, raising=False)
    servers, kind = Servers(), Valkey()
    address = servers.address(kind)
    assert servers.address(kind) == address
    kind.answers(address)
    pid = servers.process(kind).pid
    servers.close()
    assert not is_running(pid)


def test_a_server_whose_port_was_taken_is_started_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(Valkey.variable, raising=False)
    servers, kind = Servers(), PortTaken(1)
    kind.answers(servers.address(kind))
    assert len({*kind.folders}) == 2
    servers.close()


def test_a_server_that_never_starts_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(Valkey.variable, raising=False)
    servers, kind = Servers(), PortTaken(100)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"valkey did not start: (.|\n)*the port is taken"):
            servers.address(kind)
    assert len({*kind.folders}) == 3
    servers.close()


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_a_server_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    servers = Servers()
    with pytest.raises(outcome, match="NO ABACUS ══ install an abacus; or set KALENDS_TEST_ABACUS to an address"):
        servers.address(NotInstalled())
    servers.close()


def test_the_address_of_a_server_that_runs_already_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALENDS_TEST_ABACUS", "abacus://db.example:1")
    assert Servers().address(NotInstalled()) == "abacus://db.example:1"


def test_a_zookeeper_that_gives_no_session_does_not_serve_yet() -> None:
    kind = ZooKeeper()
    kind.patience_for_a_session = 0.5
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    if connection.recv(4) == b"ruok":
                        connection.sendall(b"imok")
                    else:
                        unanswered.append(connection)

        unanswered: list[socket.socket] = []
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(KazooTimeoutError):
            kind.answers(f"127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in unanswered:
        connection.close()
