"""Free ports of the loopback interface."""

import secrets
import socket

LOOPBACK = "127.0.0.1"
CANDIDATES = range(20000, 30000)
"""Below the range from which Linux takes the ports of outgoing connections (32768 and up): a component that is
stopped for a while must find its own port still free."""


def free_port() -> int:
    """Return a port that is free at this moment."""
    for _ in range(100):
        port = CANDIDATES.start + secrets.randbelow(len(CANDIDATES))
        with socket.socket() as probe:
            # As servers do; without it a port with lingering closed connections would look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError(f"found no free port among {CANDIDATES}")
