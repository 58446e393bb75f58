"""A process that has ended is recognised on its own machine, and nothing is said of any other."""

from __future__ import annotations

import subprocess
import sys

from kalends.leases.processes import has_ended, this_process


def test_this_process_has_not_ended() -> None:
    assert this_process()
    assert not has_ended(this_process())


def test_a_process_that_was_killed_has_ended_also_before_its_parent_waits_for_it() -> None:
    show = "from kalends.leases.processes import this_process; print(this_process(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", show], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        name = process.stdout.readline().decode().strip()
        assert not has_ended(name)
        process.kill()
        while not has_ended(name):
            pass
        process.wait()
    assert has_ended(name)


def test_another_process_with_the_same_pid_is_another_process() -> None:
    *rest, start = this_process().split(" ")
    assert has_ended(" ".join([*rest, str(int(start) + 1)]))


def test_a_process_of_another_boot_or_namespace_is_not_judged() -> None:
    boot, namespace, pid, start = this_process().split(" ")
    assert not has_ended(f"another-boot {namespace} {pid} {int(start) + 1}")
    assert not has_ended(f"{boot} 1 {pid} {int(start) + 1}")
    assert not has_ended("")
    assert not has_ended("no process")
