"""Waits until a component serves or has failed."""

import http.client
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from .errors import ComponentFailed
from .ports import LOOPBACK
from .processes import SupervisedProcess

PAUSE_SECONDS = 0.02
ANSWER_SECONDS = 10.0


def wait_until(is_ready: Callable[[], bool], process: SupervisedProcess, *, within: float) -> None:
    """Return when the claim holds; raise ComponentFailed if the process ends first, or after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not is_ready():
        if not process.is_running:
            raise ComponentFailed(f"{process.name} ended before it was ready\n{process.last_words()}")
        if time.monotonic() > deadline:
            raise ComponentFailed(f"{process.name} was not ready within {within:g} s\n{process.last_words()}")
        time.sleep(PAUSE_SECONDS)


def answers(port: int, path: str) -> bool:
    """Return whether an HTTP server answers the path with status 200."""
    return status_of(http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS), path, {}) == http.HTTPStatus.OK


def answers_securely(port: int, path: str, *, authority: Path, token: str) -> bool:
    """Return the same for an HTTPS server, whose certificate is verified with the authority's file."""
    try:
        context = ssl.create_default_context(cafile=authority)
    except (FileNotFoundError, ssl.SSLError):  # the server has yet to write it, or is about to
        return False
    connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=ANSWER_SECONDS, context=context)
    return status_of(connection, path, {"Authorization": f"Bearer {token}"}) == http.HTTPStatus.OK


def status_of(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> int | None:
    """Return the HTTP status of a GET, or None without an answer; no proxy is ever used."""
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
