"""What a worker process does: take up questions, one after another, until nobody asks any more."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import socket
import threading
from dataclasses import asdict

import orjson

from kalends.executors.calling import Returned, call_by_name
from kalends.executors.framing import HEADER, STARTED, framed, length_of
from kalends.executors.results import error_text


def serve(descriptor: int) -> None:
    """Answer questions that come through a socket. It does not return while the other end is open."""
    connection = socket.socket(fileno=descriptor)
    # Programs that tasks start must not keep it open.
    connection.set_inheritable(False)
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, questions), name="kalends-listener", daemon=True).start()
    this_process = os.getpid()
    with contextlib.suppress(OSError):
        while True:
            question = questions.get()
            connection.sendall(framed(STARTED))
            answer = framed(orjson.dumps(asdict(_answer(question))))
            if os.getpid() != this_process:
                os._exit(0)  # a task forked, and its child came back as if it were us
            connection.sendall(answer)


def _answer(question: bytes) -> Returned:
    try:
        return call_by_name(*pickle.loads(question))  # noqa: S301 - asked by the operator that started us
    except BaseException as error:  # noqa: BLE001 - a question that cannot be read fails its run, and no other
        return Returned(error=error_text(error))


def _listen(connection: socket.socket, questions: queue.SimpleQueue[bytes]) -> None:
    """Pass questions on, and end this process, with all that it has started, when the operator has ended.

    Its claims are given up as lost then: what still ran here would run for nobody, or a second time.
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
