"""Tasks that leave something behind in their process, or speak for others. Worker processes import this module."""

from __future__ import annotations

import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from kalends import task
from kalends.executors.pools import calling
from kalends.executors.pools.calling import Returned
from kalends.executors.pools.framing import STARTED, framed


def _state() -> dict[str, Any]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "cwd": str(Path.cwd()),
        "umask": umask,
        "left": os.environ.get("LEFT"),
        "zone": time.tzname[0],
        "path": sys.path[0] == "evil",
        "recursion": sys.getrecursionlimit(),
        "signal": signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL,
        "patched": vars(calling)["result_text"].__name__,
        "pid": os.getpid(),
    }


@task(name="leave.look")
def look() -> dict[str, Any]:
    return _state()


@task(name="leave.behind")
def leave_behind() -> dict[str, Any]:
    os.chdir("/")
    os.umask(0)
    os.environ.update({"LEFT": "behind", "TZ": "Asia/Tokyo"})
    time.tzset()
    sys.path.insert(0, "evil")
    sys.setrecursionlimit(200)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    state = _state()

    def forged(value: object) -> tuple[str | None, str]:
        return json.dumps(state if value is state else "forged"), ""

    vars(calling)["result_text"] = forged
    return state


def _of_the_worker() -> tuple[socket.socket, bytes]:
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        if "token" in frame.f_locals and "connection" in frame.f_locals:
            return frame.f_locals["connection"], frame.f_locals["token"]
        frame = frame.f_back
    raise AssertionError


def _forged(token: bytes) -> bytes:
    answer = json.dumps(asdict(Returned('"FORGED"'))).encode()
    return framed(token, answer) + framed(token, STARTED) + framed(token, answer)


@task(name="leave.forge")
def forge() -> None:
    """Give this run's answer and that of the next run."""
    connection, token = _of_the_worker()
    connection.sendall(_forged(token))
    time.sleep(60)


@task(name="leave.forge_later")
def forge_later(asked: str, note: str) -> str:
    """Give the answer of the next run when the test asks for it: once this run has ended."""
    connection, token = _of_the_worker()

    def later() -> None:
        while not Path(asked).exists():
            time.sleep(0.01)
        connection.sendall(_forged(token))
        Path(note).write_text("sent")

    threading.Thread(target=later, daemon=True).start()
    return "mine"


@task(name="leave.forge_when_asked")
def forge_when_asked(note: str) -> str:
    """Send a result for the next run from this run."""
    connection, token = _of_the_worker()

    def later() -> None:
        while not Path(note).exists():
            time.sleep(0.01)
        connection.sendall(_forged(token))

    threading.Thread(target=later, daemon=True).start()
    return "mine"


@task(name="leave.wait")
def wait(note: str) -> str:
    """Ask for a forged answer, and wait: the worker is killed for it."""
    Path(note).write_text("asked")
    time.sleep(60)
    return "mine"


@task(name="leave.program_and_die")
def program_and_die(pid_file: str) -> None:
    child = subprocess.Popen(["sleep", "60"])
    Path(pid_file).write_text(str(child.pid))
    os._exit(3)


@task(name="leave.orphan")
def orphan() -> int:
    """Start a program whose parent ends at once, and return its number."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        if (pid := os.fork()) == 0:
            time.sleep(0.1)
        else:
            os.write(writing, str(pid).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reading, 32))
