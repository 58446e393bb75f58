"""Tasks that do their best to cause trouble. Worker processes import this module by its name."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kalends import current_run, task

RELEASE = threading.Event()
"""Ends what hangs in a thread."""
BEGAN = threading.Event()
"""Set by tasks in threads that a test waits for."""
LONG = 200.0
"""Seconds. A test ends what takes so long."""
SEEN: list[object] = []
"""What tasks in threads have seen."""


class WordlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@dataclass
class Totals:
    rows: int
    names: list[str]


@task(name="test.fail")
def fail() -> None:
    raise ValueError("no \x00 such\x1b[31m thing")


@task(name="test.wordless")
def wordless() -> None:
    raise WordlessError


@task(name="test.fail_at_length")
def fail_at_length() -> None:
    raise ValueError("x" * 50_000_000)


@task(name="test.fail_with_environment")
def fail_with_environment() -> None:
    shown = {name: value for name, value in os.environ.items() if name.startswith("ACME_")}
    raise RuntimeError(f"cannot connect: {shown}")


@task(name="test.exit")
def leave() -> None:
    sys.exit("bye")


@task(name="test.interrupt")
def interrupt() -> None:
    raise KeyboardInterrupt


@task(name="test.recurse")
def recurse() -> Any:
    return recurse()


@task(name="test.unjson")
def unjson() -> Any:
    return object()


@task(name="test.lock")
def lock() -> list[Any]:
    return [threading.Lock()]


@task(name="test.nested")
def nested() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@task(name="test.long")
def long() -> str:
    return "x" * 5000


@task(name="test.huge")
def huge() -> str:
    return "x" * 100_000_000


@task(name="test.many")
def many() -> dict[str, Any]:
    return {"rows": [{"number": n, "text": "row"} for n in range(200_000)]}


@task(name="test.totals")
def totals() -> Totals:
    return Totals(2, ["a", "b"])


@task(name="test.chatter")
def chatter() -> str:
    for _ in range(20):
        sys.stdout.write("x" * 100_000 + "\n")
    return "said"


@task(name="test.hang")
def hang() -> str:
    RELEASE.wait(LONG)
    return "released"


@task(name="test.wait_for")
def wait_for(file: str) -> None:
    """Wait until a file exists."""
    while not Path(file).exists():
        time.sleep(0.01)


@task(name="test.doze")
async def doze(seconds: float = LONG) -> Any:
    await asyncio.sleep(seconds)
    return "slept"


@task(name="test.deaf")
async def deaf() -> Any:
    BEGAN.set()
    try:
        await asyncio.sleep(LONG)
    except asyncio.CancelledError:
        return "went on"


@task(name="test.heed")
def heed() -> dict[str, Any]:
    run = current_run()
    BEGAN.set()
    return {"heeded": run.wait(LONG), "cancelled": run.cancelled}


@task(name="test.who")
async def actor() -> None:
    SEEN.append(current_run())


@task(name="test.size")
def size(text: str) -> int:
    return len(text)


@task(name="test.thread")
def thread() -> int:
    return threading.get_ident()


@task(name="test.process")
def process() -> Any:
    return os.getpid()


@task(name="test.die")
def die() -> None:
    os._exit(3)


@task(name="test.abort")
def abort() -> None:
    os.abort()


@task(name="test.shell")
def shell() -> Any:
    return subprocess.run(["echo", "hello"], check=True).returncode


@task(name="test.children")
def children(pid_file: str) -> None:
    """Start a program that does not end by itself, and wait for it."""
    child = subprocess.Popen(["sleep", "60"])
    Path(pid_file).write_text(str(child.pid))
    time.sleep(60)


@task(name="test.orphan_and_die")
def orphan_and_die() -> None:
    """Leave a copy of this process behind, which holds all that it holds, and die."""
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


@task(name="test.fork_and_return")
def fork_and_return() -> Any:
    return os.fork() == 0


@task(name="test.report_pid")
def report_pid(pid_file: str) -> None:
    Path(pid_file).write_text(str(os.getpid()))
    time.sleep(60)


@task(name="test.report_parent")
def report_parent(pid_file: str) -> None:
    Path(pid_file).write_text(str(os.getppid()))
    time.sleep(60)
