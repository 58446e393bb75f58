"""Messages between the operator and a worker process: four bytes of length, a token, then the message.

Each question has its own token, which the answer must repeat. A process that has served a run may still write to
its connection: nothing that it makes up beforehand is taken for the answer to a later question.
"""

from __future__ import annotations

HEADER = 4
TOKEN = 16
"""Bytes that bind an answer to its question."""
LONGEST_ANSWER = 64 * 1024
"""Bytes. Results and errors are cut to far less before they are sent."""
STARTED = b"started"
"""What a worker sends when it takes up a question, before its answer."""


def framed(token: bytes, message: bytes) -> bytes:
    """Return a message as it is sent."""
    return (len(token) + len(message)).to_bytes(HEADER, "big") + token + message


def length_of(header: bytes) -> int:
    """Return how many bytes follow."""
    return int.from_bytes(header, "big")


def split(frame: bytes) -> tuple[bytes, bytes]:
    """Return the token and the message of what follows a header."""
    return frame[:TOKEN], frame[TOKEN:]
