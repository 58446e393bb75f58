"""The process from which worker processes are forked: a fresh interpreter that imports Kalends and never runs a task.

A worker that is forked here starts in the state in which the operator started: working folder, umask, environment, time
zone, import path, limits, signal handlers, modules. It costs two milliseconds; a new interpreter costs two hundred.
This process has one thread, so that a fork copies no lock that another thread holds; and it imports no module of a
task, as what a module opens when it is imported must not be shared by all workers.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import selectors
import signal
import socket
import struct
import sys

from kalends.executors import redaction
from kalends.executors.pools.worker import serve

REQUEST = b"F"
"""Comes with one file descriptor: the worker's end of its connection."""
REPLY = struct.Struct("!cii")
"""What happened, the process, and its exit code or an error number."""
FORKED, FAILED, ENDED = b"F", b"E", b"D"
_PR_SET_CHILD_SUBREAPER = 36


def serve_forks(descriptor: int) -> None:
    """Fork a worker for each request, and report how each ended, until the operator closes the connection."""
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    _adopt_orphans()
    redaction.prepare()
    gc.collect()
    gc.freeze()  # a collection in a worker would write to, and so copy, every page of what is shared
    wakened, wakening = socket.socketpair()
    for end in (wakened, wakening):
        end.settimeout(0)
    signal.set_wakeup_fd(wakening.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    workers: set[int] = set()
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError, EOFError):
        selector.register(control, selectors.EVENT_READ)
        selector.register(wakened, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if wakened in ready:
                with contextlib.suppress(BlockingIOError):
                    wakened.recv(4096)
                report_ended(control, workers)
            if control in ready:
                fork_worker(control, workers, (selector, wakened, wakening))
    for pid in workers:
        end_group(pid)
    os._exit(0)


def fork_worker(
    control: socket.socket,
    workers: set[int],
    own: tuple[selectors.BaseSelector, socket.socket, socket.socket],
) -> None:
    """Receive one request and the descriptor of its worker's connection, fork the worker, and reply.

    Args:
        control: The connection to the operator.
        workers: The process IDs of the workers; the new worker is added.
        own: What the worker must close, as it belongs to the server.

    Raises:
        EOFError: The operator has closed the connection.
    """
    request, descriptors, _, _ = socket.recv_fds(control, len(REQUEST), 1)
    if not request:
        raise EOFError
    if not descriptors:  # the server has no descriptor left to receive it with
        control.sendall(REPLY.pack(FAILED, 0, errno.EMFILE))
        return
    (descriptor,) = descriptors
    try:
        pid = os.fork()
    except OSError as error:
        os.close(descriptor)
        control.sendall(REPLY.pack(FAILED, 0, error.errno or 0))
        return
    if pid == 0:
        _become_worker(descriptor, [control, *own])
    os.close(descriptor)
    workers.add(pid)
    control.sendall(REPLY.pack(FORKED, pid, 0))


def _become_worker(descriptor: int, of_the_server: list[socket.socket | selectors.BaseSelector]) -> None:
    try:
        os.setsid()  # with all that the task starts, so that one signal ends all of it
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for resource in of_the_server:
            resource.close()
        serve(socket.socket(fileno=descriptor))
    finally:
        os._exit(1)


def report_ended(control: socket.socket, workers: set[int]) -> None:
    """Report workers that have ended, after what each had started has ended as well; reap every child."""
    while (ended := _next_ended(workers)) is not None:
        pid, code = ended
        if pid in workers:
            workers.discard(pid)
            control.sendall(REPLY.pack(ENDED, pid, code))


def _next_ended(workers: set[int]) -> tuple[int, int] | None:
    with contextlib.suppress(ChildProcessError):
        which = -1
        if hasattr(os, "waitid"):
            # The number of a process is taken until it is reaped: only its own group can have it as a name.
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return None
            which = found.si_pid
            if which in workers:
                end_group(which)
        # Reaping any other child here would leave alive what that child had started.
        pid, status = os.waitpid(which, os.WNOHANG)
        if pid:
            return pid, os.waitstatus_to_exitcode(status)
    return None


def end_group(pid: int) -> None:
    """Kill a process and the processes of its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _adopt_orphans() -> None:
    """Have programs that outlive their worker reaped here: as process 1 of a container, the operator reaps none."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
