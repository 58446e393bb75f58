"""The real commands: in this process where they only print, in one of their own where they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tzlocal
from click.testing import CliRunner, Result

from kalends.cli.main import cli
from kalends.cli.main import main as console_script

Command = Callable[..., Result]
PATIENCE = 150
"""Seconds, fewer than those after which it ends by itself: a test that relies on an earlier end fails without it."""


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KALENDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "UTC")
    tzlocal.reload_localzone()  # an earlier test may have found another one
    monkeypatch.setattr(sys, "path", [*sys.path])  # `kalends run` adds the folder it is started in


@pytest.fixture
def kalends() -> Command:
    def run(*arguments: str | Path, given: str | None = None) -> Result:
        return CliRunner().invoke(cli, [str(one) for one in arguments], input=given)

    return run


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line as the console script does; return the exit code, standard output and standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["kalends", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            console_script()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


class Running:
    """One ``kalends run``, which ends by itself after five minutes whatever happens to the test."""

    def __init__(
        self, folder: Path, arguments: tuple[str | Path, ...], given: str | None, before: str, **options: Any
    ) -> None:
        program = f"{before}\nfrom kalends.cli.main import main\nmain()"
        command = [sys.executable, "-c", program, "run", "--for", "5m", *map(str, arguments)]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            text=True,
            stdin=subprocess.PIPE,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        assert self.process.stdin is not None
        self.process.stdin.write(given or "")
        self.process.stdin.close()
        self.process.stdin = None
        self.seen: list[str] = []

    def until(self, words: str) -> str:
        """Return the first line with these words in it."""
        assert self.process.stdout is not None
        while line := str(self.process.stdout.readline()):
            self.seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"ended without {words!r}: {self.seen} {self.rest()}")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def rest(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code, all of standard output, and standard error."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, "".join(self.seen) + (out or ""), err or ""

    def ended_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start ``kalends run`` in a separate folder; a later start finds the job store of an earlier one."""
    started: list[Running] = []

    def start(*arguments: str | Path, given: str | None = None, before: str = "", **options: Any) -> Running:
        started.append(Running(tmp_path, arguments, given, before, **options))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            one.kill()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write ScheduledJobs, each as ``name=spec``, to a file; JSON is YAML."""

    def write(file: str, **specs: Any) -> Path:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n---\n".join(manifest(name, spec) for name, spec in specs.items()))
        return path

    return write


def manifest(name: str, spec: Any) -> str:
    if isinstance(spec, dict) and "jobTemplate" not in spec:
        spec = {"task": {"name": "kalends.echo"}, **spec}
    obj = {"apiVersion": "kalends.dev/v1alpha1", "kind": "ScheduledJob", "metadata": {"name": name}, "spec": spec}
    return json.dumps(obj)
