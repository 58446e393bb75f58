"""The supervisor: what we start ends with us, whatever happens to us."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import ComponentFailed
from devcluster.processes import SupervisedProcess
from devcluster.workspace import Workspace

TESTS = Path(__file__).parents[1]

# Writes its process id, then waits for its end; the argument says how it takes SIGTERM.
WAITER = """
import os, signal, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[1] == "polite":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print(os.getpid(), flush=True)
time.sleep(600)
"""


def waiter(folder: Path, manners: str = "") -> SupervisedProcess:
    return SupervisedProcess("waiter", [sys.executable, "-c", WAITER, manners], folder / "waiter.log")


def pid_written_to(log: Path) -> int:
    for _ in range(3000):
        if log.exists() and log.read_text().endswith("\n"):
            return int(log.read_text().split()[-1])
        time.sleep(0.02)
    raise AssertionError(f"nothing in {log}")


def is_gone(pid: int) -> bool:
    """Whether the process ended, also when nobody has collected its exit code yet."""
    for _ in range(3000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def polite(tmp_path: Path) -> Iterator[SupervisedProcess]:
    process = waiter(tmp_path, "polite")
    process.start()
    yield process
    process.close()


def test_a_signal_reaches_the_command_and_its_exit_code_comes_back(polite: SupervisedProcess) -> None:
    pid_written_to(polite.log)
    polite.send(signal.SIGTERM)
    assert polite.wait(within=60) == 7


def test_a_killed_command_is_reported_as_a_shell_would(polite: SupervisedProcess) -> None:
    os.kill(pid_written_to(polite.log), signal.SIGKILL)
    assert polite.wait(within=60) == 128 + signal.SIGKILL
    assert not polite.is_running


def test_killing_the_supervisor_kills_the_command(polite: SupervisedProcess) -> None:
    pid = pid_written_to(polite.log)
    os.kill(polite.supervisor_pid, signal.SIGKILL)
    assert is_gone(pid)


def test_the_end_of_the_supervisors_input_kills_the_command(polite: SupervisedProcess) -> None:
    pid = pid_written_to(polite.log)
    polite.close()
    assert is_gone(pid)


def test_a_command_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = waiter(tmp_path, "stubborn")
    stubborn.start()
    pid = pid_written_to(stubborn.log)
    stubborn.stop(signal.SIGTERM, within=0.2)
    assert is_gone(pid)


def test_a_command_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    process = waiter(tmp_path)
    thread = threading.Thread(target=process.start)
    thread.start()
    thread.join()
    pid_written_to(process.log)
    assert process.is_running
    process.stop()


def test_a_stopped_command_starts_again_and_adds_to_its_log(polite: SupervisedProcess) -> None:
    first = pid_written_to(polite.log)
    polite.stop()
    polite.start()
    while len(polite.log.read_text().split()) < 2:
        time.sleep(0.02)
    assert polite.log.read_text().split()[0] == str(first)
    assert polite.is_running


def test_a_running_command_is_not_started_twice(polite: SupervisedProcess) -> None:
    with pytest.raises(ComponentFailed, match="running already"):
        polite.start()


def test_a_command_that_does_not_exist_is_reported_in_its_last_words(tmp_path: Path) -> None:
    process = SupervisedProcess("nothing", [tmp_path / "nothing"], tmp_path / "nothing.log")
    process.start()
    assert process.wait(within=60) != 0
    assert "No such file or directory" in process.last_words()
    process.close()


def test_a_command_dies_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from devcluster.processes import SupervisedProcess\n"
        "process = SupervisedProcess('waiter', [sys.executable, '-c', sys.argv[1], ''], Path(sys.argv[2]))\n"
        "process.start(); time.sleep(600)"
    )
    log = tmp_path / "waiter.log"
    environ = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen([sys.executable, "-c", script, WAITER, log], env=environ) as starter:
        pid = pid_written_to(log)
        starter.kill()
    assert is_gone(pid)


def test_a_sweep_removes_the_folder_of_a_dead_owner_alone(tmp_path: Path) -> None:
    script = (
        "import os, signal; from pathlib import Path; from devcluster.workspace import Workspace\n"
        "kept = Workspace(Path('.')); os.kill(os.getpid(), signal.SIGKILL)"
    )
    mine = Workspace(tmp_path)
    environ = {**os.environ, "PYTHONPATH": str(TESTS)}
    subprocess.run([sys.executable, "-c", script], env=environ, cwd=tmp_path, check=False)
    (abandoned,) = set(tmp_path.glob("kalends-*")) - {mine.folder}
    another = Workspace(tmp_path)
    assert not abandoned.exists()
    assert mine.folder.exists()
    another.remove()
    mine.remove()
    assert list(tmp_path.iterdir()) == []
