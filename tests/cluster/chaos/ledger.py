"""A task that writes down that it ran: the operator loads this module, and nothing else of the tests.

Each line is one ``write`` to a file that was opened with ``O_APPEND``, so that threads and processes never tear each
other's lines, and a kill can lose no line that was written.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from kalends.tasks import current_run, task

LEDGER = "AUDIT_LEDGER"


@task(name="ledger.work")
def work(mark: str, seconds: float = 0.1, fail_every: int = 0, good_attempt: int = 1) -> str:
    """Take so long, and fail where asked to.

    Args:
        mark: Tells which manifest asked.
        seconds: How long it takes.
        fail_every: Every fire time that this divides fails; 0: none.
        good_attempt: Attempts before this one fail.
    """
    run = current_run()
    entry = {
        "namespace": run.namespace,
        "name": run.scheduled_job,
        "run": run.name,
        "fire": run.fire_time,
        "attempt": run.attempt,
        "mark": mark,
        "pid": os.getpid(),
        "ancestors": ancestors(),
        "at_start": time.time(),
    }
    write({"what": "start", **entry})
    if seconds:
        time.sleep(seconds)
    fails = run.attempt < good_attempt or (fail_every and run.fire_time % fail_every == 0)
    write({"what": "end", **entry, "at": time.time(), "outcome": "fail" if fails else "ok"})
    if fails:
        raise RuntimeError("as requested")
    return "done"


def ancestors() -> list[int]:
    """Return the process IDs of this process's parent, of the parent's parent and so on: the operator is among them.

    A worker process is started by a process that the operator started.
    """
    found = [os.getppid()]
    while found[-1] > 1:
        try:
            fields = Path(f"/proc/{found[-1]}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended just now
            break
        found.append(int(fields[1]))
    return found


def write(line: dict[str, Any]) -> None:
    """Append one line to the ledger."""
    descriptor = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)
