from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kalends.cli.commands.operator_process import settings_of
from kalends.cli.logs import JsonLines, LogLimit, TextLines
from kalends.errors import InvalidSettings
from kube.served import kubeconfig


@pytest.mark.parametrize(
    ("pod", "said", "enabled"),
    [
        (None, None, False),
        ("kalends-system", None, True),
        ("kalends-system", False, False),
        ("kalends-system", True, True),
    ],
)
def test_in_a_pod_it_acts_with_a_lease_unless_configured_otherwise(
    pod: str | None, said: bool | None, enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    if pod is not None:
        monkeypatch.setenv("POD_NAMESPACE", pod)
    election = settings_of(None, (), leader_elect=said).leader_election
    assert (election.enabled, election.namespace) == (enabled, pod)


def test_outside_a_pod_a_lease_needs_a_namespace_and_settings_give_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    with pytest.raises(InvalidSettings, match=r"leader_election\.namespace must be set"):
        settings_of(None, (), leader_elect=True)
    monkeypatch.setenv("KALENDS_LEADER_ELECTION__NAMESPACE", "mine")
    assert settings_of(None, (), leader_elect=None).leader_election.enabled is True


def test_namespaces_on_the_command_line_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALENDS_NAMESPACES", '["blue"]')
    assert settings_of(None, (), leader_elect=None).namespaces == ("blue",)
    assert settings_of(None, ("green",), leader_elect=None).namespaces == ("green",)


def test_no_message_forges_a_line_of_the_log() -> None:
    record = logging.LogRecord(
        "kalends", logging.WARNING, __file__, 1, "got %s", ("a\n2026 ERROR b\x00\x1b[31m é",), None
    )
    assert TextLines("%(message)s").format(record) == r"got a\n2026 ERROR b\x00\x1b[31m é"


def test_the_traceback_of_a_task_forges_no_line_of_the_log() -> None:
    record = logging.LogRecord("kalends", logging.ERROR, __file__, 1, "it raised", (), None)
    record.task_traceback = "File x, line 1\n2026 ERROR forged\x1b[31m\n"
    assert TextLines("%(message)s").format(record) == "it raised\n    File x, line 1\n    2026 ERROR forged\\x1b[31m"
    (line,) = JsonLines().format(record).splitlines()
    assert json.loads(line)["exception"] == "File x, line 1\n2026 ERROR forged\x1b[31m\n"


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(kubeconfig("http://127.0.0.1:1", {"token": "t"}))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        environ = {"KALENDS_HEALTH_HOST": "127.0.0.1", "KALENDS_HEALTH_PORT": str(port), "PATH": "/usr/bin:/bin"}
        command = [sys.executable, "-m", "kalends.cli.main", "operator", "--kubeconfig", str(config)]
        result = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    wanted = f"kalends: cannot listen on 127.0.0.1, port {port}: address already in use (health_port)"
    assert (result.returncode, result.stderr.splitlines()[-1]) == (2, wanted)
    assert "Traceback" not in result.stderr


def test_a_fault_that_repeats_is_logged_ten_times_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("kalends.cli.logs.time.monotonic", lambda: now)
    limit = LogLimit()

    def written(text: str) -> list[str]:
        records = [logging.LogRecord("asyncio", logging.ERROR, __file__, 1, text, (), None) for _ in range(1000)]
        return [record.getMessage() for record in records if limit.filter(record)]

    assert written("accept failed") == ["accept failed"] * 10
    assert len(written("another fault")) == 10
    now = 61.0
    assert written("accept failed")[:2] == ["accept failed (and 990 more of its kind before)", "accept failed"]
