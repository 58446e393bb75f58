"""What a worker process does: take up questions, one after another, until the operator closes the connection."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import socket
import threading
from collections.abc import Callable

import orjson

from kalends.executors.pools.calling import Returned, call_by_address, look_for
from kalends.executors.pools.framing import HEADER, STARTED, framed, length_of, split
from kalends.executors.results import error_text

CALL = "call"
LOOK_FOR = "look for"
_ACTIONS: dict[str, Callable[..., Returned]] = {CALL: call_by_address, LOOK_FOR: look_for}


def serve(connection: socket.socket) -> None:
    """Answer questions that come through a socket. It does not return while the other end is open."""
    # Programs that tasks start must not keep it open.
    connection.set_inheritable(False)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, questions), name="kalends-listener", daemon=True).start()
    this_process = os.getpid()
    with contextlib.suppress(OSError):
        while True:
            token, question = split(questions.get())
            connection.sendall(framed(token, STARTED))
            answer = framed(token, orjson.dumps(_answer(question).text()))
            if os.getpid() != this_process:
                os._exit(0)  # the task forked, and this is the child, which returned from the task as well
            connection.sendall(answer)


def _answer(question: bytes) -> Returned:
    try:
        action, *arguments = pickle.loads(question)  # noqa: S301 - asked by the operator that started this process
        return _ACTIONS[action](*arguments)
    except BaseException as error:  # noqa: BLE001 - a question that cannot be read fails its run, and no other
        return Returned(error=error_text(error))


def _listen(connection: socket.socket, questions: queue.SimpleQueue[bytes]) -> None:
    """Pass questions on, and end this process, with all that it has started, when the operator has ended.

    Its claims are recorded as lost then: what still ran here would run a second time, or without a record.
    """
    with contextlib.suppress(OSError, EOFError):
        while True:
            length = length_of(_exactly(connection, HEADER))
            questions.put(_exactly(connection, length))
    os.killpg(0, signal.SIGKILL)


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(min(count - len(received), 1 << 20))
        if not chunk:
            raise EOFError
        received += chunk
    return bytes(received)
