"""The programs of ``docs/programs`` run, and print what they promise."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schedulers.programs import ENVIRONMENT, HEEDS_SIGINT, PATIENCE, ROOT

EXAMPLES = ROOT / "docs/programs"
TICK = r"Tick! The time is: \d{4}-.*"
PRINTED = {
    "background.py": rf"({TICK}\n)+",
    "asyncio_.py": rf"({TICK}\n)+",
    "decorators.py": r"Jobstore default:\n {4}heartbeat \(.*\)\n {4}report \(.*\)\n(beat\n)+",
    "listeners.py": r"(works returned 3\.0\n|fails failed: division by zero\n|late was missed\n){3}",
    "configuration.py": r"False 3 UTC\n",
    "testing.py": r"3 tests passed\n",
}


def test_every_program_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*PRINTED, "blocking.py"}


@pytest.mark.parametrize("name", PRINTED)
def test_the_program_prints_what_it_promises(name: str) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE, env=ENVIRONMENT)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(PRINTED[name], run.stdout), run.stdout


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_blocking_program_ends_by_a_signal(signum: signal.Signals) -> None:
    code = HEEDS_SIGINT + "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
    command = [sys.executable, "-W", "error", "-c", code, str(EXAMPLES / "blocking.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT) as program:
        assert program.stdout is not None
        assert re.match(TICK, program.stdout.readline())
        program.send_signal(signum)
        output, errors = program.communicate(timeout=PATIENCE)
    assert (program.returncode, errors) == (0, "")
    assert output.endswith("Exited\n")


def test_the_table_lists_every_program() -> None:
    named = re.findall(r"^\| `(\w+\.py)` \|", Path(EXAMPLES / "README.md").read_text(), flags=re.MULTILINE)
    assert set(named) == {*PRINTED, "blocking.py"}


def test_the_page_about_tests_quotes_its_program() -> None:
    program = (EXAMPLES / "testing.py").read_text()
    *quoted, suite = re.findall(r"```python\n(.*?)\n```", (ROOT / "docs/testing.md").read_text(), flags=re.DOTALL)
    parts = [part for text in quoted for part in text.split("\n\n\n")]
    assert [part for part in parts if part not in program] == []
    assert "from kalends.testing.contracts.executors import *" in suite
