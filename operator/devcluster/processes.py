"""Starts and stops processes that end with the current process, even when it is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import ComponentFailed

SUPERVISOR = Path(__file__).with_name("supervisor.py")


class SupervisedProcess:
    """A command that writes to a log file, can be started again, and ends when this process ends."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path) -> None:
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._supervisor is not None and self._supervisor.poll() is None

    @property
    def supervisor_pid(self) -> int:
        """The process ID of the supervisor: if it is killed, the command is killed too."""
        if self._supervisor is None:
            raise ComponentFailed(f"{self.name} was never started")
        return self._supervisor.pid

    @property
    def pid(self) -> int:
        """The process ID of the command, which is the only child of its supervisor."""
        supervisor = self.supervisor_pid
        return int(Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()[0])

    def start(self, *, folder: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
        """Start the command and append to its log. In a separate session it does not receive the terminal's Ctrl-C."""
        if self.is_running:
            raise ComponentFailed(f"{self.name} is running already")
        self.close()
        with self.log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", SUPERVISOR, *self.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environ,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command; do nothing if it has ended."""
        if self._supervisor is None or self._supervisor.stdin is None or self._supervisor.stdin.closed:
            return
        try:
            os.write(self._supervisor.stdin.fileno(), bytes([number]))
        except BrokenPipeError:
            return

    def wait(self, *, within: float | None = None) -> int:
        """Return the exit code (128 + the signal's number when it was killed), or raise ComponentFailed when late."""
        if self._supervisor is None:
            raise ComponentFailed(f"{self.name} was never started")
        try:
            return self._supervisor.wait(within)
        except subprocess.TimeoutExpired as late:
            raise ComponentFailed(f"{self.name} did not end within {within} s\n{self.last_words()}") from late

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = 30.0) -> None:
        """Stop the command by a signal, and by SIGKILL after ``within`` seconds."""
        if self.is_running:
            self.send(number)
            try:
                self.wait(within=within)
            except ComponentFailed:
                self.send(signal.SIGKILL)
                self.wait(within=within)
        self.close()

    def close(self) -> None:
        """Close the supervisor's input, which kills a running command."""
        if self._supervisor is not None and self._supervisor.stdin is not None:
            self._supervisor.stdin.close()
            self._supervisor.wait()

    def last_words(self, lines: int = 15) -> str:
        """Return the end of the log, for error messages."""
        if not self.log.exists():
            return ""
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"last lines of {self.log}:", *text[-lines:]])
