"""A limit of the waits for RethinkDB: its driver has a limit for the connection alone."""

from __future__ import annotations

import socket
import struct
from typing import Any

_MICROSECONDS = 1_000_000


def limit_waits(connection: Any, seconds: float) -> None:
    """Have each send and each receive of a connection of the driver fail after so many seconds without progress.

    The driver itself sets the time limits that Python has for sockets, and so removes them; those of the system stay.
    """
    limit = struct.pack("@ll", *divmod(int(seconds * _MICROSECONDS), _MICROSECONDS))
    # The driver has no public way to its socket.
    own: socket.socket = connection._instance._socket._socket  # noqa: SLF001
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
