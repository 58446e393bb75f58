"""Run the scheduler suite in a program of one kind: ``python -m schedulers.child KIND [SCENARIO …]``.

Each line of its output is a result as JSON: the name of a scenario, and ``""`` or a traceback.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import queue
import sys
import threading
import traceback
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schedulers.program import Program
    from schedulers.suite import Scenario

AT_ONCE = 6
"""Scenarios at once: each waits more than it computes."""


def problem_of(scenario: Scenario, program: Program) -> str:
    """Return ``""``, or the traceback of a scenario that failed."""
    problem = ""
    try:
        scenario(program)
    except BaseException:  # noqa: BLE001 - it is the result
        problem = traceback.format_exc()
    try:
        program.end()
    except BaseException:  # noqa: BLE001 - it is the result
        problem += traceback.format_exc()
    return problem


def main() -> None:
    kind = sys.argv[1]
    faulthandler.dump_traceback_later(600, exit=True)
    if kind == "patched-gevent":
        from gevent import monkey

        monkey.patch_all()
    warnings.simplefilter("error")
    logging.disable(logging.CRITICAL)

    from schedulers.hosts import HOSTS
    from schedulers.program import Program
    from schedulers.suite import SCENARIOS

    host = HOSTS[kind]()
    wanted = sys.argv[2:] or list(SCENARIOS)
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in wanted:
        todo.put(name)

    def run_some() -> None:
        while True:
            try:
                name = todo.get_nowait()
            except queue.Empty:
                return
            line = json.dumps([name, problem_of(SCENARIOS[name], Program(host))])
            sys.stdout.write(line + "\n")  # in a single write: the threads share it
            sys.stdout.flush()

    def tests() -> None:
        threads = [threading.Thread(target=run_some) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    host.run(tests)


if __name__ == "__main__":
    main()
