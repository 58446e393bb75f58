"""Small programs that tests run in separate processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEEDS_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A process that a shell starts in the background ignores SIGINT, and its children do, too."""
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}{os.pathsep}{ROOT / 'tests'}", "PYTHONUNBUFFERED": "1"}
PATIENCE = 250


def run(code: str, *, warnings: str = "error") -> str:
    """Run a program to its end, and return what it printed."""
    ended = subprocess.run(
        [sys.executable, "-W", warnings, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=ENVIRONMENT,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr, ended.stderr
    return ended.stdout


def interrupted(code: str, signum: signal.Signals, *, after: str) -> tuple[int, str, str]:
    """Send a program a signal once it has printed a line; return its exit code, the rest of its output, its errors."""
    command = [sys.executable, "-c", HEEDS_SIGINT + code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as program:
        try:
            assert program.stdout is not None
            for line in program.stdout:
                if line.strip() == after:
                    break
            program.send_signal(signum)
            rest, errors = program.communicate(timeout=PATIENCE)
        finally:
            program.kill()  # it must not outlive the test
    return program.returncode, rest, errors
