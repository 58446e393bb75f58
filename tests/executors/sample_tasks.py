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

from kalends import current_run, task

RELEASE = threading.Event()
"""Ends what hangs in a thread."""
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
def fail():
    raise ValueError("no \x00 such\x1b[31m thing")


@task(name="test.wordless")
def wordless():
    raise WordlessError


@task(name="test.fail_at_length")
def fail_at_length():
    raise ValueError("x" * 50_000_000)


@task(name="test.fail_with_environment")
def fail_with_environment():
    shown = {name: value for name, value in os.environ.items() if name.startswith("ACME_")}
    raise RuntimeError(f"cannot connect: {shown}")


@task(name="test.exit")
def leave():
    sys.exit("bye")


@task(name="test.interrupt")
def interrupt():
    raise KeyboardInterrupt


@task(name="test.recurse")
def recurse():
    return recurse()


@task(name="test.unjson")
def unjson():
    return object()


@task(name="test.lock")
def lock():
    return [threading.Lock()]


@task(name="test.nested")
def nested():
    value: list = []
    for _ in range(100_000):
        value = [value]
    return value


@task(name="test.long")
def long():
    return "x" * 5000


@task(name="test.huge")
def huge():
    return "x" * 100_000_000


@task(name="test.many")
def many():
    return {"rows": [{"number": n, "text": "row"} for n in range(200_000)]}


@task(name="test.totals")
def totals():
    return Totals(2, ["a", "b"])


@task(name="test.chatter")
def chatter():
    for _ in range(20):
        sys.stdout.write("x" * 100_000 + "\n")
    return "said"


@task(name="test.hang")
def hang():
    RELEASE.wait(30)
    return "released"


@task(name="test.doze")
async def doze(seconds: float = 30):
    await asyncio.sleep(seconds)
    return "slept"


@task(name="test.deaf")
async def deaf():
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        return "went on"


@task(name="test.heed")
def heed():
    run = current_run()
    return {"heeded": run.wait(30), "cancelled": run.cancelled}


@task(name="test.who")
async def who():
    SEEN.append(current_run())


@task(name="test.size")
def size(text: str):
    return len(text)


@task(name="test.thread")
def thread():
    return threading.get_ident()


@task(name="test.process")
def process():
    return os.getpid()


@task(name="test.die")
def die():
    os._exit(3)


@task(name="test.abort")
def abort():
    os.abort()


@task(name="test.shell")
def shell():
    return subprocess.run(["echo", "hello"], check=True).returncode


@task(name="test.children")
def children(told: str):
    """Start a program that would go on by itself, and wait."""
    child = subprocess.Popen(["sleep", "60"])
    Path(told).write_text(str(child.pid))
    time.sleep(60)


@task(name="test.orphan_and_die")
def orphan_and_die():
    """Leave a copy of this process behind, which holds all that it holds, and die."""
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


@task(name="test.fork_and_return")
def fork_and_return():
    return os.fork() == 0


@task(name="test.report_pid")
def report_pid(told: str):
    Path(told).write_text(str(os.getpid()))
    time.sleep(60)


@task(name="test.report_parent")
def report_parent(told: str):
    Path(told).write_text(str(os.getppid()))
    time.sleep(60)
