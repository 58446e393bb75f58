"""How this process and its workers tell one message from the next: four bytes of length, then the message."""

from __future__ import annotations

HEADER = 4
LONGEST_ANSWER = 64 * 1024
"""Bytes. Results and errors are cut to far less before they are sent."""
STARTED = b"started"
"""What a worker says when it takes up a question, before its answer."""


def framed(message: bytes) -> bytes:
    """Return a message as it is sent."""
    return len(message).to_bytes(HEADER, "big") + message


def length_of(header: bytes) -> int:
    """Return how many bytes follow."""
    return int.from_bytes(header, "big")
